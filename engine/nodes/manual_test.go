package nodes

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/expr"
	"alur/engine/fault"
	"alur/engine/mail"
	"alur/engine/node"
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/snowflake"
	"alur/engine/task"
)

const manualSettings = `{
	"assignees": ["{{$context.data.managerId}}", "2", [2, null, ""], "{{$context.data.missing}}"],
	"title": "Leave of {{$context.data.name}}",
	"schema": {"type": "void", "x-component": "Tabs", "summary": "{{$context.data.name}} is away.",
		"facts": [{"label": "From", "value": "{{$context.data.from}}"}, {"label": "Half day", "value": "{{$context.data.half}}"},
			{"label": "Nothing", "value": "{{$context.data.missing}}"}, {"label": "Days", "value": "{{$context.data.days}}"}]},
	"forms": {"f1": {"type": "custom", "title": "Decision",
		"collection": {"name": "c1", "fields": [
			{"name": "note", "type": "text", "uiSchema": {"title": "Note"}, "requiredFor": ["no"]},
			{"name": "kind", "type": "string", "interface": "select", "uiSchema": {"enum": [{"value": "a", "label": "A"}]}}]},
		"actions": [{"key": "no", "status": -5}, {"key": "ok", "status": 1, "values": {"by": "{{$user.nickname}}", "days": "{{$context.data.days}}"}}]}}}`

func manualConfig(t *testing.T, settings string) (*node.Kind, node.Config) {
	t.Helper()
	k := node.Lookup("manual")
	c, problems := k.Decode(json.RawMessage(settings))
	if len(problems) > 0 {
		t.Fatalf("Decode: %v", problems)
	}
	return k, c
}

func TestManual(t *testing.T) {
	t.Parallel()
	db, now := pgtest.New(t), func() time.Time { return time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC) }
	ids := snowflake.New(1, now)
	store := &task.Store{DB: db, IDs: ids, Now: now, BaseURL: "https://alur.test", Outbox: &mail.Outbox{DB: db, IDs: ids, Now: now}}
	for _, q := range []string{
		`INSERT INTO alur.users (id, nickname, email) VALUES (1, 'Ann', 'ann@alur.test'), (2, 'Bob', 'bob@alur.test')`,
		`INSERT INTO alur.executions (id, workflow_id, key, context) VALUES (3, 4, 'k', '{}')`,
	} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	services := &node.Services{}
	node.Provide(services, store)
	k, c := manualConfig(t, manualSettings)
	if p := c.Validate(); p != nil {
		t.Fatalf("Validate: %v", p)
	}
	run := func(data map[string]any) (out node.Outcome, input any, err error) {
		err = db.Tx(t.Context(), pg.RepeatableRead, func(tx *pg.Tx) error {
			s := &node.Step{ExecutionID: 3, WorkflowID: 4, WorkflowKey: "k", NodeID: 6, NodeKey: "n1", JobID: ids.Next(), Title: "Manager decides",
				Now: now(), Tx: tx, Services: services, Vars: expr.Vars{"$context": map[string]any{"data": data}}}
			out, err = k.Run(t.Context(), s, c)
			input = s.Input
			return err
		})
		return out, input, err
	}
	out, input, err := run(map[string]any{"managerId": map[string]any{"id": 1.0}, "name": "Ben", "from": "2030-02-01", "half": true, "days": 2.5})
	if err != nil || out.Status != node.Pending {
		t.Fatalf("Run: %+v, %v", out, err)
	}
	if want := map[string]any{"assignees": []any{1.0, 2.0}, "title": "Leave of Ben"}; !reflect.DeepEqual(input, want) {
		t.Errorf("input %v, want %v", input, want)
	}
	tasks, _, err := store.Mine(t.Context(), auth.Actor{UserID: 2, Role: auth.Member}, task.Filter{Show: task.ShowOpen, Page: 1, Size: 10})
	if err != nil || len(tasks) != 1 {
		t.Fatalf("Bob's tasks: %v, %v", tasks, err)
	}
	got := tasks[0]
	wantFacts := []task.Fact{{Label: "From", Value: "2030-02-01"}, {Label: "Half day", Value: "Yes"}, {Label: "Nothing", Value: "–"}, {Label: "Days", Value: "2.5"}}
	if got.Title != "Leave of Ben" || got.Ask.Summary != "Ben is away." || !slices.Equal(got.Ask.Facts, wantFacts) {
		t.Errorf("task shows %+v", got)
	}
	form := got.Ask.Forms[0]
	if form.Fields[0].Kind != task.LongText || form.Fields[1].Kind != task.Choice || form.Actions[0].Title != "Reject" ||
		!reflect.DeepEqual(form.Scope, map[string]any{"$context": map[string]any{"data": map[string]any{"days": 2.5}}}) {
		t.Errorf("form is %+v", form)
	}
	for words, manager := range map[string]any{"no user with the id 99": 99.0, "“Carla” is no user": "Carla", "“1.5” is no user": 1.5} {
		if _, _, err := run(map[string]any{"managerId": manager}); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), words) {
			t.Errorf("manager %v: %v, want words with %q", manager, err, words)
		}
	}
}

