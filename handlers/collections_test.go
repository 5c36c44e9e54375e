package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"alur/engine/collection"
)

func TestCollectionPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if got := s.get(admin, "/collections").want(200).find(".empty h3"); got != "No collections yet" {
		t.Errorf("without collections the page says %q", got)
	}
	if got := s.post(admin, "/collections", url.Values{"title": {""}}).want(422).find("#f-title-error"); got != "Write a title." {
		t.Errorf("problem of the title: %q", got)
	}
	a := s.post(admin, "/collections", url.Values{"title": {"Leave requests"}}).want(http.StatusSeeOther)
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
		form := url.Values{"kind": {k.name}, "title": {"My " + k.title}, "target": {"teams"}, "choices": {"a: Alpha\nb\n\n"}, "scale": {"3"}, "min": {"1"}}
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
	s.post(admin, "/collections/teams/delete", nil).want(http.StatusConflict) // leave requests refer to it
	s.get(admin, fields+"/myBelongsToOne/delete").want(200).find("form")
	s.post(admin, fields+"/myBelongsToOne/delete", nil).want(http.StatusSeeOther)
	s.post(admin, "/collections/teams/delete", nil).want(http.StatusSeeOther)
	s.post(admin, "/collections/leaveRequests/delete", nil).want(http.StatusSeeOther)
	if got := s.get(admin, "/collections").want(200).find(".empty h3"); got != "No collections yet" {
		t.Errorf("after all was deleted the page says %q", got)
	}
	s.get(admin, "/collections/users").want(404)
	s.post(admin, "/collections/users/delete", nil).want(404)
	s.get(member, "/collections").want(http.StatusForbidden)
}
