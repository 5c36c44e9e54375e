package handlers

import (
	"bytes"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"alur/engine"
)

// sendForm sends a form as one with files is sent.
func (s *site) sendForm(who role, path string, fields url.Values) answer {
	s.t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	var err error
	for name, values := range fields {
		for _, v := range values {
			err = errors.Join(err, form.WriteField(name, v))
		}
	}
	if err = errors.Join(err, form.Close()); err != nil {
		s.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, path, &b)
	r.Header.Set("Content-Type", form.FormDataContentType())
	return s.do(who, r)
}

// TestExchangePages goes from the list to a file, from the file to the question what
// it makes, and to the workflow.
func TestExchangePages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shop()
	w := s.sortingOn("sales")
	list := s.get(admin, "/workflows").want(http.StatusOK).doc()
	if box := list.Find(fmt.Sprintf(`input[form=bulk][name=id][value="%d"]`, w.ID)); box.Length() != 1 {
		t.Error("the list has no box for the workflow")
	}
	if form := list.Find(fmt.Sprintf(`form[action="/workflows/export?id=%d"]`, w.ID)); form.Length() != 1 {
		t.Error("the menu of the list does not export")
	}
	if form := s.get(admin, fmt.Sprintf("/workflows/%d", w.ID)).doc().Find(fmt.Sprintf(`#workflow-menu form[action="/workflows/export?id=%d"]`, w.ID)); form.Length() != 1 {
		t.Error("the menu of the editor does not export")
	}
	file := s.post(admin, "/workflows/export", url.Values{"id": {fmt.Sprint(w.ID)}}).want(http.StatusOK)
	if got := file.Header.Get("Content-Disposition"); got != `attachment; filename="Sort orders.json"` {
		t.Errorf("the file is called %s", got)
	}
	s.post(admin, "/workflows/export", nil).want(http.StatusUnprocessableEntity)
	s.post(admin, "/workflows/export", url.Values{"id": {"x"}}).want(http.StatusNotFound)
	s.post(member, "/workflows/export", url.Values{"id": {fmt.Sprint(w.ID)}}).want(http.StatusForbidden)

	s.get(admin, "/workflows/import").want(http.StatusOK)
	s.get(member, "/workflows/import").want(http.StatusForbidden)
	for _, tc := range []struct {
		up   answer
		want string
	}{
		{s.uploadFile(admin, "/workflows/import", "w.json", []byte("{\n oops")), "Line 2: this is not JSON"},
		{s.uploadFile(admin, "/workflows/import", "w.json", bytes.Repeat([]byte(" "), engine.MaxPortableBytes+1)), "larger than 2 MB"},
		{s.uploadFile(admin, "/workflows/import", "w.json", bytes.Repeat([]byte(" "), 4*engine.MaxPortableBytes)), "larger than 2 MB"},
		{s.sendForm(admin, "/workflows/import", url.Values{"text": {"{\"format\": "}}), "breaks off"},
		{s.sendForm(admin, "/workflows/import", url.Values{"text": {" "}}), "Choose a file, or paste its text."},
		{s.post(admin, "/workflows/import", nil), "Choose a file, or paste its text."},
	} {
		if got := tc.up.want(http.StatusUnprocessableEntity).doc().Find("#f-file-error").Text(); !strings.Contains(got, tc.want) {
			t.Errorf("beside the file stands %q, want %q", got, tc.want)
		}
	}
	if got := s.sendForm(admin, "/workflows/import", url.Values{"text": {`{"format": <b>`}}).doc().Find("#f-text").Text(); got != `{"format": <b>` {
		t.Errorf("what was pasted came back as %q", got)
	}

	was := s.snapshot()
	seen := s.uploadFile(admin, "/workflows/import", "w.json", []byte(file.Text)).want(http.StatusOK).doc()
	s.same(was, "a look at a file")
	if text := seen.Find("#workflow-0").Text(); !strings.Contains(text, "When a sale is created") || !strings.Contains(text, "A new version of “Sort orders”") {
		t.Errorf("the page says %q", text)
	}
	content, _ := seen.Find(`input[name=text]`).Attr("value")
	fill := url.Values{"text": {content}, "do": {"import"}}
	if got := s.sendForm(admin, "/workflows/import", fill).want(http.StatusUnprocessableEntity).words(); !strings.Contains(got, "Choose at least one workflow") {
		t.Errorf("nothing chosen: %s", got)
	}
	fill.Set("take.0", "true")
	fill.Set("as.0", "version")
	to := s.sendForm(admin, "/workflows/import", fill).want(http.StatusSeeOther).Header.Get("Location")
	if text := s.get(admin, to).want(http.StatusOK).words(); !strings.Contains(text, "Draft of v1") {
		t.Errorf("afterwards the page says %q", text)
	}
	again := s.post(admin, "/workflows/export", url.Values{"id": {strings.TrimPrefix(to, "/workflows/")}}).Text
	if again != file.Text {
		t.Errorf("exported again it is\n%s\nwant\n%s", again, file.Text)
	}
}

