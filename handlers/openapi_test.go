package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

const plantsJSON = `[
	{"name": "beds", "title": "Beds", "fields": [{"name": "name", "type": "string", "allowNull": false}]},
	{"name": "bugs", "title": "Bugs", "fields": [{"name": "name", "type": "string"}]},
	{"name": "plants", "title": "Plants", "fields": [
		{"name": "name", "type": "string", "allowNull": false, "uiSchema": {"title": "Name"}}, {"name": "about", "type": "text"},
		{"name": "height", "type": "integer"}, {"name": "price", "type": "decimal"}, {"name": "big", "type": "bigInt"}, {"name": "wet", "type": "boolean"},
		{"name": "seen", "type": "datetimeTz"}, {"name": "day", "type": "dateOnly"}, {"name": "more", "type": "json"}, {"name": "names", "type": "array"},
		{"name": "kind", "type": "string", "uiSchema": {"enum": [{"value": "tree", "label": "Tree"}, {"value": "herb", "label": "Herb"}]}},
		{"name": "place", "type": "sort"}, {"name": "bed", "type": "belongsTo", "target": "beds"},
		{"name": "cuttings", "type": "hasMany", "target": "plants", "foreignKey": "motherId"},
		{"name": "bugs", "type": "belongsToMany", "target": "bugs", "through": "plantBugs", "foreignKey": "plantId", "otherKey": "bugId"}]}]`

// apiTour calls the API and holds every answer against the document.
type apiTour struct {
	*site
	doc    *openapi3.T
	called map[string]bool // by operation
}

