package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"alur/engine/auth"
	"alur/engine/collection"
)

func TestCollectionPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if got := s.get(admin, "/collections").want(200).find(".empty h2"); got != "No collections yet" {
		t.Errorf("without collections the page says %q", got)
	}
	if got := s.post(admin, "/collections", url.Values{"title": {""}}).want(422).find("#f-title-error"); got != "Write a title." {
		t.Errorf("problem of the title: %q", got)
	}
	a := s.post(admin, "/collections", url.Values{"title": {"Leave requests"}, "stamps": {"true"}, "people": {"true"}}).want(http.StatusSeeOther)
	if got := a.Header.Get("Location"); got != "/collections/leaveRequests" {
		t.Fatalf("a new collection leads to %q", got)
	}
	if got := s.post(admin, "/collections", url.Values{"title": {"Leave requests"}}).want(422).find("#f-name-error"); !strings.HasPrefix(got, "There is a collection of this name") {
		t.Errorf("problem of the name: %q", got)
	}
	s.post(admin, "/collections", url.Values{"title": {"Teams"}, "name": {"teams"}}).want(http.StatusSeeOther)

	fields := "/collections/leaveRequests/fields"
	s.get(admin, fields+"/new").want(200).find(`a[href="/collections/leaveRequests/fields/new?kind=decimal"]`)
	for _, k := range fieldKinds {
		s.get(admin, fields+"/new?kind="+k.name).want(200).find("[name=title]")
		form := url.Values{"kind": {k.name}, "title": {"My " + k.title}, "target": {"teams"}, "choices": {"a: Alpha\nb\n\n"}, "scale": {"3"}, "min": {"1"}, "expression": {"{{myDecimal}} * 2"}}
		s.post(admin, fields, form).want(http.StatusSeeOther)
	}
	c, err := s.Records.Collection(t.Context(), "leaveRequests")
	if err != nil {
		t.Fatal(err)
	}
	if f := c.Field("mySingleChoice"); f == nil || len(f.Enum) != 2 || f.Enum[0].Label != "Alpha" || f.Enum[1].Label != "b" {
		t.Errorf("choice is %+v", f)
	}
	if f := c.Field("myDecimal"); f == nil || f.Scale != 3 || f.Precision != decimalDigits || *f.Min != 1 {
		t.Errorf("decimal is %+v", f)
	}
	for form, want := range map[string]string{
		"kind=text":                             "#f-title-error",
		"kind=choice&title=X":                   "#f-choices-error",
		"kind=belongsTo&title=X":                "#f-target-error",
		"kind=decimal&title=X&scale=many":       "#f-scale-error",
		"kind=integer&title=X&min=a&max=b":      "#f-max-error",
		"kind=integer&title=X&defaultValue=a":   "#f-defaultvalue-error",
		"kind=text&title=X&name=my+name":        "#f-name-error",
		"kind=text&title=X&name=createdAt":      "#f-name-error",
		"kind=date&title=X&defaultValue=friday": "#f-defaultvalue-error",
	} {
		values, _ := url.ParseQuery(form)
		s.post(admin, fields, values).want(422).find(want)
	}
	s.post(admin, fields, url.Values{"kind": {"blob"}, "title": {"X"}}).want(422)

	s.get(admin, fields+"/myText").want(200).find("[name=title][value='My Text']")
	s.post(admin, fields+"/mySingleChoice", url.Values{"title": {"Kind"}, "choices": {"a: Alpha\nc: Gamma"}, "required": {"true"}, "defaultValue": {"c"}}).want(http.StatusSeeOther)
	c, _ = s.Records.Collection(t.Context(), "leaveRequests")
	if f := c.Field("mySingleChoice"); f.Title != "Kind" || !f.Required || f.Default != "c" || f.Enum[1].Value != "c" {
		t.Errorf("changed choice is %+v", f)
	}
	s.post(admin, fields+"/createdAt", url.Values{"title": {"X"}}).want(404)
	s.get(admin, fields+"/nope").want(404)

	s.post(admin, "/collections/leaveRequests", url.Values{"title": {"Leave"}, "titleField": {"myLongText"}}).want(http.StatusSeeOther)
	if c, _ = s.Records.Collection(t.Context(), "leaveRequests"); c.Title != "Leave" || c.TitleField != "myLongText" {
		t.Errorf("collection is %q, called by %q", c.Title, c.TitleField)
	}
	s.post(admin, "/collections/leaveRequests", url.Values{"title": {""}}).want(422).find("#f-title-error")
	page := s.get(admin, "/collections/leaveRequests").want(200)
	if n := page.doc().Find("tbody tr").Length(); n != len(fieldKinds)+5 {
		t.Errorf("%d fields in the table, want %d", n, len(fieldKinds)+5)
	}

	s.put("leaveRequests", collection.Record{"mySingleChoice": "a"})
	if got := s.part(admin, "/collections/leaveRequests/delete").want(200).find("dialog p"); !strings.Contains(got, "1 record") {
		t.Errorf("the question is %q", got)
	}
	all := url.Values{"agreed": {"1"}}
	s.post(admin, "/collections/teams/delete", nil).want(422)                 // nobody was asked
	s.post(admin, "/collections/teams/delete", all).want(http.StatusConflict) // leave requests refer to it
	s.get(admin, fields+"/myBelongsToOne/delete").want(200).find("form")
	s.post(admin, fields+"/myBelongsToOne/delete", all).want(http.StatusSeeOther)
	s.post(admin, "/collections/teams/delete", all).want(http.StatusSeeOther)
	s.post(admin, "/collections/leaveRequests/delete", all).want(http.StatusSeeOther)
	if got := s.get(admin, "/collections").want(200).find(".empty h2"); got != "No collections yet" {
		t.Errorf("after all was deleted the page says %q", got)
	}
	s.get(admin, "/collections/users").want(404)
	s.post(admin, "/collections/users/delete", nil).want(404)
	s.get(member, "/collections").want(http.StatusForbidden)
}

