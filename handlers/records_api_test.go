package handlers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"alur/engine/auth"
)

const notesJSON = `{"name": "notes", "title": "Notes", "fields": [
	{"name": "title", "type": "string", "allowNull": false, "uiSchema": {"title": "Title"}},
	{"name": "stars", "type": "integer", "min": 0, "max": 5},
	{"name": "parent", "type": "belongsTo", "target": "notes"},
	{"name": "parts", "type": "hasMany", "target": "notes", "foreignKey": "parentId"}]}`

// api calls the API with a bearer token and returns the status and the body as
// compact JSON, its ids and times made the same everywhere.
func (s *site) api(who role, method, path, body string) (int, string) {
	s.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body)).WithContext(s.t.Context())
	r.Header.Set("Content-Type", "application/json")
	if who != nobody {
		token, _, err := s.Auth.SignIn(s.t.Context(), auth.API, string(who)+"@alur.test", password, auth.Client{IP: "192.0.2.1"})
		if err != nil {
			s.t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	var out bytes.Buffer
	if err := json.Compact(&out, w.Body.Bytes()); err != nil {
		s.t.Fatalf("%s %s: %v in %s", method, path, err, w.Body)
	}
	return w.Code, out.String()
}

// field returns data.<name> of an answer.
func field(t testing.TB, answer, name string) any {
	t.Helper()
	var v struct{ Data map[string]any }
	if err := json.Unmarshal([]byte(answer), &v); err != nil {
		t.Fatalf("%v in %s", err, answer)
	}
	return v.Data[name]
}

func TestRecordsAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	call := func(who role, method, path, body string, status int) string {
		t.Helper()
		code, got := s.api(who, method, path, body)
		if code != status {
			t.Errorf("%s %s as %s: status %d, want %d: %s", method, path, who, code, status, got)
		}
		return got
	}
	want := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	call(member, "POST", "/api/collections:create", notesJSON, http.StatusForbidden)
	call(nobody, "POST", "/api/collections:create", notesJSON, http.StatusUnauthorized)
	call(admin, "POST", "/api/collections:create", notesJSON, http.StatusOK)

	made := call(member, "POST", "/api/notes:create", `{"title": "first", "stars": 3, "unknown": 1}`, http.StatusOK)
	id := fmt.Sprintf("%.0f", field(t, made, "id"))
	if got := field(t, made, "createdById"); got != float64(s.users[member].ID) {
		t.Errorf("created by %v, want %d", got, s.users[member].ID)
	}
	call(member, "POST", "/api/notes:create", `[{"title": "second", "parent": `+id+`}, {"title": "third", "stars": 5}]`, http.StatusOK)
	want(call(member, "POST", "/api/notes:create", `{"stars": 9, "parent": []}`, http.StatusBadRequest),
		`{"errors":[{"message":"Choose one record, not a list.","field":"parent"}]}`)
	want(call(member, "POST", "/api/notes:create", `{"stars": 9}`, http.StatusBadRequest),
		`{"errors":[{"message":"Write a whole number from 0 to 5.","field":"stars"},{"message":"Fill this in.","field":"title"}]}`)
	call(member, "POST", "/api/notes:create", `{"title": `, http.StatusBadRequest)
	call(member, "POST", "/api/notes:create", `"x"`, http.StatusBadRequest)
	call(member, "POST", "/api/notes:create", `{"title": "x", "parent": `+strings.Repeat("[", 70)+strings.Repeat("]", 70)+`}`, http.StatusBadRequest)

	q := func(pairs ...string) string {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return "?" + v.Encode()
	}
	want(call(member, "GET", "/api/notes:list"+q("fields[]", "title", "sort", "-title", "pageSize", "2"), "", http.StatusOK),
		`{"data":[{"title":"third"},{"title":"second"}],"meta":{"count":3,"page":1,"pageSize":2,"totalPage":2}}`)
	want(call(member, "GET", "/api/notes"+q("filter", `{"stars":{"$gte":3}}`, "fields", "title,stars", "paginate", "false"), "", http.StatusOK),
		`{"data":[{"stars":3,"title":"first"},{"stars":5,"title":"third"}]}`)
	want(call(member, "GET", "/api/notes:list"+q("filter[$or][0][title]", "first", "filter[$or][1][parent.title][$includes]", "FIR", "fields", "title", "page", "2", "pageSize", "1"), "", http.StatusOK),
		`{"data":[{"title":"second"}],"meta":{"count":2,"page":2,"pageSize":1,"totalPage":2}}`)
	want(call(member, "GET", "/api/notes:get/"+id+q("fields[]", "title", "fields[]", "parts.title"), "", http.StatusOK),
		`{"data":{"parts":[{"title":"second"}],"title":"first"}}`)
	want(call(member, "POST", "/api/notes:get"+q("filterByTk", id, "fields", "title", "appends[]", "parent"), "{}", http.StatusOK),
		`{"data":{"parent":null,"title":"first"}}`)
	want(call(member, "GET", "/api/notes:get"+q("filterByTk", "4711"), "", http.StatusOK), `{"data":null}`)
	want(call(member, "GET", "/api/notes:list"+q("filter", `{"nope":1}`), "", http.StatusBadRequest),
		`{"errors":[{"message":"“Notes” has no field called “nope”.","field":"filter"}]}`)
	for _, bad := range []string{q("filter", "{"), q("page", "x"), q("filterByTk", "x"), q("fields[a]", "x"), q("sort", "nope"), "?a=%zz"} {
		call(member, "GET", "/api/notes:list"+bad, "", http.StatusBadRequest)
	}

	up := call(member, "POST", "/api/notes:update"+q("filterByTk", id), `{"stars": 4}`, http.StatusOK)
	if !strings.HasPrefix(up, `{"data":[{`) || !strings.Contains(up, `"stars":4`) {
		t.Errorf("update answers %s", up)
	}
	want(call(member, "PUT", "/api/notes/4711", `{"stars": 4}`, http.StatusOK), `{"data":[]}`)
	call(member, "POST", "/api/notes:update", `{"stars": 4}`, http.StatusBadRequest)
	call(member, "POST", "/api/notes:update"+q("filter", "{}"), `{"stars": 4}`, http.StatusBadRequest)
	call(member, "POST", "/api/notes:update/"+id+q("updatedAt", "2020-01-01T00:00:00.000Z"), `{"stars": 1}`, http.StatusConflict)
	want(call(member, "POST", "/api/notes:update"+q("filter", `{"title":"third"}`, "whitelist[]", "title"), `{"stars": 1, "title": "3rd"}`, http.StatusOK)[:9], `{"data":[{`[:9])
	want(call(member, "GET", "/api/notes:list"+q("filter", `{"title":"3rd"}`, "fields", "stars"), "", http.StatusOK),
		`{"data":[{"stars":5}],"meta":{"count":1,"page":1,"pageSize":20,"totalPage":1}}`)

	first := call(member, "POST", "/api/notes:firstOrCreate"+q("filterKeys[]", "title"), `{"title": "first", "stars": 0}`, http.StatusOK)
	if field(t, first, "stars") != 4.0 {
		t.Errorf("firstOrCreate answers %s", first)
	}
	if second := call(member, "POST", "/api/notes:updateOrCreate"+q("filterKeys[]", "title"), `{"title": "first", "stars": 0}`, http.StatusOK); field(t, second, "stars") != 0.0 {
		t.Errorf("updateOrCreate answers %s", second)
	}

	want(call(member, "POST", "/api/notes:destroy"+q("filterByTk", "["+id+",4711]"), "", http.StatusOK), `{"data":1}`)
	call(member, "POST", "/api/notes:destroy", "", http.StatusBadRequest)
	call(member, "DELETE", "/api/notes", "", http.StatusBadRequest)

	missing := `{"errors":[{"message":"Not Found"}]}`
	for _, path := range []string{"/api/nope:list", "/api/notes:nope", "/api/notes/1/parts:nope", "/api/collections/notes/nope:list", "/api/:"} {
		want(call(member, "GET", path, "", http.StatusNotFound), missing)
	}
	for _, path := range []string{"/api/workflows:list", "/api/executions:get/1", "/api/workflows/1/nodes:list"} {
		call(member, "GET", path, "", http.StatusForbidden) // that there are workflows is no secret
	}
	for _, path := range []string{"/api/notes:destroy/" + id, "/api/notes:create", "/api/collections:create"} {
		want(call(admin, "GET", path, "", http.StatusNotFound), missing) // GET changes nothing
	}
	call(admin, "GET", "/api/workflows:list", "", http.StatusOK)
	call(nobody, "GET", "/api/notes:list", "", http.StatusUnauthorized)
	want(call(member, "GET", "/api/users:list"+q("filter", fmt.Sprintf(`{"id":%d}`, s.users[member].ID)), "", http.StatusOK),
		fmt.Sprintf(`{"data":[{"id":%d,"nickname":"Mia Member"}],"meta":{"count":1,"page":1,"pageSize":20,"totalPage":1}}`, s.users[member].ID))
}

func TestCollectionsAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	do := func(who role, method, path, body string) string {
		t.Helper()
		code, got := s.api(who, method, path, body)
		return fmt.Sprintf("%d %s", code, got)
	}
	tests := []struct {
		who          role
		method, path string
		body, want   string // the beginning of the answer
	}{
		{admin, "POST", "/api/collections:create", notesJSON, `200 {"data":{"autoGenId":true,"fields":[{"autoIncrement":false,`},
		{admin, "POST", "/api/collections:create", notesJSON, `400 {"errors":[{"message":"There is a collection of this name already. Choose a different one.","field":"name"}]}`},
		{admin, "POST", "/api/collections:create", `{"name": "x", "fields": [{"name": "a", "type": "b"}]}`, `400 {"errors":[{"message":"Choose one of the offered types.","field":"fields.a.type"}]}`},
		{admin, "POST", "/api/collections:create", `[]`, `400 {"errors":[{"message":"Send an object with name, title and a list of fields."}]}`},
		{member, "GET", "/api/collections:list?pageSize=1", "", `200 {"data":[{"autoGenId":true,"filterTargetKey":"id","name":"notes","title":"Notes","titleField":"title"}],"meta":{"count":4,"page":1,"pageSize":1,"totalPage":4}}`},
		{member, "GET", `/api/collections:list?paginate=false&filter={"name":{"$in":["notes","jobs"]}}`, "", `200 {"data":[{"autoGenId":true,"filterTargetKey":"id","name":"notes","title":"Notes","titleField":"title"}]}`},
		{member, "GET", `/api/collections:list?filter={"title.$includes":"ote"}&fields[]=name`, "", `200 {"data":[{"name":"notes"}],"meta":{"count":1,"page":1,"pageSize":20,"totalPage":1}}`},
		{member, "GET", `/api/collections:list?filter={"moon":1}`, "", `400 {"errors":[{"message":"“Collections” has no field called “moon”.","field":"filter"}]}`},
		{member, "GET", `/api/collections/notes/fields:list?filter={"type":"integer"}&sort=-name&fields[]=name&pageSize=1`, "", `200 {"data":[{"name":"stars"}],"meta":{"count":1,"page":1,"pageSize":1,"totalPage":1}}`},
		{member, "GET", `/api/collections/notes/fields:list?filter={"$or":[{"name":"stars"},{"interface":"textarea"}]}&fields[]=name`, "", `200 {"data":[{"name":"stars"}`},
		{member, "GET", `/api/collections/notes/fields:list?sort=moon`, "", `400 {"errors":[{"message":"“Fields” cannot be sorted by “moon”: there is no such field.","field":"sort"}]}`},
		{member, "GET", `/api/collections/notes/fields:list?appends[]=moon`, "", `400 {"errors":[{"message":"“Fields” has no field called “moon”.","field":"appends"}]}`},
		{member, "GET", "/api/collections:listMeta", "", `200 {"data":[{"autoGenId":true,"fields":[`},
		{member, "GET", "/api/collections:get/jobs", "", `404 {"errors":[{"message":"Not Found"}]}`},
		{admin, "GET", "/api/collections:get/jobs", "", `200 {"data":{"autoGenId":true,"fields":[`},
		{member, "GET", "/api/collections/notes/fields:get/stars", "", `200 {"data":{"interface":"integer","max":5,"min":0,"name":"stars","type":"integer","uiSchema":{"title":"stars"}}}`},
		{admin, "POST", "/api/collections:update/notes", `{"title": "Remarks", "extra": 1}`, `200 {"data":[{"autoGenId":true,"extra":1,`},
		{member, "POST", "/api/collections/notes/fields:create", `{"name": "x", "type": "string"}`, `403 `},
		{admin, "POST", "/api/collections/notes/fields:create", `{"name": "x", "type": "string", "mine": true}`, `200 {"data":{"interface":"input","mine":true,"name":"x","type":"string","uiSchema":{"title":"x"}}}`},
		{admin, "POST", "/api/collections/notes/fields:update?filterByTk=x", `{"uiSchema": {"title": "X"}}`, `200 {"data":[{"interface":"input","mine":true,"name":"x","type":"string","uiSchema":{"title":"X"}}]}`},
		{admin, "POST", "/api/collections/notes/fields:destroy/x", ``, `200 {"data":1}`},
		{admin, "POST", "/api/collections/notes/fields:destroy/x", ``, `404 `},
		{admin, "POST", "/api/collections/notes/fields:destroy/createdAt", ``, `403 `},
		{member, "POST", "/api/collections:destroy/notes", ``, `403 `},
		{admin, "POST", "/api/collections:destroy/users", ``, `403 `},
		{admin, "DELETE", "/api/collections/notes", ``, `200 {"data":1}`},
	}
	for _, tc := range tests {
		if got := do(tc.who, tc.method, tc.path, tc.body); !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s %s as %s:\ngot  %.400s\nwant %s", tc.method, tc.path, tc.who, got, tc.want)
		}
	}
}
