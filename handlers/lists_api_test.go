package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"alur/engine/auth"
)

// shown is what a list answers: status, and values of one field with commas.
func (s *site) shown(who role, path, field string) string {
	s.t.Helper()
	a := s.get(who, path)
	if a.StatusCode != http.StatusOK {
		return fmt.Sprint(a.StatusCode)
	}
	var out []string
	for _, r := range a.list() {
		out = append(out, fmt.Sprint(r[field]))
	}
	return strings.Join(out, ",")
}

// TestOwnTasksAPI: people use the whole language of lists on their own tasks, and
// find out nothing of the workflows that ask them.
func TestOwnTasksAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first, second := s.ask(member)[0], s.ask(member)[0]
	other := s.ask(admin)[0]
	var execution int64
	if err := s.DB.GetContext(t.Context(), &execution, `SELECT execution_id FROM alur.tasks WHERE id = $1`, first); err != nil {
		t.Fatal(err)
	}
	s.postJSON(admin, fmt.Sprintf("/api/executions:cancel/%d", execution), "").want(http.StatusOK)
	tests := []struct {
		who         role
		query, want string // of title, or a status
	}{
		{member, "", "Laptop 1,290 € for Bob,Laptop 1,290 € for Bob"},
		{member, `filter={"status":0}`, "Laptop 1,290 € for Bob"},
		{member, `filter={"status":-3}`, "Laptop 1,290 € for Bob"}, // of the cancelled execution
		{member, `filter={"status":{"$in":[1,-5]}}`, ""},
		{member, fmt.Sprintf(`filter={"userId":%d}`, s.users[admin].ID), ""},
		{member, fmt.Sprintf(`filter={"id":%d}`, other), ""},
		{member, fmt.Sprintf(`filter={"userId":%d,"id":{"$gt":%d}}`, s.users[member].ID, first), "Laptop 1,290 € for Bob"},
		{member, `filter={"userId":"{{$user.id}}","workflow":{"title":{"$includes":"purch"}}}`, "Laptop 1,290 € for Bob,Laptop 1,290 € for Bob"},
		{member, `filter={"execution.status":0}&sort=workflow.title,-id`, "Laptop 1,290 € for Bob"},
		{member, `search=nothing`, ""},
		{member, `page=2&pageSize=1`, "Laptop 1,290 € for Bob"},
		{member, `paginate=false&fields[]=title`, "Laptop 1,290 € for Bob,Laptop 1,290 € for Bob"},
		{member, `filter={"workflow.config.x":1}`, "400"},
		{member, `filter={"workflow":{"$or":[{"config":{"$ne":null}}]}}`, "400"},
		{member, `filter={"$not":{"execution.context.data.x":1}}`, "400"},
		{member, `filter={"workflow.nodes.id":1}`, "400"},
		{member, `sort=-workflow.description`, "400"},
		{member, `sort=id,job.result`, "400"},
		{member, `appends[]=workflow.nodes`, "400"},
		{member, `fields[]=execution.context`, "400"},
		{member, `filter={"nope":1}`, "400"},
		{admin, `appends[]=workflow.nodes&filter={"workflow.description":""}`, "Laptop 1,290 € for Bob"},
		{nobody, "", "401"},
	}
	for _, tc := range tests {
		path := "/api/workflowManualTasks:listMine?" + strings.NewReplacer("{{", "%7B%7B", "}}", "%7D%7D", " ", "%20").Replace(tc.query)
		if got := s.shown(tc.who, path, "title"); got != tc.want {
			t.Errorf("%s as %s: %s, want %s", tc.query, tc.who, got, tc.want)
		}
	}
	row := s.get(member, fmt.Sprintf(`/api/workflowManualTasks:listMine?filter={"id":%d}&appends[]=workflow&appends[]=node&appends[]=execution&appends[]=user`, second)).want(http.StatusOK).list()[0]
	if w := row["workflow"].(map[string]any); w["title"] != "Purchase" || w["key"] != "purchase" || len(w) != 7 {
		t.Errorf("the workflow shows %v", w)
	}
	if x := row["execution"].(map[string]any); x["status"] != 0.0 || x["context"] != nil {
		t.Errorf("the execution shows %v", x)
	}
	if forms, ok := row["forms"].([]any); !ok || len(forms) == 0 || row["form"] != nil {
		t.Errorf("the forms are %v", row["forms"])
	}
	if got := s.get(member, "/api/workflowManualTasks:listMine?fields[]=title&fields[]=summary&pageSize=1").want(http.StatusOK).list()[0]; len(got) != 2 {
		t.Errorf("title and summary alone are %v", got)
	}
}

