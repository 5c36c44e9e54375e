package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// specRow is a row of spec/http-api.md, as a call and its answer. The rows of a
// test are one story: later ones use what earlier ones made.
type specRow struct {
	row    string // section and what it says
	call   string // method, then the path below /api; <x> is the id that was kept as x
	body   string
	status int
	want   string // parts of the answer with " … " between them; "-" before one that must not be there
	keep   string // keeps the id of data as x, and its key as x.key
	who    role   // admin when it is empty
	ours   string // what is otherwise than in the reference, and why
}

// spec calls rows one after the other.
type spec struct {
	*site
	kept map[string]string
}

func newSpec(s *site) *spec { return &spec{site: s, kept: map[string]string{}} }

// fill puts in what was kept.
func (s *spec) fill(text string) string {
	for name, v := range s.kept {
		text = strings.ReplaceAll(text, "<"+name+">", v)
	}
	return strings.ReplaceAll(text, " ", "%20")
}

func (s *spec) run(t *testing.T, rows []specRow) {
	for _, r := range rows {
		name := r.row
		if r.ours != "" {
			name += " (ours: " + r.ours + ")"
		}
		t.Run(name, func(t *testing.T) { s.try(t, r) })
	}
}

func (s *spec) try(t *testing.T, r specRow) {
	outer := s.t
	defer func() { s.t = outer }()
	s.t = t
	if r.who == "" {
		r.who = admin
	}
	method, path, _ := strings.Cut(r.call, " ")
	body := strings.ReplaceAll(s.fill(r.body), "%20", " ")
	req := httptest.NewRequest(method, "/api/"+s.fill(path), strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	a := s.do(r.who, req)
	if a.StatusCode != r.status {
		t.Fatalf("%s %s: status %d, want %d: %.1500s", s.fill(r.call), body, a.StatusCode, r.status, a.Text)
	}
	for _, part := range strings.Split(r.want, " … ") {
		part, unwanted := strings.CutPrefix(part, "-")
		part = strings.ReplaceAll(s.fill(part), "%20", " ")
		if strings.Contains(a.Text, part) == (unwanted && part != "") {
			t.Errorf("%s %s: answers %.2000s, want %s", s.fill(r.call), body, a.Text, part)
		}
	}
	if r.keep == "" {
		return
	}
	var got struct{ Data json.RawMessage }
	var made struct {
		ID  json.Number
		Key string
	}
	if err := json.Unmarshal([]byte(a.Text), &got); err != nil {
		t.Fatal(err)
	}
	if json.Unmarshal(got.Data, &made) != nil {
		var list []json.RawMessage
		if json.Unmarshal(got.Data, &list) != nil || len(list) == 0 || json.Unmarshal(list[0], &made) != nil {
			t.Fatalf("no id in %s", a.Text)
		}
	}
	s.kept[r.keep], s.kept[r.keep+".key"] = made.ID.String(), made.Key
}

// TestSpecConventions holds §1.
func TestSpecConventions(t *testing.T) {
	t.Parallel()
	site := newSite(t)
	s := newSpec(site)
	w := site.shop()
	s.kept["w"], s.kept["w.key"] = fmt.Sprint(w.ID), w.Key
	s.kept["task"] = fmt.Sprint(site.ask(member)[0])
	s.run(t, []specRow{
		{row: "1 URL: resource and action", call: "GET workflows:list", status: 200, want: `{"data":[`},
		{row: "1 URL: association", call: "GET workflows/<w>/nodes:list?filter={\"key\":\"find\"}", status: 200, want: `"title":"Find the good" … "count":1`},
		{row: "1 URL: association with key", call: "GET executions/_/jobs:get/1", status: 200, want: `{"data":null}`},
		{row: "1 method: POST reads too", call: "POST workflows:list", body: "{}", status: 200, want: `"count":`},
		{row: "1 method: POST listMine", call: "POST userWorkflowTasks:listMine", status: 200, want: `"data":[`, who: member},
		{row: "1 method: GET create", call: "GET workflows:create?type=collection", status: 404, ours: "a GET changes nothing, so that no link on another site does"},
		{row: "1 method: GET update", call: "GET workflows:update/<w>?values[title]=x", status: 404, ours: "a GET changes nothing"},
		{row: "1 method: GET destroy", call: "GET workflows:destroy/<w>", status: 404, ours: "a GET changes nothing"},
		{row: "1 method: GET execute", call: "GET workflows:execute/<w>", status: 404, ours: "a GET changes nothing"},
		{row: "1 method: GET revision", call: "GET workflows:revision/<w>", status: 404, ours: "a GET changes nothing"},
		{row: "1 method: GET sync", call: "GET workflows:sync/<w>", status: 404, ours: "a GET changes nothing"},
		{row: "1 method: GET nodes:create", call: "GET workflows/<w>/nodes:create", status: 404, ours: "a GET changes nothing"},
		{row: "1 method: GET cancel", call: "GET executions:cancel/1", status: 404, ours: "a GET changes nothing"},
		{row: "1 method: GET rerun", call: "GET executions:rerun/1", status: 404, ours: "a GET changes nothing"},
		{row: "1 method: GET resume", call: "GET jobs:resume/1", status: 404, ours: "a GET changes nothing"},
		{row: "1 auth: nobody", call: "GET workflows:list", status: 401, want: `{"errors":[{"message":`, who: nobody},
		{row: "1 filterByTk in the path", call: "GET workflows:get/<w>", status: 200, want: `"id":<w>`},
		{row: "1 filterByTk", call: "GET workflows:get?filterByTk=<w>", status: 200, want: `"id":<w>`},
		{row: "1 filterByTk: list", call: "GET workflows:list?filterByTk[]=<w>&filterByTk[]=1", status: 200, want: `"count":1`},
		{row: "1 filterByTk: JSON", call: "GET workflows:list?filterByTk=[<w>,1]", status: 200, want: `"count":1`},
		{row: "1 filterByTk: no id", call: "GET workflows:get/abc", status: 400, want: `"field":"filterByTk"`, ours: "clear refusal"},
		{row: "1 filter", call: `GET workflows:list?filter={"$and":[{"title":{"$includes":"stock"}},{"nodes.key":"take"}]}`, status: 200, want: `"count":1`},
		{row: "1 filter: bracket form", call: `GET workflows:list?filter[title]=Stock%20check`, status: 200, want: `"count":1`},
		{row: "1 filter: unknown field", call: `GET workflows:list?filter={"moon":1}`, status: 400, want: `“moon” … "field":"filter"`},
		{row: "1 filter: unknown operator", call: `GET workflows:list?filter={"title":{"$moon":1}}`, status: 400, want: `"field":"filter"`},
		{row: "1 fields", call: "GET workflows:list?fields[]=id&fields[]=title", status: 200, want: `"title": … -"type":`, ours: ""},
		{row: "1 fields: unknown", call: "GET workflows:list?fields[]=moon", status: 400, want: `“moon” … "field":"fields"`},
		{row: "1 except", call: "GET workflows:list?except[]=config", status: 200, want: `-"config"`},
		{row: "1 appends: nested", call: "GET flow_nodes:list?appends[]=workflow.stats&appends[]=upstream.upstream", status: 200, want: `"stats":{ … "upstream":{`},
		{row: "1 appends: unknown", call: "GET workflows:list?appends[]=moon", status: 400, want: `“moon” … "field":"appends"`},
		{row: "1 appends: unknown below", call: "GET workflows:list?appends[]=nodes.moon", status: 400, want: `“moon” … "field":"appends"`},
		{row: "1 sort", call: "GET flow_nodes:list?sort=-key&fields[]=key&pageSize=1", status: 200, want: `[{"key":"take"}]`},
		{row: "1 sort: through a relation", call: "GET flow_nodes:list?sort=-workflow.title,key&fields[]=key&pageSize=1", status: 200, want: `[{"key":"enough"}]`},
		{row: "1 sort: unknown", call: "GET workflows:list?sort=moon", status: 400, want: `“moon” … "field":"sort"`},
		{row: "1 page, pageSize", call: "GET flow_nodes:list?page=2&pageSize=3", status: 200, want: `"meta":{"count":4,"page":2,"pageSize":3,"totalPage":2}`},
		{row: "1 page: no number", call: "GET workflows:list?page=x", status: 400, want: `"field":"page"`},
		{row: "1 pageSize: default", call: "GET workflows:list", status: 200, want: `"pageSize":20`},
		{row: "1 pageSize: limit", call: "GET workflows:list?pageSize=5000", status: 200, want: `"pageSize":1000`, ours: "at most 1,000 on a page"},
		{row: "1 paginate=false", call: "GET flow_nodes:list?paginate=false&fields[]=key", status: 200, want: `{"key":"take"} … -"meta"`, ours: "at most 20,000 records, see TestListCostsStatements"},
		{row: "1 simple pages of tasks", call: "GET workflowManualTasks:list", status: 200, want: `"meta":{"hasNext":false,"page":1,"pageSize":20}`},
		{row: "1 body: no JSON", call: "POST workflows:create", body: "{", status: 400, want: `{"errors":[{"message":`},
		{row: "1 body: wrong kind", call: "POST workflows:create", body: `{"title": 5}`, status: 400, want: `Title`},
		{row: "1 error", call: "POST workflows:create", body: "{}", status: 400, want: `{"errors":[{"message":"Choose what starts the workflow.","field":"type"}]}`},
		{row: "1 get of a missing row", call: "GET workflows:get/1", status: 200, want: `{"data":null}`},
		{row: "1 update answers a list", call: "POST workflows:update/<w>", body: `{"title": "Stock check"}`, status: 200, want: `{"data":[{`},
		{row: "1 destroy answers a number", call: "POST workflows:destroy/1", status: 200, want: `{"data":0}`},
		{row: "1 ids beyond 2^53 in filters", call: `GET jobs:list?filter={"id":"9223372036854775807"}`, status: 200, want: `"count":0`},
	})
	s.exec(`INSERT INTO alur.workflows (id, key, title, type, current) VALUES (9007199254740995, 'large', 'Large', 'collection', true)`)
	s.run(t, []specRow{
		{row: "1 ids beyond 2^53 are text", call: "GET workflows:get/9007199254740995", status: 200, want: `"id":"9007199254740995"`},
		{row: "1 ids beyond 2^53 are found", call: `POST workflows:update?filter={"key":"large"}`, body: `{"title": "Larger"}`, status: 200, want: `"id":"9007199254740995" … "title":"Larger"`},
		{row: "1 ids beyond 2^53 are taken as text", call: `POST workflows:destroy?filterByTk=["9007199254740995"]`, status: 200, want: `{"data":1}`},
	})
	s.permissions(t)
}

// permissions holds §1.1: which calls members, people with the snippet ui.workflows,
// and administrators may make. Levels on single workflows are held by TestLevels.
func (s *spec) permissions(t *testing.T) {
	for _, group := range []struct {
		row, calls, ours string
		allowed          []role
		leveled          bool // who knows of workflows is let in, and finds what they have a level on
	}{
		{"workflow management", "GET workflows:get/1, POST workflows:create, POST workflows:update/1, POST workflows:destroy/1, POST workflows:revision/1, POST workflows:execute/1, " +
			"POST workflows/1/nodes:create, GET workflows/<w>/nodes:list, GET executions:list, GET executions:get/1, POST executions:cancel/1, POST executions:destroy/1, POST flow_nodes:update/1, POST flow_nodes:destroy/1, " +
			"POST flow_nodes:destroyBranch/1?branchIndex=1, POST flow_nodes:duplicate/1, POST flow_nodes:move/1, POST flow_nodes:test, GET jobs:get/1, GET workflowCategories:list, GET workflowCategories:get/1",
			"a level on a workflow opens it to others", []role{admin, root, adminKey}, true},
		{"sync and changes of categories", "POST workflows:sync/1, POST workflowCategories:create, POST workflowCategories:update/1, POST workflowCategories:destroy/1, POST workflowCategories:move?sourceId=1&targetId=2",
			"", []role{admin, root, adminKey}, false},
		{"ui.workflows", "GET workflows:list", "", []role{custom, admin, root, adminKey}, false},
		{"any logged-in user", "GET userWorkflowTasks:listMine, GET userWorkflowTaskStats:listMine, GET workflowManualTasks:listMine", "", []role{member, memberKey, custom, admin, root, adminKey}, false},
		{"root only: rerun, jobs:list, nodes", "POST executions:rerun/1, GET jobs:list, GET flow_nodes:get/1, GET flow_nodes:list, POST flow_nodes:create",
			"who may run or read a workflow may run or read its parts: they see no more of it than in executions:list?appends=jobs", []role{admin, root, adminKey}, true},
		{"root only: jobs:resume and direct writes", "POST jobs:resume/1, POST executions:create, POST jobs:update/1, POST workflowManualTasks:destroy/1, POST userWorkflowTasks:destroy/1, POST userWorkflowTaskStats:destroy/1",
			"also who has the snippet pm.system-settings: the right to manage the server", []role{admin, root, adminKey}, false},
	} {
		for call := range strings.SplitSeq(group.calls, ", ") {
			for _, who := range []role{nobody, member, memberKey, custom, admin, adminKey, root} {
				if who == custom && group.leveled {
					continue
				}
				method, path, _ := strings.Cut(call, " ")
				r := httptest.NewRequest(method, "/api/"+s.fill(path), strings.NewReader("{}"))
				got := s.do(who, r).StatusCode
				allowed := slices.Contains(group.allowed, who)
				if who == nobody && got != http.StatusUnauthorized || who != nobody && allowed == (got == http.StatusForbidden) || got == http.StatusInternalServerError {
					t.Errorf("1.1 %s: %s as %s: %d", group.row, call, who, got)
				}
			}
		}
	}
	s.run(t, []specRow{
		{row: "1.1 [!] workflows:list shows no settings to ui.workflows", call: "GET workflows:list?filter={\"key\":\"<w.key>\"}", status: 200, want: `"title":"Stock check" … "config":null`, who: custom,
			ours: "the reference shows configs"},
		{row: "1.1 [!] nor are they found by filter", call: `GET workflows:list?filter={"options":{"$notEmpty":true}}`, status: 200, want: `"data":[]`, who: custom},
		{row: "1.1 [!] nor nodes", call: "GET workflows:list?appends[]=nodes&filter={\"key\":\"<w.key>\"}", status: 200, want: `"nodes":[]`, who: custom},
		{row: "1.1 direct writes elsewhere", call: "POST workflowStats:update/1", body: `{"executed": 1}`, status: 403, who: root, ours: "counters are what was counted"},
		{row: "1.1 direct writes on executions", call: "POST executions:update/1", body: `{"status": 1}`, status: 403, who: root, ours: "cancel, rerun and resume instead: the queue keeps the rows"},
		{row: "1.1 direct writes on jobs", call: "POST jobs:create", body: `{"status": 1}`, status: 403, who: root, ours: "see executions"},
	})
}

// exec changes the database.
func (s *spec) exec(query string, args ...any) {
	s.t.Helper()
	if _, err := s.DB.ExecContext(s.t.Context(), query, args...); err != nil {
		s.t.Fatal(err)
	}
}