func TestLossesAreSaidBeforeTheyHappen(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.post(admin, "/collections", url.Values{"title": {"Parts"}, "stamps": {"true"}}).want(http.StatusSeeOther)
	fields := "/collections/parts/fields"
	for _, form := range []string{"kind=text&title=Size", "kind=text&title=Note"} {
		values, _ := url.ParseQuery(form)
		s.post(admin, fields, values).want(http.StatusSeeOther)
	}
	for _, size := range []any{"12", "7", "large", nil} {
		s.put("parts", collection.Record{"size": size})
	}
	page := s.get(admin, fields+"/size/delete").want(200)
	if got := page.find("main p"); !strings.Contains(got, "3 of 4 records have a value here.") {
		t.Errorf("before the field goes the page says %q", got)
	}
	page = s.get(admin, fields+"/size/type?to=integer").want(200)
	if got := page.find("main p"); !strings.Contains(got, "1 of 4 records holds a value that does not fit") {
		t.Errorf("before the type changes the page says %q", got)
	}
	if got := page.find("main li"); !strings.Contains(got, "“large”") {
		t.Errorf("the example is %q", got)
	}
	if got := s.get(admin, fields+"/note/type?to=integer").want(200).find("main p"); !strings.Contains(got, "nothing is lost") {
		t.Errorf("without values the page says %q", got)
	}
	s.get(admin, fields+"/note/type?to=hasMany").want(422)
	s.put("parts", collection.Record{"size": "huge"}) // after the question was asked
	s.post(admin, fields+"/size/type", url.Values{"to": {"integer"}, "agreed": {"1"}}).want(http.StatusConflict)
	s.post(admin, fields+"/size/delete", url.Values{"agreed": {"3"}}).want(http.StatusConflict)
	s.post(admin, fields+"/size/type", url.Values{"to": {"integer"}, "agreed": {"2"}}).want(http.StatusSeeOther)
	n, err := s.Records.Count(t.Context(), s.DB, collection.Access{Actor: auth.System}, "parts", map[string]any{"size.$gte": 7.0})
	if n != 2 || err != nil {
		t.Errorf("%d sizes are left (%v), want 2", n, err)
	}
}

func TestTablesBecomeCollections(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, sql := range []string{
		"CREATE TABLE public.old_parts (part_no serial PRIMARY KEY, label text NOT NULL, blob bytea)",
		"CREATE VIEW public.part_labels AS SELECT label FROM public.old_parts",
	} {
		if _, err := s.DB.ExecContext(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	page := s.get(admin, "/collections/adopt").want(200)
	if got := page.find("#table-0"); got != "old_parts" {
		t.Errorf("the first table is %q", got)
	}
	if got := page.find("section li"); !strings.Contains(got, "bytea") {
		t.Errorf("the warning is %q", got)
	}
	a := s.post(admin, "/collections/adopt", url.Values{"table": {"old_parts"}}).want(http.StatusSeeOther)
	if got := a.Header.Get("Location"); got != "/collections/oldParts" {
		t.Fatalf("the new collection is at %q", got)
	}
	s.post(admin, "/collections/adopt", url.Values{"table": {"old_parts"}}).want(404)
	s.post(admin, "/collections/adopt", url.Values{"table": {"pg_class"}}).want(404)
	s.get(admin, "/collections/oldParts").want(200)
	s.post(admin, "/data/oldParts", url.Values{"label": {"Bolt"}}).want(http.StatusSeeOther)
	if got := s.get(admin, "/data/oldParts").want(200).find("tbody .c-main"); got != "1" {
		t.Errorf("the record is called %q", got)
	}
	s.post(admin, "/data/oldParts/1", url.Values{"label": {"Nut"}}).want(http.StatusSeeOther)
	s.get(admin, "/data/oldParts/1").want(200).find("[name=label]")
	if got := s.get(admin, "/collections/oldParts/delete").want(200).find("main p"); !strings.Contains(got, "stays, with all its 1 row") {
		t.Errorf("the question is %q", got)
	}
	s.post(admin, "/collections/oldParts/delete", url.Values{"agreed": {"0"}}).want(http.StatusSeeOther)
	var label string
	if err := s.DB.GetContext(t.Context(), &label, "SELECT label FROM public.old_parts"); err != nil || label != "Nut" {
		t.Errorf("the row is %q (%v), want Nut", label, err)
	}
}