// TestRolesListAPI: roles are listed like records, one's own to everybody.
func TestRolesListAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if _, err := s.Auth.CreateRole(t.Context(), auth.System, auth.RoleDefinition{Name: "clerk", Title: "Clerk", Options: map[string]any{"mine": 1.0}}); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		who         role
		query, want string // of name, or a status
	}{
		{admin, "", "root,admin,member,clerk,desk"},
		{admin, `filter={"name":{"$ne":"root"}}&sort=-name`, "member,desk,clerk,admin"},
		{admin, `filter={"title.$includes":"ler"}`, "clerk"},
		{admin, `filter={"default":true}`, "member"},
		{admin, `filter={"users.nickname":"Mia Member"}`, "member"},
		{admin, `pageSize=2&page=2&fields[]=name`, "member,clerk"},
		{admin, `paginate=false&fields[]=name&filter={"snippets":{"$ne":null}}`, "root,admin,member,clerk,desk"},
		{admin, `filter={"nope":1}`, "400"},
		{member, "", "member"},
		{member, `filter={"name":"admin"}`, ""},
		{member, `filter={"users.email":{"$includes":"a"}}`, "400"},
		{member, `appends[]=users`, "400"},
		{nobody, "", "401"},
	}
	for _, tc := range tests {
		if got := s.shown(tc.who, "/api/roles:list?"+strings.ReplaceAll(tc.query, " ", "%20"), "name"); got != tc.want {
			t.Errorf("%s as %s: %s, want %s", tc.query, tc.who, got, tc.want)
		}
	}
	clerk := s.get(admin, "/api/roles:get/clerk").want(http.StatusOK).object()
	if clerk["title"] != "Clerk" || clerk["mine"] != 1.0 || clerk["strategy"] == nil || clerk["snippets"] == nil {
		t.Errorf("the role is %v", clerk)
	}
	if got := s.get(admin, "/api/roles:get?filterByTk=nope").want(http.StatusOK).Text; got != `{"data":null}`+"\n" {
		t.Errorf("a role that does not exist: %s", got)
	}
	who := s.get(admin, fmt.Sprintf("/api/users:get/%d?appends[]=roles", s.users[member].ID)).want(http.StatusOK).object()
	roles, _ := who["roles"].([]any)
	if len(roles) != 1 || roles[0].(map[string]any)["name"] != "member" || roles[0].(map[string]any)["rolesUsers"].(map[string]any)["default"] != true {
		t.Errorf("the person's roles are %v", who["roles"])
	}
	if got := s.shown(admin, `/api/users:list?filter={"roles.name":"member"}&sort=id`, "role"); !strings.HasPrefix(got, "member") || strings.Contains(got, "admin") {
		t.Errorf("people with a role: %s", got)
	}
	s.get(member, "/api/users:list?appends[]=roles").want(http.StatusBadRequest)
	if got := s.shown(admin, fmt.Sprintf("/api/users/%d/roles:list?fields[]=name", s.users[member].ID), "name"); got != "member" {
		t.Errorf("the person's roles are listed as %s", got)
	}
	s.get(member, fmt.Sprintf("/api/users/%d/roles:list", s.users[member].ID)).want(http.StatusNotFound)
	if got := s.postJSON(root, "/api/roles:update/clerk", `{"strategy": {"actions": ["view"]}}`).want(http.StatusOK).object()["strategy"]; fmt.Sprint(got) != "map[actions:[view]]" {
		t.Errorf("the strategy is %v", got)
	}
	if got := s.postJSON(root, "/api/roles:update/clerk", `{"strategy": null}`).want(http.StatusOK).object()["strategy"]; fmt.Sprint(got) != "map[actions:[]]" {
		t.Errorf("no strategy is %v", got)
	}
}

// TestRuleResourcesAPI: rules are made under both names and taken back by filter.
func TestRuleResourcesAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shop()
	const rule = `{"dataSourceKey": "main", "name": %q, "usingActionsConfig": true, "actions": [{"name": "view"}]}`
	for path, name := range map[string]string{"dataSourceResources": "sales", "resources": "goods"} {
		s.postJSON(root, "/api/roles/member/"+path+":create", fmt.Sprintf(rule, name)).want(http.StatusOK)
	}
	s.postJSON(root, "/api/roles/admin/resources:create", fmt.Sprintf(rule, "goods")).want(http.StatusOK)
	s.postJSON(root, "/api/roles/member/dataSourceResources:create", `{"dataSourceKey": "other", "name": "sales"}`).want(http.StatusBadRequest)
	if got := s.shown(root, `/api/dataSourcesRolesResources:list?filter={"roleName":"member"}&sort=name`, "name"); got != "goods,sales" {
		t.Errorf("rules of members: %s", got)
	}
	const destroy = "/api/dataSourcesRolesResources:destroy"
	s.postJSON(root, destroy, "").want(http.StatusBadRequest)
	s.postJSON(member, destroy+`?filter={"roleName":"member"}`, "").want(http.StatusForbidden)
	for _, want := range []string{`{"data":2}`, `{"data":0}`} {
		if got := strings.TrimSpace(s.postJSON(root, destroy+"?filter="+url.QueryEscape(`{"roleName":"member"}`), "").want(http.StatusOK).Text); got != want {
			t.Errorf("destroy answers %s, want %s", got, want)
		}
	}
	if got := s.shown(root, "/api/dataSourcesRolesResources:list", "roleName"); got != "admin" {
		t.Errorf("left are the rules of %s", got)
	}
	if got := s.shown(root, `/api/dataSourcesRolesResourcesScopes:list?filter={"key":"own"}`, "name"); got != "Own records" {
		t.Errorf("the scope own: %s", got)
	}
}
