package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestAPILimits sends more than is taken (promises.md S18), and expects a
// sentence that says how much would be.
func TestAPILimits(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if code, text := s.api(admin, "POST", "/api/collections:create", notesJSON); code != http.StatusOK {
		t.Fatal(text)
	}
	nested := func(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
	filter := func(depth int) string {
		return url.QueryEscape(strings.Repeat(`{"$not":`, depth) + `{"stars":1}` + strings.Repeat(`}`, depth))
	}
	const deep = "nested too deeply"
	for _, tc := range []struct {
		name, path, body, want string
		status                 int
	}{
		{"as deep as is taken", "/api/notes:create", `{"title": "x", "more": ` + nested(63) + `}`, "", http.StatusOK},
		{"deeper", "/api/notes:create", `{"title": "x", "more": ` + nested(64) + `}`, deep, http.StatusBadRequest},
		{"brackets in text", "/api/notes:create", `{"title": "` + strings.Repeat("[", 100) + `\"{"}`, "", http.StatusOK},
		{"a deep body of an action of its own", "/api/workflows:create", `{"config": ` + nested(64) + `}`, deep, http.StatusBadRequest},
		{"a deep filter", "/api/notes:list?filter=" + filter(70), "", deep, http.StatusBadRequest},
		{"a filter of many levels", "/api/notes:list?filter=" + filter(40), "", deep, http.StatusBadRequest},
		{"deep brackets", "/api/notes:list?filter" + strings.Repeat("[a]", 70) + "=1", "", deep, http.StatusBadRequest},
		{"many parameters", "/api/notes:list?" + strings.Repeat("a=1&", 1001), "", "at most 1000 parameters", http.StatusBadRequest},
		{"a long body", "/api/notes:create", `{"title": "` + strings.Repeat("x", 1<<20) + `"}`, "more than 1 MB", http.StatusBadRequest},
		{"a long body of an action of its own", "/api/users:create", `{"nickname": "` + strings.Repeat("x", 1<<20) + `"}`, "more than 1 MB", http.StatusBadRequest},
		{"many conditions", "/api/notes:list?filter=" + url.QueryEscape(`{"$or":[`+strings.Repeat(`{"stars":1},`, 500)+`{"stars":1}]}`), "", "500", http.StatusBadRequest},
		{"no JSON", "/api/notes:create", `{"title"`, "Send JSON", http.StatusBadRequest},
		{"text after JSON", "/api/users:create", `{} {}`, "not a JSON object", http.StatusBadRequest},
		{"a number without end", "/api/notes:create", `{"title": "x", "stars": 1e999}`, "too large", http.StatusBadRequest},
		{"no object", "/api/notes:update?filterByTk=1", `[]`, "an object", http.StatusBadRequest},
		{"several, one of them wrong", "/api/notes:create", `[{"title": "a"}, {"stars": 1}]`, `"field":"1.title"`, http.StatusBadRequest},
		{"an unconditional change", "/api/notes:update?filter={\"$and\":[{}]}", `{"stars": 1}`, "filterByTk or filter", http.StatusBadRequest},
		{"a key that is none", "/api/notes:destroy?filterByTk=x", ``, "key", http.StatusBadRequest},
		{"no key to find by", "/api/notes:firstOrCreate", `{"title": "x"}`, "by which fields", http.StatusBadRequest},
		{"no order", "/api/notes:move?sourceId=1&targetId=2", ``, "no order", http.StatusBadRequest},
		{"an unknown variable", "/api/notes:list?filter={\"title\":\"{{$user.nope}}\"}", ``, "no variable", http.StatusBadRequest},
	} {
		if code, text := s.api(admin, "POST", tc.path, tc.body); code != tc.status || !strings.Contains(text, tc.want) {
			t.Errorf("%s: %d %.300s, want %d with %q", tc.name, code, text, tc.status, tc.want)
		}
	}
}

// TestAssociationsAPI goes through the routes of associations where the tour of
// the document does not.
func TestAssociationsAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	call := func(method, path, body string, status int) string {
		t.Helper()
		code, got := s.api(admin, method, path, body)
		if code != status {
			t.Errorf("%s %s: status %d, want %d: %.300s", method, path, code, status, got)
		}
		return got
	}
	call("POST", "/api/collections:create", notesJSON, http.StatusOK)
	call("POST", "/api/notes:create", `[{"id": 1, "title": "a", "parts": [{"id": 2, "title": "b"}, {"id": 3, "title": "c"}]}, {"id": 4, "title": "d"}]`, http.StatusOK)
	const fields = "fields[]=title&sort=title&paginate=false"
	for _, tc := range []struct{ method, path, body, want string }{
		{"GET", "/api/notes/1/parts?" + fields, "", `{"data":[{"title":"b"},{"title":"c"}]}`},
		{"GET", "/api/notes/_/parts:list?" + fields, "", `{"data":[{"title":"a"},{"title":"b"},{"title":"c"},{"title":"d"}]}`},
		{"GET", "/api/notes/2/parent:get?fields=title", "", `{"data":{"title":"a"}}`},
		{"GET", "/api/notes/1/parent:get?fields=title", "", `{"data":null}`},
		{"GET", "/api/notes/1/parts/3?fields=title", "", `{"data":{"title":"c"}}`},
		{"GET", "/api/notes/1/parts/4?fields=title", "", `{"data":null}`},
		{"POST", "/api/notes/1/parts:destroy/4", "", `{"data":0}`},
		{"POST", `/api/notes/1/parts:update?filter={"title":"d"}`, `{"stars": 1}`, `{"data":[]}`},
		{"POST", "/api/notes/1/parts:add", `[4]`, `{"data":null}`},
		{"POST", "/api/notes/1/parts:remove/2", ``, `{"data":null}`},
		{"GET", "/api/notes/1/parts?" + fields, "", `{"data":[{"title":"c"},{"title":"d"}]}`},
		{"POST", "/api/notes/1/parts:toggle", `{"values": [2, 4]}`, `{"data":null}`},
		{"GET", "/api/notes/1/parts?" + fields, "", `{"data":[{"title":"b"},{"title":"c"}]}`},
		{"POST", "/api/notes/1/parts:set?filterByTk[]=4", ``, `{"data":null}`},
		{"GET", "/api/notes/1/parts?" + fields, "", `{"data":[{"title":"d"}]}`},
		{"POST", "/api/notes/4/parent:set", `{"id": 3}`, `{"data":null}`},
		{"GET", "/api/notes/3/parts:list?" + fields, "", `{"data":[{"title":"d"}]}`},
		{"POST", "/api/notes/4/parent:remove/3", ``, `{"data":null}`},
		{"GET", "/api/notes/4/parent:get", "", `{"data":null}`},
	} {
		if got := call(tc.method, tc.path, tc.body, http.StatusOK); got != tc.want {
			t.Errorf("%s %s: %s, want %s", tc.method, tc.path, got, tc.want)
		}
	}
	found := call("POST", "/api/notes/1/parts:firstOrCreate?filterKeys[]=title", `{"title": "a"}`, http.StatusOK)
	if field(t, found, "parentId") != 1.0 || field(t, found, "id") == 1.0 {
		t.Errorf("found outside of the association, or not linked: %s", found)
	}
	call("POST", "/api/notes:update/1?whitelist[]=parts.title&updateAssociationValues[]=parts", `{"title": "no", "parts": [{"id": 4, "title": "new", "stars": 5}]}`, http.StatusOK)
	if got := call("GET", "/api/notes:get/4?fields=title,stars", "", http.StatusOK); got != `{"data":{"stars":null,"title":"new"}}` {
		t.Errorf("after a change of one member: %s", got)
	}
	for _, path := range []string{"/api/notes/_/parts:create", "/api/notes/_/parts:set", "/api/notes/4711/parts:create", "/api/notes/1/title:list", "/api/notes/1/createdBy:nope"} {
		call("POST", path, `{"title": "x"}`, http.StatusNotFound)
	}
	for _, path := range []string{"/api/notes/1/parts:destroy", "/api/notes/1/parts:update?filter={}", "/api/notes/1/parts:add", "/api/notes/1/parts:set?filterByTk=x", "/api/notes/2/parent:set?filterByTk=1,3"} {
		call("POST", path, `{}`, http.StatusBadRequest)
	}
}
