package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"alur/engine/audit"
	"alur/views"
)

// key is the id of an API key, and scope that of a scope, by name.
func (s *site) key(name string) string   { return s.idOf("api_keys", name) }
func (s *site) scope(name string) string { return s.idOf("role_scopes", name) }

func (s *site) idOf(table, name string) (id string) {
	if err := s.DB.GetContext(s.t.Context(), &id, "SELECT id::text FROM alur."+table+" WHERE name = $1", name); err != nil {
		s.t.Fatal(err)
	}
	return id
}

// TestAuditTour does one of everything that the log is about and finds each of
// it there, with who, from where and through what (promises.md S13).
func TestAuditTour(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.furnish()
	var workflow string
	if err := s.DB.GetContext(t.Context(), &workflow, `SELECT min(id)::text FROM alur.workflows WHERE enabled`); err != nil {
		t.Fatal(err)
	}
	victim := "/users/" + id(s.users[member])
	for _, step := range []struct {
		do      func() answer
		kind    audit.Kind
		channel string
		text    string
	}{
		{func() answer {
			return s.post(nobody, "/sign-in", url.Values{"account": {"member@alur.test"}, "password": {"wrong"}})
		}, audit.Refused, "page", "A wrong password was given for Mia Member."},
		{func() answer {
			return s.post(nobody, "/sign-in", url.Values{"account": {"nope@alur.test"}, "password": {"wrong"}})
		}, audit.Refused, "page", "not here"},
		{func() answer {
			return s.post(nobody, "/sign-in", url.Values{"account": {"member@alur.test"}, "password": {password}})
		}, audit.SignIn, "page", "Signed in."},
		{func() answer {
			return s.postJSON(nobody, "/api/auth:signIn", `{"account":"admin@alur.test","password":"`+password+`"}`)
		}, audit.SignIn, "api", "Signed in."},
		{func() answer {
			return s.post(member, "/sign-out", nil)
		}, audit.SignIn, "page", "Signed out."},
		{func() answer {
			return s.post(admin, "/users", url.Values{"nickname": {"Zoe"}, "email": {"zoe@alur.test"}, "role": {"member"}})
		}, audit.People, "page", "Invited Zoe (zoe@alur.test)."},
		{func() answer {
			return s.post(admin, victim, url.Values{"nickname": {"Mia"}, "email": {"member@alur.test"}, "role": {"member", "desk"}})
		}, audit.People, "page", "Changed the roles of Mia from member to member, desk."},
		{func() answer { return s.post(admin, victim+"/link", nil) }, audit.People, "page", "Made a link to set a password for Mia (member@alur.test)."},
		{func() answer { return s.post(admin, victim+"/deactivate", nil) }, audit.People, "page", "Deactivated Mia (member@alur.test)."},
		{func() answer { return s.post(admin, victim+"/reactivate", nil) }, audit.People, "page", "Reactivated Mia (member@alur.test)."},
		{func() answer { return s.postJSON(adminKey, "/api/roles:create", `{"name":"auditor"}`) }, audit.Roles, "key", "Made the role auditor."},
		{func() answer {
			return s.postJSON(admin, "/api/roles:update/auditor", `{"strategy":{"actions":["view"]}}`)
		}, audit.Roles, "api", "Changed the role auditor."},
		{func() answer {
			return s.postJSON(admin, "/api/roles/auditor/resources:create", `{"name":"orders","actions":[]}`)
		}, audit.Roles, "api", "Set the rules of the role auditor for “orders”."},
		{func() answer { return s.post(admin, "/roles/auditor/delete", nil) }, audit.Roles, "page", "Deleted the role auditor."},
		{func() answer {
			return s.post(admin, "/account/keys", url.Values{"name": {"Importer"}, "expiresIn": {"30d"}})
		}, audit.Keys, "page", "Made the API key “Importer”"},
		{func() answer { return s.post(admin, "/account/keys/"+s.key("Importer")+"/revoke", nil) }, audit.Keys, "page", "Revoked the API key “Importer” (…"},
		{func() answer {
			return s.postJSON(admin, "/api/dataSourcesRolesResourcesScopes:create", `{"name":"Open ones","resourceName":"orders","scope":{"status":"new"}}`)
		}, audit.Roles, "api", "Made the scope “Open ones”."},
		{func() answer {
			return s.postJSON(admin, "/api/dataSourcesRolesResourcesScopes:destroy/"+s.scope("Open ones"), `{}`)
		}, audit.Roles, "api", "Deleted the scope “Open ones”."},
		{func() answer { return s.postJSON(root, "/api/workflows:update/"+workflow, `{"enabled":false}`) }, audit.Workflows, "api", "Turned off the workflow"},
		{func() answer { return s.postJSON(root, "/api/workflows:update/"+workflow, `{"enabled":true}`) }, audit.Workflows, "api", "Published the workflow"},
		{func() answer { return s.postJSON(root, "/api/workflows:destroy/"+workflow, `{}`) }, audit.Workflows, "api", "Deleted the workflow"},
		{func() answer {
			return s.postJSON(root, "/api/collections:create", `{"name":"stones","fields":[{"name":"weight","type":"integer"}]}`)
		}, audit.Collections, "api", "Made the collection “stones”."},
		{func() answer {
			return s.postJSON(root, "/api/collections/stones/fields:create", `{"name":"color","type":"string"}`)
		}, audit.Collections, "api", "Added the field “color” to “stones”."},
		{func() answer { return s.postJSON(root, "/api/collections/stones/fields:destroy/color", `{}`) }, audit.Collections, "api", "Deleted the field “color” of “stones”."},
		{func() answer { return s.postJSON(root, "/api/collections:destroy/stones", `{}`) }, audit.Collections, "api", "Deleted the collection “stones”."},
	} {
		a := step.do()
		list, _, err := audit.List(t.Context(), s.DB, audit.Filter{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if got := list[0]; got.Kind != step.kind || got.Channel != step.channel || !strings.Contains(got.Text, step.text) || got.IP == "" || (got.Kind == audit.Workflows) != (views.ID(got.WorkflowID) == workflow) {
			t.Errorf("after %q (status %d) the log says %+v", step.text, a.StatusCode, got)
		}
	}
	page := s.get(admin, "/audit?q=stones&kind=collections").want(http.StatusOK)
	if n := page.doc().Find("tbody tr").Length(); n != 4 {
		t.Errorf("%d entries about stones, want 4", n)
	}
	file := s.get(admin, "/audit.csv?q=stones").want(http.StatusOK)
	if n := strings.Count(file.Text, "\n"); n != 5 {
		t.Errorf("the file has %d lines:\n%s", n, file.Text)
	}
	if file := s.get(admin, "/audit.csv?kind=workflows").want(http.StatusOK); strings.Count(file.Text, ","+workflow+",") != 4 {
		t.Errorf("the file does not say which workflow was changed:\n%s", file.Text)
	}
	if a := s.get(admin, "/api/auditLogs:list?pageSize=1&q=stones").want(http.StatusOK); !strings.Contains(a.Text, `"hasNext":true`) {
		t.Errorf("the API says %s", a.Text)
	}
	if _, _, err := s.Auth.Log(t.Context(), s.actorOf(custom), audit.Filter{}); err == nil {
		t.Error("everybody reads the log")
	}
	if got := plainCell("=1+1"); got != "'=1+1" {
		t.Errorf("a formula is written as %q", got)
	}
}
