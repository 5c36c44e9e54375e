package handlers

import (
	"net/http"
	"net/url"
	"testing"

	"alur/engine/auth"
	"alur/engine/collection"
)

// TestKeysThatArePages opens, changes and deletes records whose keys are words
// that addresses of the collection hold too, from the list on.
func TestKeysThatArePages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if code, text := s.api(admin, "POST", "/api/collections:create", `{"name": "words", "title": "Words", "autoGenId": false, "recordHistory": true, "fields": [
		{"name": "word", "type": "string", "primaryKey": true}, {"name": "note", "type": "string"}]}`); code != http.StatusOK {
		t.Fatal(text)
	}
	keys := []string{"new", "filter", "columns", "views", "bulk", "pick", "form", "deleted", "import", "export", "word", "~", "~new", ".", "..", "A1", "Ärger", "a b/c?d", "100%"}
	for _, key := range keys {
		s.record("words", collection.Record{"word": key, "note": "of " + key})
	}
	listed := map[string]string{}
	for _, a := range s.get(admin, "/data/words?size=100").want(http.StatusOK).doc().Find("tbody a[href]").EachIter() {
		listed[a.Text()] = a.AttrOr("href", "")
	}
	for _, key := range keys {
		page := listed[key]
		if page == "" {
			t.Errorf("%q has no link in the list: %v", key, listed)
			continue
		}
		opened := s.get(admin, page)
		if opened.StatusCode != http.StatusOK {
			t.Errorf("%s of %q: status %d", page, key, opened.StatusCode)
			continue
		}
		doc := opened.doc()
		if got := doc.Find("[name=note]").AttrOr("value", ""); got != "of "+key {
			t.Errorf("%s shows the record %q, want that of %q", page, got, key)
		}
		form := url.Values{"note": {"changed"}}
		for _, in := range doc.Find("form [type=hidden]").EachIter() {
			form.Add(in.AttrOr("name", ""), in.AttrOr("value", ""))
		}
		s.post(admin, page, form).want(http.StatusSeeOther)
		s.get(admin, page+"/history").want(http.StatusOK)
		s.post(admin, page+"/delete", nil).want(http.StatusSeeOther)
		s.get(admin, page).want(http.StatusNotFound)
	}
	s.get(admin, "/data/words/new").want(http.StatusOK)
}

// TestRecordWords: a limit is told of the action that it limits.
func TestRecordWords(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shop()
	goods, err := s.Records.Collection(t.Context(), "goods")
	if err != nil {
		t.Fatal(err)
	}
	few := []string{"name", "stock"}
	tests := []struct {
		actions []auth.ResourceAction
		want    string
	}{
		{nil, ""},
		{[]auth.ResourceAction{{Name: auth.View}, {Name: auth.Update}}, "see all, change all records"},
		{[]auth.ResourceAction{{Name: auth.View}, {Name: auth.Update, Fields: few}}, "see all, change all records (changes 2 of 3 fields)"},
		{[]auth.ResourceAction{{Name: auth.View, Fields: few}, {Name: auth.Update}}, "see all, change all records (sees 4 of 8 fields)"},
		{[]auth.ResourceAction{{Name: auth.Create, Fields: few}, {Name: auth.Update, Fields: few[:1]}, {Name: auth.Destroy}},
			"create, change all, delete all records (fills in 2 of 3 fields, changes 1 of 3 fields)"},
	}
	for _, tc := range tests {
		if _, err := s.Auth.PutResource(t.Context(), auth.System, "member", auth.Resource{Collection: "goods", OwnRules: true, Actions: tc.actions}); err != nil {
			t.Fatal(err)
		}
		a, err := s.Auth.ActorOf(t.Context(), s.users[member])
		if err != nil {
			t.Fatal(err)
		}
		if got := recordWords(a, goods); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.actions, got, tc.want)
		}
	}
}

// TestNamesThatArePages: collections and roles can be called as pages are.
func TestNamesThatArePages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, name := range []string{"new", "adopt", "plain"} {
		at := s.post(admin, "/collections", url.Values{"title": {"About " + name}, "name": {name}}).want(http.StatusSeeOther).Header.Get("Location")
		if got := s.get(admin, at).want(http.StatusOK).find("h1"); got != "About "+name {
			t.Errorf("%s leads to the page %q", at, got)
		}
		s.postJSON(root, "/api/roles:create", `{"name":"`+name+`","title":"Role `+name+`"}`).want(http.StatusOK)
		at = s.get(root, "/roles").doc().Find("#role-"+name+" a").First().AttrOr("href", "")
		if got := s.get(root, at).want(http.StatusOK).find("h1"); got != "Role "+name {
			t.Errorf("%s leads to the page %q", at, got)
		}
	}
}