// read loads the document as admin, and checks that it is one.
func (s *site) readDocument(t *testing.T) *openapi3.T {
	t.Helper()
	raw := s.get(admin, "/api/openapi.json").want(http.StatusOK).Text
	doc, err := openapi3.NewLoader().LoadFromData([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatalf("the document is not valid: %v", err)
	}
	return doc
}

// call sends a request for the operation at path, whose parts in braces are taken
// from key, and returns data.
func (a *apiTour) call(method, path, key, query, body string) any {
	a.t.Helper()
	return a.callAs("application/json", method, path, key, query, body)
}

// callAs is call with a body of that kind.
func (a *apiTour) callAs(kind, method, path, key, query, body string) any {
	a.t.Helper()
	item := a.doc.Paths.Value(path)
	if item == nil || item.GetOperation(method) == nil {
		a.t.Fatalf("the document has no %s %s", method, path)
	}
	op := item.GetOperation(method)
	a.called[op.OperationID] = true
	address := "/api" + strings.NewReplacer("{key}", key, "{parent}", key).Replace(path)
	if query != "" {
		address += "?" + query
	}
	r := httptest.NewRequest(method, address, strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	got := a.do(admin, r)
	answer := op.Responses.Value(fmt.Sprint(got.StatusCode))
	if answer == nil || got.StatusCode >= http.StatusMultipleChoices {
		a.t.Fatalf("%s %s: %d %s", method, address, got.StatusCode, got.Text)
	}
	media := answer.Value.Content.Get("application/json")
	if media == nil {
		return nil
	}
	var v map[string]any
	if err := json.Unmarshal([]byte(got.Text), &v); err != nil {
		a.t.Fatal(err)
	}
	if err := media.Schema.Value.VisitJSON(v, openapi3.MultiErrors()); err != nil {
		a.t.Errorf("%s %s does not answer as the document says: %v\n%s", method, address, err, got.Text)
	}
	return v["data"]
}

func idIn(v any) string {
	m, _ := v.(map[string]any)
	return fmt.Sprintf("%.0f", m["id"])
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var defs []json.RawMessage
	if err := json.Unmarshal([]byte(plantsJSON), &defs); err != nil {
		t.Fatal(err)
	}
	a := &apiTour{site: s, doc: s.readDocument(t), called: map[string]bool{}}
	for _, def := range defs {
		a.call("POST", "/collections:create", "", "", string(def))
	}
	a.doc = s.readDocument(t)

	bed := idIn(a.call("POST", "/beds:create", "", "", `{"name": "south"}`))
	first := idIn(a.call("POST", "/plants:create", "", "appends[]=bed", `{"name": "Oak", "height": 3, "price": "12345678901234567.5", "big": "9007199254740993", "wet": true,
		"seen": "2026-05-07T10:00:00Z", "day": "2026-05-07", "more": {"a": [1]}, "names": ["x"], "kind": "tree", "bed": `+bed+`, "bugs": [{"name": "ant"}]}`))
	a.call("POST", "/plants:create", "", "", `[{"name": "Ash"}, {"name": "Elm", "kind": "herb"}]`)
	a.call("GET", "/plants:list", "", "appends[]=bed&appends[]=bugs&appends[]=cuttings&sort[]=-name", "")
	a.call("GET", "/plants:list", "", "paginate=false&fields[]=name", "")
	a.call("GET", "/plants:get", "", "filterByTk="+first+"&appends[]=createdBy", "")
	a.call("GET", "/plants:get", "", "filterByTk=4711", "")
	a.call("POST", "/plants:query", "", "", `{"measures": [{"field": "height", "aggregation": "max"}], "dimensions": [{"field": "seen", "format": "YYYY-MM"}]}`)
	a.call("POST", "/plants:update", "", "filterByTk="+first, `{"height": 4}`)
	a.call("POST", "/plants:firstOrCreate", "", "filterKeys[]=name", `{"name": "Oak"}`)
	elm := idIn(a.call("POST", "/plants:updateOrCreate", "", "filterKeys[]=name", `{"name": "Elm", "height": 9}`))
	a.call("POST", "/plants:move", "", "sourceId="+elm+"&targetId="+first, "")
	if order := a.call("GET", "/plants:list", "", "sort=place&fields=name", ""); fmt.Sprint(order) != "[map[name:Elm] map[name:Oak] map[name:Ash]]" {
		t.Errorf("after the move the order is %v", order)
	}
	a.call("POST", "/plants/{key}/cuttings:create", first, "", `{"name": "Oakling"}`)
	a.call("GET", "/plants/{key}/cuttings:list", first, "", "")
	for _, act := range []string{"set", "add", "remove", "toggle"} {
		a.call("POST", "/plants/{key}/cuttings:"+act, first, "", "["+elm+"]")
	}
	bug := idIn(a.call("POST", "/plants/{key}/bugs:create", first, "", `{"name": "bee"}`))
	a.call("GET", "/plants/{key}/bugs:list", first, "", "")
	for _, act := range []string{"set", "remove", "add", "toggle"} {
		a.call("POST", "/plants/{key}/bugs:"+act, first, "", "["+bug+"]")
	}
	a.call("GET", "/plants/{key}/bed:get", first, "", "")
	a.call("POST", "/plants/{key}/bed:remove", first, "", "["+bed+"]")
	a.call("POST", "/plants/{key}/bed:set", first, "", bed)
	a.call("POST", "/plants/{key}/bed:create", first, "", `{"name": "north"}`)
	a.call("GET", "/plants/{key}/createdBy:get", first, "", "")
	a.call("GET", "/plants/{key}/updatedBy:get", first, "", "")
	a.call("POST", "/plants:destroy", "", "filterByTk="+elm, "")

	a.files()
	a.definitions()
	a.workflows()
	a.people()

	tags := []string{"auth", "collections", "plants", "attachments", "workflows", "flow_nodes", "executions", "jobs", "users", "workflowManualTasks", "roles", "apiKeys", "environmentVariables", "workflowCategories"}
	for _, c := range calls(a.doc) {
		if slices.Contains(tags, c.tag()) && !a.called[c.op.OperationID] && !strings.Contains(c.path, "{key}") {
			t.Errorf("%s %s was never called", c.method, c.path)
		}
	}
}

func (a *apiTour) files() {
	a.call("POST", "/collections/{parent}/fields:create", "plants", "", `{"name": "pictures", "type": "attachment"}`)
	var all []string
	for _, name := range []string{"create", "upload"} {
		body, kind := fileForm(a.t, "file", "leaf.png", "\x89PNG\x0D\x0A\x1A\x0A")
		all = append(all, idIn(a.callAs(kind, "POST", "/attachments:"+name, "", "attachmentField=plants.pictures", body)))
	}
	a.call("GET", "/attachments:get", "", "filterByTk="+all[0], "")
	a.call("GET", "/attachments:list", "", "sort=-size", "")
	a.call("POST", "/attachments:query", "", "", `{"measures": [{"field": "size", "aggregation": "sum"}]}`)
	a.call("POST", "/attachments:destroy", "", "filterByTk="+all[1], "")
}

func (a *apiTour) definitions() {
	a.call("GET", "/collections:list", "", "pageSize=2", "")
	a.call("GET", "/collections:listMeta", "", "", "")
	a.call("GET", "/collections:get", "", "filterByTk=beds", "")
	a.call("POST", "/collections:update", "", "filterByTk=beds", `{"title": "Flower beds"}`)
	a.call("GET", "/collections/{parent}/fields:list", "beds", "", "")
	a.call("POST", "/collections/{parent}/fields:create", "beds", "", `{"name": "size", "type": "integer"}`)
	a.call("POST", "/collections/{parent}/fields:update", "beds", "filterByTk=size", `{"uiSchema": {"title": "Size"}}`)
	a.call("POST", "/collections/{parent}/fields:destroy", "beds", "filterByTk=size", "")
	a.call("POST", "/collections:create", "", "", `{"name": "spare"}`)
	a.call("POST", "/collections:setFields", "", "filterByTk=spare", `{"fields": [{"name": "size", "type": "integer"}]}`)
	a.call("POST", "/collections:destroy", "", `filter={"name":["spare","gone"]}`, "")
	if _, err := a.DB.ExecContext(a.t.Context(), `CREATE TABLE public.old_things (id bigint PRIMARY KEY, name text)`); err != nil {
		a.t.Fatal(err)
	}
	a.call("POST", "/collections:adopt", "", "filterByTk=old_things", "")
}

func (a *apiTour) workflows() {
	task := a.ask(admin, member)[0]
	var execution, job string
	a.row(&execution, `SELECT execution_id::text FROM alur.tasks WHERE id = $1`, task)
	a.call("GET", "/workflowManualTasks:list", "", "", "")
	a.call("GET", "/workflowManualTasks:get", "", fmt.Sprintf("filterByTk=%d", task), "")
	a.call("GET", "/workflowManualTasks:listMine", "", "", "")
	a.call("GET", "/userWorkflowTasks:listMine", "", "", "")
	a.call("GET", "/userWorkflowTaskStats:listMine", "", "", "")
	a.call("POST", "/workflowManualTasks:submit", "", fmt.Sprintf("filterByTk=%d", task), `{"result": {"f1": {"amount": 3}, "_": "ok"}}`)
	a.row(&job, `SELECT job_id::text FROM alur.tasks WHERE id = $1`, a.ask(member)[0])
	a.call("POST", "/jobs:resume", "", "filterByTk="+job, `{"status": 1, "result": {"by": "program"}}`)
	var open int
	if err := a.DB.GetContext(a.t.Context(), &open, `SELECT count(*) FROM alur.tasks WHERE job_id = $1 AND status = 0`, job); err != nil || open != 0 {
		a.t.Errorf("%d tasks of the answered job are open, %v", open, err)
	}
	a.call("GET", "/jobs:get", "", "filterByTk="+job, "")
	a.call("GET", "/jobs:list", "", "appends[]=execution", "")
	a.call("POST", "/executions:cancel", "", "filterByTk="+execution, "")
	a.call("POST", "/jobs:update", "", `filter={"executionId":`+execution+`}`, `{"result": {"by": "program"}, "log": "written over"}`)
	a.call("POST", "/workflowManualTasks:destroy", "", fmt.Sprintf("filterByTk=%d", task), "")
	a.call("POST", "/userWorkflowTasks:destroy", "", `filter={"userId":1}`, "")
	a.call("POST", "/userWorkflowTaskStats:destroy", "", `filter={"userId":1}`, "")
	a.call("GET", "/executions:list", "", "appends[]=jobs&appends[]=workflow.nodes", "")
	a.call("GET", "/executions:list", "", "filter="+url.QueryEscape(`{"$search": {"text": "zanzibar"}}`), "")
	a.call("GET", "/executions:get", "", "filterByTk="+execution, "")
	a.call("POST", "/executions:destroy", "", "filterByTk="+execution, "")

	category := a.categories()
	w := idIn(a.call("POST", "/workflows:create", "", "", `{"title": "Water", "categories": [`+category+`], "type": "collection", "sync": true, "config": {"collection": "beds", "mode": 1}}`))
	n := idIn(a.call("POST", "/workflows/{parent}/nodes:create", w, "", `{"type": "condition", "config": {"rejectOnFalse": false, "engine": "math.js", "expression": "1 < 2"}}`))
	a.call("POST", "/flow_nodes:destroy", "", "filterByTk="+idIn(a.call("POST", "/flow_nodes:create", "", "", `{"type": "calculation", "workflowId": `+w+`}`)), "")
	inner := idIn(a.call("POST", "/flow_nodes:duplicate", "", "filterByTk="+n, `{"upstreamId": `+n+`, "branchIndex": 1}`))
	a.call("POST", "/flow_nodes:move", "", "filterByTk="+inner, `{"upstreamId": `+n+`, "branchIndex": ""}`)
	a.call("POST", "/flow_nodes:move", "", "filterByTk="+inner, `{"upstreamId": "`+n+`", "branchIndex": 0}`)
	a.call("POST", "/flow_nodes:update", "", "filterByTk="+inner, `{"title": "Inner", "downstreamId": null}`)
	a.call("POST", "/flow_nodes:destroyBranch", "", "filterByTk="+n+"&branchIndex=0&shift=1", "")
	if empty := a.postJSON(admin, "/api/flow_nodes:destroyBranch?filterByTk="+n+"&branchIndex=0", ""); empty.StatusCode != http.StatusNoContent {
		a.t.Errorf("an empty branch answers %d", empty.StatusCode)
	}
	for _, act := range []string{"add", "remove", "toggle", "set"} {
		a.call("POST", "/workflows/{parent}/categories:"+act, w, "", `[`+category+`]`)
	}
	extra := idIn(a.call("POST", "/workflows/{parent}/nodes:duplicate", w, "filterByTk="+n, `{"upstreamId": `+n+`, "branchIndex": 1}`))
	a.call("POST", "/workflows/{parent}/nodes:move", w, "filterByTk="+extra, `{"upstreamId": `+n+`, "branchIndex": 0}`)
	a.call("POST", "/workflows/{parent}/nodes:update", w, "filterByTk="+extra, `{"title": "Extra"}`)
	a.call("POST", "/workflows/{parent}/nodes:destroyBranch", w, "filterByTk="+n+"&branchIndex=0", "")
	a.call("POST", "/workflows/{parent}/nodes:destroy", w, "filterByTk="+idIn(a.call("POST", "/workflows/{parent}/nodes:create", w, "", `{"type": "calculation"}`)), "")
	a.call("POST", "/workflows/{parent}/nodes:test", w, "", `{"type": "calculation", "config": {"engine": "math.js", "expression": "2 * 3"}}`)
	a.call("POST", "/flow_nodes:test", "", "", `{"type": "calculation", "config": {"engine": "math.js", "expression": "2 * 3"}}`)
	a.call("GET", "/flow_nodes:list", "", "appends[]=upstream&appends[]=workflow", "")
	a.call("GET", "/flow_nodes:get", "", "filterByTk="+n, "")
	other := idIn(a.call("POST", "/workflows/{parent}/members:create", w, "", `{"roleName": "member", "level": "viewer"}`))
	a.call("POST", "/workflows/{parent}/members:create", w, "", fmt.Sprintf(`{"userId": "%d", "level": "editor"}`, a.users[custom].ID))
	a.call("POST", "/workflows/{parent}/members:update", w, "filterByTk="+other, `{"level": "operator"}`)
	if list, _ := a.call("GET", "/workflows/{parent}/members:list", w, "", "").([]any); len(list) != 3 {
		a.t.Errorf("the members are %v", list)
	}
	a.call("POST", "/workflows/{parent}/members:destroy", w, "filterByTk="+other, "")
	file, err := json.Marshal(a.call("POST", "/workflows:export", "", "filterByTk="+w, ""))
	if err != nil {
		a.t.Fatal(err)
	}
	a.call("POST", "/workflows:import", "", "dryRun=true", string(file))
	a.call("POST", "/workflows:import", "", `as=workflow&people={"name:Ann":null}`, string(file))
	a.call("POST", "/workflows:update", "", "filterByTk="+w, `{"enabled": true}`)
	a.call("POST", "/workflows:execute", "", "filterByTk="+w+"&autoRevision=1", `{"data": {"name": "x"}}`)
	a.call("POST", "/workflows:sync", "", "filterByTk="+w, "")
	recorded := idIn(a.call("POST", "/executions:create", "", "", `{"workflowId": `+w+`, "context": {"data": {"id": 1}}, "status": 1}`))
	a.call("POST", "/executions:rerun", "", "filterByTk="+recorded, `{"version": "newest", "overwrite": true}`)
	a.call("POST", "/executions:rerun", "", `filter={"id":`+recorded+`}`, "")
	a.call("GET", "/workflows:list", "", "appends[]=nodes&appends[]=stats&appends[]=versionStats&appends[]=revisions&appends[]=categories", "")
	a.call("GET", "/workflows:get", "", "filterByTk="+w, "")
	a.call("POST", "/workflows:revision", "", "filterByTk="+w, "{}")
	spare := idIn(a.call("POST", "/flow_nodes:duplicate", "", "filterByTk="+a.headOf(idIn(a.call("POST", "/workflows:revision", "", "filterByTk="+w, `{"title": "Copy"}`))), "{}"))
	a.call("POST", "/flow_nodes:destroy", "", "filterByTk="+spare, "")
	a.call("POST", "/workflows:destroy", "", "filterByTk="+w, "")
	for _, name := range []string{"workflows", "flow_nodes", "executions", "jobs", "users", "workflowManualTasks"} {
		a.call("POST", "/"+name+":query", "", "", `{"measures": [{"field": "id", "aggregation": "count"}]}`)
	}
}

// categories takes a tour through them and returns the id of one that stays.
func (a *apiTour) categories() string {
	made := idIn(a.call("POST", "/workflowCategories:create", "", "", `{"title": "Garden", "color": "green"}`))
	spare := idIn(a.call("POST", "/workflowCategories:firstOrCreate", "", "filterKeys[]=title", `{"title": "Spare"}`))
	a.call("POST", "/workflowCategories:updateOrCreate", "", "filterKeys[]=title", `{"title": "Spare", "color": "red"}`)
	a.call("POST", "/workflowCategories:update", "", "filterByTk="+spare, `{"title": "Less"}`)
	a.call("POST", "/workflowCategories:move", "", "sourceId="+spare+"&targetId="+made, "")
	a.call("GET", "/workflowCategories:list", "", "sort[]=sort", "")
	a.call("GET", "/workflowCategories:get", "", "filterByTk="+made+"&appends[]=workflows", "")
	a.call("GET", "/workflowCategories/{key}/workflows:list", made, "", "")
	a.call("POST", "/workflowCategories:query", "", "", `{"measures": [{"field": "id", "aggregation": "count"}]}`)
	a.call("POST", "/workflowCategories:destroy", "", "filterByTk="+spare, "")
	return made
}

func (a *apiTour) headOf(workflow string) string {
	var id string
	a.row(&id, `SELECT id::text FROM alur.flow_nodes WHERE workflow_id = $1 AND upstream_id IS NULL`, workflow)
	return id
}

func (a *apiTour) row(into *string, query string, args ...any) {
	a.t.Helper()
	if err := a.DB.GetContext(a.t.Context(), into, query, args...); err != nil {
		a.t.Fatal(err)
	}
}

func (a *apiTour) people() {
	a.call("GET", "/users:list", "", "", "")
	who := idIn(a.call("POST", "/users:create", "", "", `{"nickname": "Pia", "email": "pia@alur.test", "password": "`+password+`", "roles": ["member"]}`))
	a.call("GET", "/users:get", "", "filterByTk="+who+"&appends[]=roles", "")
	a.call("POST", "/users:update", "", "filterByTk="+who, `{"nickname": "Pia P."}`)
	a.call("POST", "/users/{parent}/roles:add", who, "", `["admin"]`)
	a.call("GET", "/users/{parent}/roles:list", who, "", "")
	a.call("POST", "/users/{parent}/roles:remove", who, "", `["admin"]`)
	a.call("POST", "/users/{parent}/roles:set", who, "", `["member"]`)
	a.call("POST", "/users:setDefaultRole", "", "", `{"roleName": "admin"}`)
	a.call("POST", "/users:destroy", "", "filterByTk="+who, "")
	a.roles()
	a.called["auth:signUp"] = a.postJSON(nobody, "/api/auth:signUp", "{}").want(http.StatusForbidden).Text != ""
	a.call("GET", "/auth:check", "", "", "")
	a.call("POST", "/auth:signIn", "", "", `{"account": "member@alur.test", "password": "`+password+`"}`)
	a.call("POST", "/auth:changePassword", "", "", `{"oldPassword": "`+password+`", "newPassword": "another green teapot", "confirmPassword": "another green teapot"}`)
	a.call("POST", "/auth:signOut", "", "", "{}")
}

func (a *apiTour) roles() {
	a.call("GET", "/roles:check", "", "", "")
	a.call("GET", "/roles:list", "", "", "")
	a.call("POST", "/roles:create", "", "", `{"name": "clerk", "title": "Clerk", "strategy": {"actions": ["view"]}}`)
	a.call("GET", "/roles:get", "", "filterByTk=clerk", "")
	a.call("POST", "/roles:update", "", "filterByTk=clerk", `{"title": "Clerks"}`)
	a.call("POST", "/roles:setDefaultRole", "", "filterByTk=member", `{"roleName": "member"}`)
	scope := idIn(a.call("POST", "/dataSourcesRolesResourcesScopes:create", "", "", `{"name": "south", "resourceName": "beds", "scope": {"name": "south"}}`))
	a.call("GET", "/dataSourcesRolesResourcesScopes:list", "", "", "")
	a.call("GET", "/dataSourcesRolesResourcesScopes:get", "", "filterByTk="+scope, "")
	a.call("POST", "/dataSourcesRolesResourcesScopes:update", "", "filterByTk="+scope, `{"name": "sunny"}`)
	for _, path := range []string{"/roles/{parent}/resources", "/roles/{parent}/dataSourceResources"} {
		a.call("POST", path+":create", "clerk", "", `{"dataSourceKey": "main", "name": "beds", "usingActionsConfig": true, "actions": [{"name": "view", "fields": ["name"]}]}`)
		a.call("GET", path+":list", "clerk", "", "")
		a.call("GET", path+":get", "clerk", "filterByTk=beds", "")
		a.call("POST", path+":update", "clerk", "filterByTk=beds", `{"name": "beds", "usingActionsConfig": true, "actions": []}`)
		a.call("POST", path+":destroy", "clerk", "filterByTk=beds", "")
	}
	a.call("POST", "/dataSourcesRolesResources:destroy", "", `filter={"roleName":"clerk"}`, "")
	a.call("GET", "/dataSourcesRolesResources:list", "", `filter={"roleName":"clerk"}`, "")
	a.call("POST", "/roles:query", "", "", `{"measures": [{"field": "name", "aggregation": "count"}]}`)
	a.call("POST", "/dataSourcesRolesResourcesScopes:destroy", "", "filterByTk="+scope, "")
	a.call("POST", "/roles:destroy", "", "filterByTk=clerk", "")
	a.call("POST", "/apiKeys:create", "", "", `{"name": "for tests", "role": {"name": "admin"}, "expiresIn": "1d"}`)
	keys, _ := a.call("GET", "/apiKeys:list", "", "", "").([]any)
	if len(keys) == 0 {
		a.t.Fatal("the new key is not listed")
	}
	a.call("GET", "/apiKeys:get", "", "filterByTk="+idIn(keys[0]), "")
	a.call("POST", "/apiKeys:destroy", "", "filterByTk="+idIn(keys[0]), "")
	a.call("POST", "/environmentVariables:create", "", "", `{"name": "TOKEN", "type": "secret", "value": "open sesame"}`)
	a.call("POST", "/environmentVariables:update", "", "filterByTk=TOKEN", `{"value": "another one"}`)
	a.call("POST", "/environmentVariables:import", "", "", `{"text": "SHOP=x", "type": "default"}`)
	a.call("GET", "/environmentVariables:list", "", `filter={"type":"secret"}`, "")
	a.call("POST", "/environmentVariables:query", "", "", `{"measures": [{"field": ["name"], "aggregation": "count"}]}`)
	a.call("GET", "/environmentVariables:get", "", "filterByTk=TOKEN", "")
	a.call("POST", "/environmentVariables:destroy", "", "filterByTk=TOKEN", "")
}

// TestDocumentKnowsEveryAction holds the document against the table of routes.
func TestDocumentKnowsEveryAction(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	doc := s.readDocument(t)
	for _, r := range s.Table() {
		path, named := strings.CutPrefix(r.Path, "/api")
		if !named || !strings.Contains(path, `\:`) || strings.HasSuffix(path, "/:key") || strings.HasSuffix(path, "/:id") || strings.HasSuffix(path, "/:name") {
			continue // the second way to write a key
		}
		path = strings.NewReplacer(`\:`, ":", "/:id/", "/{parent}/", "/:workflow/", "/{parent}/", "/:name/", "/{parent}/").Replace(path)
		item := doc.Paths.Value(path)
		if item == nil || item.GetOperation(r.Method) == nil && item.GetOperation(http.MethodGet) == nil {
			t.Errorf("the document does not know %s %s", r.Method, path)
		}
	}
	// Members see what they may do, and nothing of how workflows are made.
	var mine openapi3.T
	if err := json.Unmarshal([]byte(s.get(member, "/api/openapi.json").want(http.StatusOK).Text), &mine); err != nil {
		t.Fatal(err)
	}
	for path := range mine.Paths.Map() {
		if strings.HasPrefix(path, "/workflows") || strings.HasPrefix(path, "/collections:create") {
			t.Errorf("members are told of %s", path)
		}
	}
}

func TestAPIDocsPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if code, text := s.api(admin, "POST", "/api/collections:create", notesJSON); code != http.StatusOK {
		t.Fatal(text)
	}
	page := s.get(member, "/api-docs?resource=notes").want(http.StatusOK)
	if got := page.find("#op-notes\\.list code"); got != "GET /api/notes:list" {
		t.Errorf("the first call is %q", got)
	}
	tried := s.post(admin, "/api-docs", url.Values{"operation": {"notes.create"}, "body": {`{"title": "tried <b>"}`}}).want(http.StatusOK)
	if got := tried.find("#answer pre"); !strings.Contains(got, `"title": "tried <b>"`) && !strings.Contains(got, `tried \u003cb\u003e`) {
		t.Errorf("the answer is %q", got)
	}
	if got := s.post(admin, "/api-docs", url.Values{"operation": {"notes.list"}, "p.fields[]": {"title, stars"}}).want(http.StatusOK).find("#answer code"); got != "GET /api/notes:list?fields[]=title&fields[]=stars" {
		t.Errorf("the call was %q", got)
	}
	s.post(member, "/api-docs", url.Values{"operation": {"workflows:create"}}).want(http.StatusNotFound)
	s.get(nobody, "/api-docs").want(http.StatusSeeOther)
}
