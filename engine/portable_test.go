package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/secret"
)

// abroad is another server, with Ann who sets it up; ids of hers are not those of
// anybody here.
func abroad(t *testing.T) (*staff, auth.Actor) {
	t.Helper()
	s := newStaff(t)
	s.hire("Zoe")
	return s, s.as(s.hire("Ann", auth.Root))
}

// asks is a manual node that Ann decides.
func asks(key string, who any) flow {
	return flow{kind: "manual", key: key, config: fmt.Sprintf(`{"assignees": %v, "title": "Look <at> {{$context.data.quantity}} & decide",
		"forms": {"f1": {"type": "custom", "actions": [{"key": "ok", "status": 1}]}}}`, who)}
}

func (s *staff) exported(actor auth.Actor, ids ...int64) string {
	s.t.Helper()
	file, err := s.e.ExportWorkflows(s.t.Context(), actor, ids)
	if err != nil {
		s.t.Fatal(err)
	}
	raw, err := file.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	return string(raw)
}

func read(t *testing.T, raw string) engine.Portable {
	t.Helper()
	file, err := engine.ReadPortable([]byte(raw))
	if err != nil {
		t.Fatalf("read the file: %v\n%s", err, raw)
	}
	return file
}

// TestExportAndImport: what goes out comes in elsewhere and goes out again byte by
// byte, people by name, categories by title.
func TestExportAndImport(t *testing.T) {
	t.Parallel()
	here := newStaff(t)
	ann := here.hire("Ann", auth.Root)
	wf := orderFlow(t, here.world)
	here.add(wf.ID, []flow{asks("m", fmt.Sprintf(`[%d, "{{$context.data.createdById}}", 4711]`, ann.ID))}, nil, nil)
	title, about, options := "Stock & orders", "Checks <everything>.\nThen writes back.", fmt.Sprintf(`{"timeout": 60000, "concurrency": 2, "ownerId": %d,
		"alerts": {"mode": "own", "owner": false, "userIds": [%d, 4711], "roles": ["admin"], "after": 1, "minutes": 0, "every": 60, "recovered": true}}`, ann.ID, ann.ID)
	if _, err := here.e.UpdateWorkflow(t.Context(), auth.System, wf.ID, engine.WorkflowChange{Title: &title, Description: &about, Options: []byte(options)}); err != nil {
		t.Fatal(err)
	}
	err := here.e.Records.Write(t.Context(), "workflowCategories", func(tx *pg.Tx) error {
		made, err := here.e.Records.Create(t.Context(), tx, collection.Access{Actor: auth.System}, "workflowCategories", collection.Record{"title": "Sales"}, nil)
		if err == nil {
			_, err = tx.ExecContext(t.Context(), `INSERT INTO alur.workflow_category_relations VALUES ($1, $2)`, wf.ID, int64(made["id"].(float64)))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	second := here.off(pure("a"), pure("b"))
	raw := here.exported(here.as(ann), second.ID, wf.ID)
	for _, want := range []string{`"format": "alur.workflows"`, `"$person": {`, `"Sales"`, `"upstream": "c",` + "\n" + `          "branch": 1`, "Look <at>"} {
		if !strings.Contains(raw, want) {
			t.Errorf("the file has no %s:\n%s", want, raw)
		}
	}
	for _, never := range []string{fmt.Sprint(ann.ID), "4711", fmt.Sprint(wf.ID), "createdAt"} {
		if strings.Contains(raw, never) {
			t.Errorf("the file holds %s:\n%s", never, raw)
		}
	}

	there, boss := abroad(t)
	there.shop()
	file := read(t, raw)
	p, err := there.e.PreviewImport(t.Context(), boss, file, engine.Choices{})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range p.Arrivals {
		if len(a.Wrong)+len(a.Missing)+len(a.Problems) > 0 {
			t.Errorf("%s: wrong %v, missing %v, problems %v", a.Portable.Title, a.Wrong, a.Missing, a.Problems)
		}
	}
	if len(p.People) != 1 || p.People[0].ID != boss.UserID {
		t.Errorf("the people are %v, want Ann of this server", p.People)
	}
	made, err := there.e.ImportWorkflows(t.Context(), boss, file, engine.Choices{})
	if err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for _, w := range made {
		if w.Enabled || !w.Current {
			t.Errorf("%s came in enabled %v, current %v", w.Title, w.Enabled, w.Current)
		}
		ids = append(ids, w.ID)
	}
	if got := there.one(`SELECT (options ->> 'ownerId') || ' ' || (options #>> '{alerts,userIds}') FROM alur.workflows WHERE options ? 'alerts'`); got != fmt.Sprintf("%d [%d]", boss.UserID, boss.UserID) {
		t.Errorf("who answers and who hears of failures is %s, want Ann of this server", got)
	}
	if again := there.exported(boss, ids...); again != raw {
		t.Errorf("exported again it is\n%s\nwant\n%s", again, raw)
	}
	if got := there.one(`SELECT count(*) FROM alur.audit_log WHERE text LIKE 'Imported the workflow %from a file.'`); got != "2" {
		t.Errorf("%s lines of the audit log, want 2", got)
	}
	if got := here.one(`SELECT count(*) FROM alur.audit_log WHERE kind = 'export' AND text LIKE 'Exported to a file: %Stock & orders%'`); got != "1" {
		t.Errorf("%s lines of the audit log about the export, want 1", got)
	}
	for _, w := range made {
		if w.Title == title {
			if _, err := there.e.EnableWorkflow(t.Context(), boss, w.ID, true); err != nil {
				t.Errorf("what came in cannot be turned on: %v", err)
			}
		}
	}
}

// TestImportReference reads what the API answers, ours and that of the reference.
func TestImportReference(t *testing.T) {
	t.Parallel()
	s, boss := abroad(t)
	s.shop()
	const one = `{"id": 365, "key": "k8", "title": "Restock", "enabled": true, "current": true, "type": "collection", "sync": false,
		"config": {"collection": "main:orders", "mode": 1, "appends": []}, "options": {"timeout": 0}, "executed": 3, "createdAt": "2026-01-02T03:04:05.000Z",
		"nodes": [
			{"id": "11", "key": "last", "type": "calculation", "title": "Sum", "config": {"engine": "math.js", "expression": "1+1"}, "upstreamId": 10, "downstreamId": null, "branchIndex": null},
			{"id": 10, "key": "ask", "type": "condition", "title": "Enough?", "config": {"rejectOnFalse": false}, "upstreamId": null, "downstreamId": "11", "branchIndex": null},
			{"id": 13, "key": "no", "type": "end", "title": "", "config": {"endStatus": -1}, "upstreamId": 10, "downstreamId": null, "branchIndex": 0},
			{"id": 12, "key": "yes", "type": "calculation", "title": "Half", "config": {}, "upstreamId": "10", "downstreamId": 14, "branchIndex": 1},
			{"id": 14, "key": "more", "type": "manual", "title": "Look", "config": {"assignees": [7], "forms": {"f": {"actions": [{"key": "ok", "status": 1}]}}}, "upstreamId": 12, "downstreamId": null, "branchIndex": null}]}`
	for name, raw := range map[string]string{"answer": `{"data": ` + one + `}`, "alone": one, "list": `{"data": [` + one + `], "meta": {"count": 1}}`, "array": "[" + one + "]"} {
		file := read(t, raw)
		p, err := s.e.PreviewImport(t.Context(), boss, file, engine.Choices{})
		if err != nil || len(p.Arrivals) != 1 || len(p.Arrivals[0].Wrong) > 0 {
			t.Fatalf("%s: %v, %+v", name, err, p)
		}
		if m := p.Arrivals[0].Missing; len(m) != 1 || m[0].What != "person" || m[0].Name != "Person number 7" {
			t.Errorf("%s: missing is %v, want person number 7", name, m)
		}
		made, err := s.e.ImportWorkflows(t.Context(), boss, file, engine.Choices{People: map[string]int64{"id:7": boss.UserID}})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := s.shape(made[0].ID); got != "ask(1: yes more, 0: no) last" {
			t.Errorf("%s: the tree is %s", name, got)
		}
		if got := string(s.node(made[0].ID, "more").Config); !strings.Contains(got, fmt.Sprintf(`"assignees": [%d]`, boss.UserID)) {
			t.Errorf("%s: who decides is %s", name, got)
		}
	}
	if got := s.one(`SELECT count(DISTINCT key) FROM alur.workflows`); got != "4" {
		t.Errorf("%s keys, want one for each workflow", got)
	}
}

// inFile is a file with one workflow on orders.
func inFile(nodes string) string {
	return `{"format": "alur.workflows", "version": 1, "workflows": [{"key": "w", "title": "W", "description": "", "categories": [], "sync": false, "options": {},
		"trigger": {"type": "collection", "title": "", "config": {"collection": "orders", "mode": 1}}, "nodes": [` + nodes + `]}]}`
}

// TestImportBroken: a file that cannot be read says where it is wrong.
func TestImportBroken(t *testing.T) {
	t.Parallel()
	many := strings.Repeat(inFile("")[len(`{"format": "alur.workflows", "version": 1, "workflows": [`):len(inFile(""))-2]+",", engine.MaxPortableWorkflows)
	for name, tc := range map[string]struct{ raw, want string }{
		"empty":           {" \n", "The file is empty"},
		"no text":         {"PK\x03\x04\xff\xfe", "no text"},
		"no JSON":         {"{\n  \"format\": \"alur.workflows\",\n  oops\n}", "Line 3: this is not JSON"},
		"cut short":       {inFile("")[:200], "breaks off"},
		"too large":       {strings.Repeat(" ", engine.MaxPortableBytes+1), "larger than 2 MB"},
		"too deep":        {strings.Repeat("[", 65) + strings.Repeat("]", 65), "up to 64 times"},
		"something else":  {`{"name": "left-pad"}`, "no file of workflows"},
		"a text":          {`"hello"`, "no file of workflows"},
		"other format":    {`{"format": "other", "version": 1}`, "format \"other\""},
		"newer version":   {`{"format": "alur.workflows", "version": 2}`, "version 2, and this server reads version 1"},
		"no version":      {`{"format": "alur.workflows"}`, "version nothing"},
		"none in it":      {`{"format": "alur.workflows", "version": 1, "workflows": []}`, "no workflow in the file"},
		"too many":        {`{"format": "alur.workflows", "version": 1, "workflows": [` + many + inFile("")[len(`{"format": "alur.workflows", "version": 1, "workflows": [`):], "101 workflows. At most 100"},
		"wrong type":      {strings.Replace(inFile(""), `"title": "W"`, "\n\n\"title\": 7", 1), "Line 3: “workflows.title” must be a text, not number"},
		"typing mistake":  {strings.Replace(inFile(""), `"nodes"`, "\n\"nodez\"", 1), `has no "nodez"`},
		"without nodes":   {`{"data": {"type": "collection", "title": "x"}}`, "appends[]=nodes"},
		"reference, line": {"{\n\"data\": {\"type\": \"collection\",\n\"nodes\": [\n{\"id\": 1, \"key\": 5}]}}", "Line 4: "},
		"list of others":  {`[{"id": 1}]`, "Number 1 of the list"},
	} {
		_, err := engine.ReadPortable([]byte(tc.raw))
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Kind != fault.Invalid || !strings.Contains(f.Fields["file"], tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

// TestImportWrong: what nobody could save does not come in, with the place of each
// problem, and nothing is made.
func TestImportWrong(t *testing.T) {
	t.Parallel()
	s, boss := abroad(t)
	s.shop()
	const calc = `{"key": "a", "type": "calculation", "title": "A", "config": {}}`
	for name, tc := range map[string]struct{ raw, field, want string }{
		"no trigger":        {strings.Replace(inFile(""), `"type": "collection"`, `"type": "telepathy"`, 1), "workflows.0.trigger.type", "no trigger of type “telepathy”"},
		"trigger's type":    {strings.Replace(inFile(""), `"mode": 1`, `"mode": "x"`, 1), "workflows.0.trigger.config.mode", "Give a whole number"},
		"trigger's mode":    {strings.Replace(inFile(""), `"mode": 1`, `"mode": 99`, 1), "workflows.0.trigger.config.mode", "Choose when it starts"},
		"options":           {strings.Replace(inFile(""), `"options": {}`, `"options": []`, 1), "", ""},
		"long title":        {strings.Replace(inFile(""), `"title": "W"`, `"title": "`+strings.Repeat("x", 256)+`"`, 1), "workflows.0.title", "255"},
		"no key":            {inFile(`{"type": "end"}`), "workflows.0.key", "no key"},
		"key twice":         {inFile(calc + "," + calc), "workflows.0.nodes.a.key", "Two nodes have the key “a”"},
		"no type":           {inFile(`{"key": "a"}`), "workflows.0.nodes.a.type", "Choose a type"},
		"two heads":         {inFile(calc + `,{"key": "b", "type": "end"}`), "workflows.0.nodes.b.upstream", "Two nodes come first"},
		"same place":        {inFile(calc + `,{"key": "b", "type": "end", "upstream": "a"},{"key": "c", "type": "end", "upstream": "a"}`), "workflows.0.nodes.c.upstream", "stand in the same place"},
		"upstream missing":  {inFile(`{"key": "b", "type": "end", "upstream": "x"}`), "workflows.0.nodes.b.upstream", "“x”, is not in the file"},
		"branch of nothing": {inFile(`{"key": "b", "type": "end", "branch": 1}`), "workflows.0.nodes.b.branch", "branch of no node"},
		"circle":            {inFile(`{"key": "b", "type": "end", "upstream": "c"},{"key": "c", "type": "end", "upstream": "b"}`), "workflows.0.nodes", "not linked as a tree"},
		"no branches":       {inFile(calc + `,{"key": "b", "type": "end", "upstream": "a", "branch": 1}`), "workflows.0.nodes.a.branch", "no branches"},
		"config a list":     {inFile(`{"key": "a", "type": "end", "config": [1]}`), "workflows.0.nodes.a.config", "Give an object"},
		"config's type":     {inFile(`{"key": "a", "type": "query", "config": {"collection": 5}}`), "workflows.0.nodes.a.config.collection", "Give a text here, not a number"},
		"config's value":    {inFile(`{"key": "a", "type": "end", "config": {"endStatus": 7}}`), "workflows.0.nodes.a.config.endStatus", "succeeded or failed"},
		"deep field":        {inFile(`{"key": "a", "type": "create", "config": {"collection": "orders", "params": {"values": "x"}}}`), "workflows.0.nodes.a.config.params.values", "by field"},
		"waits in sync":     {strings.Replace(inFile(`{"key": "a", "type": "delay", "config": {}}`), `"sync": false`, `"sync": true`, 1), "workflows.0.nodes.a.type", "cannot wait"},
		"too many nodes":    {inFile(strings.TrimSuffix(strings.Repeat(`{"key": "a", "type": "end"},`, engine.MaxPortableNodes+1), ",")), "workflows.0.nodes", "1001 nodes. A workflow has at most 1000"},
	} {
		_, err := s.e.ImportWorkflows(t.Context(), boss, read(t, tc.raw), engine.Choices{})
		f, ok := errors.AsType[*fault.Error](err)
		if tc.field == "" {
			tc.field = "workflows.0.options"
		}
		if !ok || f.Kind != fault.Invalid || !strings.Contains(f.Fields[tc.field], tc.want) || f.Fields[tc.field] == "" {
			t.Errorf("%s: %v %v, want %q at %s", name, err, fields(f), tc.want, tc.field)
		}
	}
	for _, raw := range []string{`"\u0000"`, `1e999999`} {
		_, err := s.e.ImportWorkflows(t.Context(), boss, read(t, inFile(`{"key": "a", "type": "output", "config": {"value": `+raw+`}}`)), engine.Choices{})
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("a value %s: %v", raw, err)
		}
	}
	if got := s.one(`SELECT count(*) FROM alur.workflows`); got != "0" {
		t.Errorf("%s workflows were made", got)
	}
}

func fields(f *fault.Error) map[string]string {
	if f == nil {
		return nil
	}
	return f.Fields
}

// TestImportMissing: what a workflow needs and is not here is listed once, with
// where it is used, and does not keep it out.
func TestImportMissing(t *testing.T) {
	t.Parallel()
	s, _ := abroad(t)
	s.shop()
	s.e.Values = &secret.Store{DB: s.db, Now: time.Now}
	raw := strings.Replace(inFile(`{"key": "q", "type": "query", "title": "Find", "config": {"collection": "bricks", "params": {"filter": {"a": {"$eq": "{{$env.TOKEN}}"}}}}},
		{"key": "r", "type": "query", "title": "Find more", "config": {"collection": "bricks"}, "upstream": "q"},
		{"key": "x", "type": "teleport", "title": "Beam", "config": {"to": "{{$env.TOKEN}}"}, "upstream": "r"},
		{"key": "u", "type": "update", "title": "Write", "config": {"collection": "orders", "params": {"filter": {"colour": {"$eq": 1}}, "values": {"status": "{{$jobsMapByNodeKey.gone.x}}", "quantity": "{{$jobsMapByNodeKey.q.size}}"}}}, "upstream": "x"},
		{"key": "m", "type": "manual", "title": "Ask", "config": {"assignees": [{"$person": {"name": "Nora", "email": "nora@example.org"}}], "forms": {"f": {"actions": [{"key": "ok", "status": 1}]}}}, "upstream": "u"}`),
		`"categories": []`, `"categories": ["Sales"]`, 1)
	raw = strings.Replace(raw, `"options": {}`, `"options": {"alerts": {"mode": "own", "owner": true, "userIds": [], "roles": ["pilots", "maker"], "after": 2, "minutes": 0, "every": 60, "recovered": true}}`, 1)
	s.role("maker", "pm.workflow.create")
	maker := s.as(s.hire("Max", "maker"))
	p, err := s.e.PreviewImport(t.Context(), maker, read(t, raw), engine.Choices{})
	if err != nil {
		t.Fatal(err)
	}
	a := p.Arrivals[0]
	var got []string
	for _, m := range a.Missing {
		got = append(got, m.What+" "+m.Name+": "+strings.Join(m.Where, ", "))
	}
	want := []string{"role pilots: The workflow", "person Nora (nora@example.org): Ask", "collection bricks: Find, Find more", "node type teleport: Beam",
		"variable or secret TOKEN: Find, Beam", "category Sales: The workflow"}
	if !slices.Equal(got, want) {
		t.Errorf("missing is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var problems []string
	for _, p := range a.Problems {
		problems = append(problems, p.NodeKey+"."+p.Field)
	}
	if want := []string{"u.config.params.filter", "u.config.params.values.status", "m.config.assignees"}; !slices.Equal(problems, want) || len(a.Wrong) > 0 {
		t.Errorf("wrong %v, problems %v, want %v", a.Wrong, a.Problems, want)
	}
	made, err := s.e.ImportWorkflows(t.Context(), maker, read(t, raw), engine.Choices{})
	if err != nil {
		t.Fatal(err)
	}
	var refused *engine.NotReady
	if _, err := s.e.EnableWorkflow(t.Context(), maker, made[0].ID, true); !errors.As(err, &refused) {
		t.Errorf("turned on with all that missing: %v", err)
	}
	if got := s.one(`SELECT options #>> '{alerts,roles}' FROM alur.workflows`); got != `["maker"]` {
		t.Errorf("the roles %s hear of failures, want the one that is here", got)
	}
	if got := s.shape(made[0].ID); got != "q r x u m" {
		t.Errorf("the tree is %s", got)
	}
}

// TestImportVersion: asked for, a workflow becomes the draft of the one that has its
// key, which runs on.
func TestImportVersion(t *testing.T) {
	t.Parallel()
	s, boss := abroad(t)
	s.shop()
	made, err := s.e.ImportWorkflows(t.Context(), boss, read(t, inFile(`{"key": "a", "type": "end", "config": {"endStatus": 1}}`)), engine.Choices{})
	if err != nil || made[0].Key != "w" {
		t.Fatalf("the key is %v, %v", made, err)
	}
	if _, err := s.e.EnableWorkflow(t.Context(), boss, made[0].ID, true); err != nil {
		t.Fatal(err)
	}
	file := read(t, inFile(`{"key": "b", "type": "end", "config": {"endStatus": -1}}`))
	again, err := s.e.ImportWorkflows(t.Context(), boss, file, engine.Choices{Versions: map[int]bool{0: true}})
	if err != nil {
		t.Fatal(err)
	}
	draft, ok, err := s.e.Pending(t.Context(), boss, "w")
	if err != nil || !ok || draft.ID != again[0].ID || again[0].Number != 2 || again[0].Current {
		t.Errorf("the new version is %+v, the draft %+v, %v", again[0], draft, err)
	}
	if w := s.reload(made[0].ID); !w.Enabled || !w.Current {
		t.Errorf("the version that ran is enabled %v, current %v", w.Enabled, w.Current)
	}
	own, err := s.e.ImportWorkflows(t.Context(), boss, file, engine.Choices{})
	if err != nil || own[0].Key == "w" {
		t.Errorf("not asked, the key is %q, %v", own[0].Key, err)
	}
	for name, raw := range map[string]string{
		"other trigger": strings.Replace(inFile(""), `"collection", "title": "", "config": {"collection": "orders", "mode": 1}`, `"test", "title": "", "config": {}`, 1),
		"sync":          strings.Replace(inFile(""), `"sync": false`, `"sync": true`, 1),
		"other key":     strings.Replace(inFile(""), `"key": "w"`, `"key": "v"`, 1),
	} {
		_, err := s.e.ImportWorkflows(t.Context(), boss, read(t, raw), engine.Choices{Versions: map[int]bool{0: true}})
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Fields["workflows.0.as"] == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestExchangeRights: a file holds what its maker may see, and who brings one in
// owns what comes of it.
func TestExchangeRights(t *testing.T) {
	t.Parallel()
	s, boss := abroad(t)
	s.shop()
	s.role("maker", "pm.workflow.create")
	maker, crew := s.as(s.hire("Max", "maker")), s.as(s.hire("Cleo"))
	wf := s.off(asks("m", boss.UserID))
	if _, err := s.e.ExportWorkflows(t.Context(), crew, []int64{wf.ID}); !fault.Is(err, fault.Forbidden) && !fault.Is(err, fault.NotFound) {
		t.Errorf("a stranger exports: %v", err)
	}
	viewer := s.hire("Vic")
	s.give(wf, engine.NewMember{UserID: viewer.ID, Level: auth.Viewer})
	s.exec(`UPDATE alur.users SET email = 'ann@example.org' WHERE id = $1`, boss.UserID)
	if raw := s.exported(s.as(viewer), wf.ID); strings.Contains(raw, "ann@") || !strings.Contains(raw, `"name": "Ann"`) {
		t.Errorf("a viewer's file is\n%s", raw)
	}
	raw := s.exported(boss, wf.ID)
	if !strings.Contains(raw, `"email": "ann@example.org"`) {
		t.Errorf("who looks after people gets no address:\n%s", raw)
	}
	if _, err := s.e.ImportWorkflows(t.Context(), crew, read(t, raw), engine.Choices{}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("somebody imports who may not make workflows: %v", err)
	}
	made, err := s.e.ImportWorkflows(t.Context(), maker, read(t, strings.Replace(raw, wf.Key, "fresh", 1)), engine.Choices{})
	if err != nil || made[0].Key == "fresh" {
		t.Fatalf("who does not manage all workflows chose a key: %v, %v", made, err)
	}
	if got := s.listed(made[0]); got != "Max owner" {
		t.Errorf("the members are %s", got)
	}
	if _, err := s.e.ImportWorkflows(t.Context(), maker, read(t, raw), engine.Choices{Versions: map[int]bool{0: true}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a new version of a workflow of somebody else: %v", err)
	}
	_, err = s.e.ImportWorkflows(t.Context(), boss, read(t, raw), engine.Choices{People: map[string]int64{"mail:ann@example.org": 4711}})
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Fields["people.mail:ann@example.org"] == "" {
		t.Errorf("somebody who is not there: %v", err)
	}
	if _, err := s.e.ImportWorkflows(t.Context(), boss, read(t, raw), engine.Choices{Leave: map[int]bool{0: true}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("nothing chosen: %v", err)
	}
	for _, ids := range [][]int64{nil, make([]int64, 1), {wf.ID, 4711}} {
		if _, err := s.e.ExportWorkflows(t.Context(), boss, ids); err == nil {
			t.Errorf("exported %v", ids)
		}
	}
}