// TestImportAsks asks who somebody is, and keeps the answers when something is wrong.
func TestImportAsks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.shop()
	text := `{"format": "alur.workflows", "version": 1, "workflows": [
		{"key": "a", "title": "<b>Ask</b>", "trigger": {"type": "collection", "config": {"collection": "sales", "mode": 1}}, "nodes": [
			{"key": "m", "type": "manual", "title": "Look", "config": {"assignees": [{"$person": {"name": "Nora"}}], "forms": {"f": {"actions": [{"key": "ok", "status": 1}]}}}}]},
		{"key": "b", "title": "Bricks", "trigger": {"type": "collection", "config": {"collection": "bricks", "mode": 1}}, "nodes": [{"key": "x", "type": "teleport", "config": {}}]},
		{"key": "c", "title": "Wrong", "trigger": {"type": "collection", "config": {"collection": "sales", "mode": 1}}, "nodes": [{"key": "e", "type": "end", "title": "Stop", "config": {"endStatus": 5}}]}]}`
	page := s.sendForm(admin, "/workflows/import", url.Values{"text": {text}}).want(http.StatusOK).doc()
	for id, want := range map[string]string{"#workflow-1": "Collectionbricks", "#workflow-2": "Stop: Choose how the workflow ends: succeeded or failed."} {
		if got := strings.Join(strings.Fields(page.Find(id).Text()), " "); !strings.Contains(strings.ReplaceAll(got, " ", ""), strings.ReplaceAll(want, " ", "")) {
			t.Errorf("%s says %q, want %q", id, got, want)
		}
	}
	if page.Find("#workflow-2 [name='take.2']").Length() != 0 || page.Find("#workflow-1 [name='take.1']").Length() != 1 {
		t.Error("what cannot come in can be chosen, or what can cannot")
	}
	content, _ := page.Find(`input[name=text]`).Attr("value")
	fill := url.Values{"text": {content}, "do": {"import"}, "take.0": {"true"}, "take.1": {"true"}, "person.0": {"4711"}}
	kept := s.sendForm(admin, "/workflows/import", fill).want(http.StatusUnprocessableEntity).doc()
	if got := kept.Find("#f-person-0-error").Text(); !strings.Contains(got, "There is no such person") {
		t.Errorf("beside the person stands %q", got)
	}
	if _, ok := kept.Find("[name='take.1']").Attr("checked"); !ok {
		t.Error("the choice of workflows is lost")
	}
	fill.Set("person.0", fmt.Sprint(s.users[member].ID))
	if to := s.sendForm(admin, "/workflows/import", fill).want(http.StatusSeeOther).Header.Get("Location"); to != "/workflows" {
		t.Errorf("afterwards: %s", to)
	}
	var got string
	if err := s.DB.GetContext(t.Context(), &got, `SELECT config ->> 'assignees' FROM alur.flow_nodes WHERE key = 'm'`); err != nil || got != fmt.Sprintf("[%d]", s.users[member].ID) {
		t.Errorf("who decides is %s, %v", got, err)
	}
	if text := s.get(admin, "/workflows").doc().Find("#workflows").Text(); !strings.Contains(text, "<b>Ask</b>") || !strings.Contains(text, "Bricks") || strings.Contains(text, "Wrong") {
		t.Errorf("the list says %q", text)
	}
}