// Nobody to ask: the step passes and no task is made.
func TestManualNobody(t *testing.T) {
	t.Parallel()
	k, c := manualConfig(t, `{"assignees": ["{{$context.data.managerId}}", "{{$context.data.others}}"], "forms": {"f": {"actions": [{"key": "ok", "status": 1}]}}}`)
	s := &node.Step{Title: "Decide", Vars: expr.Vars{"$context": map[string]any{"data": map[string]any{"managerId": nil, "others": []any{}}}}}
	out, err := k.Run(t.Context(), s, c)
	if err != nil || out.Status != node.Resolved || out.Result != nil {
		t.Errorf("Run: %+v, %v", out, err)
	}
}

func TestManualValidate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		settings string
		want     []string // keys with problems
	}{
		{`{}`, []string{"assignees", "forms"}},
		{`{"assignees": [null, " "], "mode": 1, "forms": {"f": {}}}`, []string{"assignees", "forms.f.actions", "mode"}},
		{`{"assignees": [1], "forms": {"f": {"type": "update", "collection": "posts", "actions": []}}}`, []string{"forms.f.type"}},
		{`{"assignees": [1], "forms": {"f": {"actions": [{"key": "a", "status": 0}, {"key": "a"}, {"status": 3}]}}}`,
			[]string{"forms.f.actions", "forms.f.actions.1.key", "forms.f.actions.1.status", "forms.f.actions.2.key", "forms.f.actions.2.status"}},
		{`{"assignees": [1], "forms": {"f": {"actions": [{"key": "a", "status": 1}], "collection": {"fields": [{"name": "x"}, {"name": "x"}, {"name": "a b"},
			{"name": "j", "type": "json"}, {"name": "s", "interface": "select"}, {"name": "r", "requiredFor": ["z"]}, {}]}}}}`,
			[]string{"forms.f.collection.fields.1.name", "forms.f.collection.fields.2.name", "forms.f.collection.fields.3.type",
				"forms.f.collection.fields.4.enum", "forms.f.collection.fields.5.requiredFor", "forms.f.collection.fields.6.name"}},
		{`{"assignees": "{{$context.data.m}}", "forms": {"f": {"actions": [{"key": "a", "status": 1}]}}, "schema": {"facts": [{"value": "x"}]}}`, []string{"schema.facts.0.label"}},
		{`{"assignees": [1], "forms": {"f": {"actions": [{"key": "a", "status": 1}]}}, "schema": null}`, nil},
	}
	for _, tc := range tests {
		_, c := manualConfig(t, tc.settings)
		if got := slices.Sorted(maps.Keys(c.Validate())); !slices.Equal(got, tc.want) {
			t.Errorf("%s:\nproblems at %v, want %v", tc.settings, got, tc.want)
		}
	}
}

func TestManualOutputs(t *testing.T) {
	t.Parallel()
	k, c := manualConfig(t, manualSettings)
	got := k.Outputs(c, nil)
	if len(got) != 2 || got[0].Path != "_" || got[1].Path != "f1" || got[1].Title != "Decision" ||
		len(got[1].Children) != 2 || got[1].Children[0].Path != "note" || got[1].Children[0].Title != "Note" || got[1].Children[0].Type != "text" {
		t.Errorf("outputs %+v", got)
	}
	if !k.Waits || k.Effect != node.Local {
		t.Errorf("waits %v, effect %d", k.Waits, k.Effect)
	}
}
