package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/sheet"
)

// newEvents is a site with orders, their lines and tags, and workflows that hear of
// every change of them.
func newEvents(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	for _, def := range []string{
		`{"name": "tags", "title": "Tags", "fields": [{"name": "name", "type": "string"}]}`,
		`{"name": "orders", "title": "Orders", "fields": [{"name": "title", "type": "string", "uiSchema": {"title": "Title"}}, {"name": "status", "type": "string", "uiSchema": {"title": "Status"}}, {"name": "place", "type": "sort"}]}`,
		`{"name": "lines", "title": "Lines", "fields": [{"name": "title", "type": "string", "uiSchema": {"title": "Title"}}, {"name": "order", "type": "belongsTo", "target": "orders", "foreignKey": "orderId"}]}`,
	} {
		var d collection.Definition
		if err := json.Unmarshal([]byte(def), &d); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Records.CreateCollection(t.Context(), auth.System, d); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []collection.Field{
		{Name: "tags", Title: "Tags", Type: collection.BelongsToMany, Target: "tags", Through: "orderTags", ForeignKey: "orderId", OtherKey: "tagId"},
		{Name: "lines", Title: "Lines", Type: collection.HasMany, Target: "lines", ForeignKey: "orderId"},
	} {
		if _, err := s.Records.AddField(t.Context(), auth.System, "orders", f); err != nil {
			t.Fatal(err)
		}
	}
	s.kept("orders")
	for _, coll := range []string{"tags", "orders", "lines", "orderTags"} {
		for _, mode := range []int{3, 4} {
			s.listen(fmt.Sprintf(`{"collection": %q, "mode": %d, "bulk": true}`, coll, mode))
		}
	}
	return s
}

// listen makes a workflow and turns it on.
func (s *site) listen(trigger string) {
	s.t.Helper()
	w, err := s.Engine.CreateWorkflow(s.t.Context(), auth.System, engine.NewWorkflow{Title: "Listens", Type: "collection", Config: json.RawMessage(trigger)})
	if err == nil {
		_, err = s.Engine.EnableWorkflow(s.t.Context(), auth.System, w.ID, true)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// started says what executions were started by, with the person, and forgets them.
func (s *site) started() string {
	s.t.Helper()
	var words []string
	err := s.DB.Side().SelectContext(s.t.Context(), &words, `SELECT count(*) || ' ' || (w.config ->> 'collection') || ' ' || (x.context ->> 'event') || ' by ' || coalesce(x.context #>> '{user,nickname}', 'nobody')
		FROM alur.executions x JOIN alur.workflows w ON w.id = x.workflow_id GROUP BY w.config ->> 'collection', x.context ->> 'event', x.context #>> '{user,nickname}' ORDER BY 1`)
	_, gone := s.DB.ExecContext(s.t.Context(), "DELETE FROM alur.executions")
	if err := errors.Join(err, gone); err != nil {
		s.t.Fatal(err)
	}
	return strings.ReplaceAll(strings.Join(words, ", "), " by Mia Member", "")
}

// TestEventsOfTheAPI: which requests of the API start what. Members write.
func TestEventsOfTheAPI(t *testing.T) {
	t.Parallel()
	s := newEvents(t)
	red, blue := s.put("tags", collection.Record{"name": "red"}), s.put("tags", collection.Record{"name": "blue"})
	order, other := s.put("orders", collection.Record{"title": "a"}), s.put("orders", collection.Record{"title": "b"})
	line := s.put("lines", collection.Record{"title": "l", "order": order})
	s.started()
	filter := "?filter=" + url.QueryEscape(`{"title.$notEmpty":true}`)
	for _, tc := range []struct{ path, body, want string }{
		{"orders:create", `{"title": "c"}`, "1 orders created"},
		{"orders:create", `[{"title": "d"}, {"title": "e"}]`, "2 orders created"},
		{"orders:create", `{"title": "f", "lines": [{"title": "1"}, {"title": "2"}], "tags": [` + red + `]}`, "1 orderTags created, 1 orders created, 2 lines created"},
		{"orders:update/" + order, `{"status": "x"}`, "1 orders updated"},
		{"orders:update" + filter, `{"status": "y"}`, "6 orders updated"},
		{"orders:update/" + order, `{"lines": [` + line + `, {"title": "new"}]}`, "1 lines created, 1 orders updated"},
		{"orders:update/" + order + "?updateAssociationValues[]=lines", `{"lines": [{"id": ` + line + `, "title": "renamed"}]}`, "1 orders updated, 2 lines updated"},
		{"orders:firstOrCreate?filterKeys[]=title", `{"title": "a"}`, ""},
		{"orders:firstOrCreate?filterKeys[]=title", `{"title": "g"}`, "1 orders created"},
		{"orders:updateOrCreate?filterKeys[]=title", `{"title": "g", "status": "z"}`, "1 orders updated"},
		{"orders:updateOrCreate?filterKeys[]=title", `{"title": "h"}`, "1 orders created"},
		{"orders:move?sourceId=" + order + "&targetId=" + other, ``, "1 orders updated"},
		{"orders/" + order + "/lines:create", `{"title": "of it"}`, "1 lines created"},
		{"orders/" + order + "/lines:update" + filter, `{"title": "of it"}`, "2 lines updated"},
		{"lines/" + line + "/order:update", `{"status": "through the line"}`, "1 orders updated"},
		{"orders/" + order + "/tags:create", `{"name": "green"}`, "1 orderTags created, 1 orders updated, 1 tags created"},
		{"orders/" + order + "/tags:add", `[` + red + `, ` + blue + `]`, "1 orders updated, 2 orderTags created"},
		{"orders/" + order + "/tags:remove", `[` + red + `]`, "1 orderTags deleted, 1 orders updated"},
		{"orders/" + order + "/tags:toggle", `[` + red + `]`, "1 orderTags created, 1 orders updated"},
		{"orders/" + order + "/tags:set", `[` + red + `]`, "1 orders updated, 2 orderTags deleted"},
		{"orders/" + other + "/lines:add", `[` + line + `]`, "1 lines updated, 1 orders updated"},
		{"lines/" + line + "/order:set", order, "1 lines updated"},
		{"orders/" + order + "/lines:destroy" + filter, ``, "2 lines deleted"},
		{"orders:destroy/" + order, ``, "1 orderTags deleted, 1 orders deleted"},
		{"orders:destroy" + filter, ``, "1 orderTags deleted, 2 lines updated, 7 orders deleted"},
		{"tags:destroy?filterByTk=" + red + "," + blue, ``, "2 tags deleted"},
	} {
		s.postJSON(member, "/api/"+tc.path, tc.body).want(http.StatusOK)
		if got := s.started(); got != tc.want {
			t.Errorf("%s %s started %q, want %q", tc.path, tc.body, got, tc.want)
		}
	}
}

// TestEventsOfPages: which forms start what.
func TestEventsOfPages(t *testing.T) {
	t.Parallel()
	s := newEvents(t)
	red := s.put("tags", collection.Record{"name": "red"})
	order, other := s.put("orders", collection.Record{"title": "a"}), s.put("orders", collection.Record{"title": "b"})
	line := s.put("lines", collection.Record{"title": "l"})
	s.started()
	both := order + "," + other
	for _, tc := range []struct {
		path string
		form url.Values
		want string
	}{
		{"/data/orders", url.Values{"title": {"c"}}, "1 orders created"},
		{"/data/orders/" + order, url.Values{"title": {"d"}, "status": {"new"}}, "1 orders updated"},
		{"/data/orders/" + order + "/cells/status", url.Values{"_value": {"x"}}, "1 orders updated"},
		{"/data/orders/bulk", url.Values{"id": {both}, "n": {"2"}, "field": {"status"}, "_value": {"y"}}, "2 orders updated"},
		{"/data/orders/bulk", url.Values{"all": {"true"}, "n": {"3"}, "field": {"status"}, "_value": {"z"}}, "3 orders updated"},
		{"/data/orders/" + order + "/related/lines", url.Values{"record": {line}}, "1 lines updated, 1 orders updated"},
		{"/data/orders/" + order + "/related/lines", url.Values{"record": {line}, "do": {"remove"}}, "1 lines updated, 1 orders updated"},
		{"/data/orders/" + order + "/related/tags", url.Values{"record": {red}}, "1 orderTags created, 1 orders updated"},
		{"/data/orders/" + order + "/related/tags", url.Values{"record": {red}, "do": {"remove"}}, "1 orderTags deleted, 1 orders updated"},
		{"/data/orders/" + other + "/delete", nil, "1 orders deleted"},
		{"/data/orders/bulk", url.Values{"do": {"delete"}, "all": {"true"}, "n": {"2"}}, "2 orders deleted"},
	} {
		a := s.post(member, tc.path, tc.form)
		if a.StatusCode != http.StatusSeeOther && a.StatusCode != http.StatusOK {
			t.Errorf("%s %v: status %d: %s", tc.path, tc.form, a.StatusCode, a.words())
		}
		if got := s.started(); got != tc.want {
			t.Errorf("%s %v started %q, want %q", tc.path, tc.form, got, tc.want)
		}
	}
	link, _ := s.get(admin, "/data/orders/deleted").want(http.StatusOK).doc().Find("tbody a").Attr("href")
	s.post(admin, link, nil).want(http.StatusSeeOther)
	if got := s.started(); got != "1 orders created by Ann Admin" {
		t.Errorf("a restored record started %q", got)
	}
}

// TestEventsOfImports: a row of a file starts what its record starts, and a check of
// the file starts nothing.
func TestEventsOfImports(t *testing.T) {
	t.Parallel()
	s := newEvents(t)
	var book bytes.Buffer
	w, err := sheet.NewWriter(&book, sheet.XLSX, "Orders", []string{"Title", "Status"})
	if err == nil {
		err = errors.Join(w.Write([]any{"a", "paid"}), w.Write([]any{"d", "new"}), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"orders.csv", []byte("Title,Status\na,new\nb,new\nc,new\n"), "3 orders created"},
		{"orders.xlsx", book.Bytes(), "1 orders created, 1 orders updated"},
	} {
		page := s.uploadFile(member, "/data/orders/import", tc.name, tc.content).want(http.StatusSeeOther).Header.Get("Location")
		form := url.Values{"columns.0": {"title"}, "columns.1": {"status"}, "match": {"title"}, "existing": {"update"}, "missing": {"create"}}
		s.imports(page, "check", form, "")
		s.imports(page, "run", form, tc.want)
	}
}

func (s *site) imports(page, do string, form url.Values, want string) {
	s.t.Helper()
	form.Set("do", do)
	s.post(member, page, form).want(http.StatusSeeOther)
	if worked, err := s.Imports.WorkOnce(s.t.Context()); !worked || err != nil {
		s.t.Fatal(worked, err)
	}
	if got := s.started(); got != want {
		s.t.Errorf("%s: %s started %q, want %q; %s", page, do, got, want, s.get(member, page).words())
	}
}

// TestRefusedChange: who saves what a synchronous workflow refuses reads who refused it
// and where to look, with what they typed still there; nothing is saved.
func TestRefusedChange(t *testing.T) {
	t.Parallel()
	s := newEvents(t)
	order := s.put("orders", collection.Record{"title": "a", "status": "old"})
	w := s.postJSON(admin, "/api/workflows:create",
		`{"title": "Guard", "type": "collection", "sync": true, "config": {"collection": "orders", "mode": 3, "condition": {"title.$includes": "bad"}, "rollbackOnFailure": true}}`).want(http.StatusOK).object()
	s.postJSON(admin, fmt.Sprintf("/api/workflows/%d/nodes:create", idOf(w["id"])), `{"type": "end", "config": {"endStatus": -1}}`).want(http.StatusOK)
	s.postJSON(admin, fmt.Sprintf("/api/workflows:update?filterByTk=%d", idOf(w["id"])), `{"enabled": true}`).want(http.StatusOK)
	n := 0
	said := func(text string) {
		t.Helper()
		n++
		var id, count string
		err := s.DB.Side().QueryRowContext(t.Context(), "SELECT max(id), count(*) FROM alur.executions WHERE status = -1").Scan(&id, &count)
		if err != nil {
			t.Fatal(err)
		}
		if want := "Not saved. The workflow “Guard” refused this change. Its execution " + id + " says why."; !strings.Contains(text, want) || count != fmt.Sprint(n) {
			t.Errorf("says %q, want %q; %s refused executions, want %d", text, want, count, n)
		}
	}
	api := s.postJSON(member, "/api/orders:create", `{"title": "bad"}`).want(http.StatusUnprocessableEntity)
	said(api.Text)
	if !strings.Contains(api.Text, `"code":"WORKFLOW_ROLLBACK_ON_FAILURE"`) {
		t.Errorf("the API answers %s", api.Text)
	}
	said(s.postJSON(member, "/api/orders:update/"+order, `{"title": "bad"}`).want(http.StatusUnprocessableEntity).Text)
	made := s.post(member, "/data/orders", url.Values{"title": {"bad one"}}).want(http.StatusUnprocessableEntity)
	said(made.words())
	if got, _ := made.doc().Find("[name=title]").Attr("value"); got != "bad one" {
		t.Errorf("the form has forgotten the title: %q", got)
	}
	said(s.post(member, "/data/orders/"+order, url.Values{"title": {"bad"}}).want(http.StatusUnprocessableEntity).words())
	said(s.postPart(member, "/data/orders/"+order+"/cells/title", url.Values{"_value": {"bad"}}).want(http.StatusUnprocessableEntity).Text)
	said(s.post(member, "/data/orders/bulk", url.Values{"id": {order}, "n": {"1"}, "field": {"title"}, "_value": {"bad"}}).want(http.StatusUnprocessableEntity).words())
	other := s.put("orders", collection.Record{"title": "b", "status": "old"})
	ids := url.Values{"id": {order + "," + other}, "n": {"2"}, "field": {"title"}, "_value": {"very bad"}}
	if text := s.post(member, "/data/orders/bulk", ids).want(http.StatusUnprocessableEntity).words(); !strings.Contains(text, "Nothing was changed. The workflow “Guard” refused this change of record "+order+".") {
		t.Errorf("of two at once one is refused, and the page says %q", text)
	}
	if rec := s.stored("orders", other); rec["title"] != "b" {
		t.Errorf("of two at once one is refused, and the other is %v", rec)
	}
	if rec := s.stored("orders", order); rec["title"] != "a" || rec["status"] != "old" {
		t.Errorf("stored is %v", rec)
	}
}

// TestRunByKey: a collection workflow is started with a picked record, whatever its
// key is like, on or off; what keeps it from starting is said.
func TestRunByKey(t *testing.T) {
	t.Parallel()
	s := newEvents(t)
	const codes = `{"name": "codes", "title": "Codes", "autoGenId": false, "fields": [{"name": "code", "type": "string", "primaryKey": true, "uiSchema": {"title": "Code"}}, {"name": "note", "type": "string"}]}`
	var d collection.Definition
	if err := json.Unmarshal([]byte(codes), &d); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Records.CreateCollection(t.Context(), auth.System, d); err != nil {
		t.Fatal(err)
	}
	s.put("codes", collection.Record{"code": "A-1", "note": "x"})
	s.put("codes", collection.Record{"code": "B-2"})
	w, err := s.Engine.CreateWorkflow(t.Context(), auth.System, engine.NewWorkflow{Title: "Codes", Type: "collection", Sync: true,
		Config: json.RawMessage(`{"collection": "codes", "mode": 1, "condition": {"note": "x"}}`)})
	if err != nil {
		t.Fatal(err)
	}
	page := fmt.Sprintf("/workflows/%d/run", w.ID)
	ask := s.get(admin, page).want(http.StatusOK)
	if ask.doc().Find(`[name=record] [value="A-1"], [name=record][value="A-1"]`).Length() == 0 {
		t.Errorf("A-1 is not offered: %s", ask.words())
	}
	for record, want := range map[string]string{
		"":     "Choose the record to start with.",
		"moon": "There is no record moon in “Codes”.",
		"B-2":  "This record does not meet the condition of the trigger.",
	} {
		if got := s.post(admin, page, url.Values{"record": {record}}).want(http.StatusUnprocessableEntity).find(".alert"); !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", record, got, want)
		}
	}
	to := s.post(admin, page, url.Values{"record": {"A-1"}}).want(http.StatusSeeOther).Header.Get("Location")
	if !strings.HasPrefix(to, "/executions/") {
		t.Errorf("leads to %s", to)
	}
	s.get(admin, to).want(http.StatusOK)
	if got := s.started(); got != "1 codes manual by nobody" {
		t.Errorf("started %q", got)
	}
}
