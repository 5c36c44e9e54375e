package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestCategoriesAPI: categories are made, ordered and given to versions by
// program; copies take them along.
func TestCategoriesAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	made := func(body string) int64 {
		t.Helper()
		return idOf(s.postJSON(admin, "/api/workflowCategories:create", body).want(http.StatusOK).object()["id"])
	}
	sales, people := made(`{"title": "Sales"}`), made(`{"title": "People", "color": "red"}`)
	s.postJSON(admin, "/api/workflowCategories:create", `{"title": ""}`).want(http.StatusBadRequest)
	s.postJSON(member, "/api/workflowCategories:create", `{"title": "Mine"}`).want(http.StatusForbidden)
	s.get(member, "/api/workflowCategories:list").want(http.StatusForbidden)

	update := fmt.Sprintf("/api/workflows:update?filterByTk=%d", w.ID)
	s.postJSON(admin, update, `{"categories": "x"}`).want(http.StatusBadRequest)
	shown := s.postJSON(admin, update, fmt.Sprintf(`{"categories": [%d, "%d", 4711]}`, sales, people)).want(http.StatusOK).object()
	if list, _ := shown["categories"].([]any); len(list) != 2 {
		t.Errorf("the changed workflow shows the categories %v", list)
	}
	draft := s.postJSON(admin, fmt.Sprintf(`/api/workflows:revision?filterByTk=%d&filter={"key":%q}`, w.ID, w.Key), `{}`).want(http.StatusOK).object()
	copied := s.postJSON(admin, fmt.Sprintf(`/api/workflows:revision?filterByTk=%d`, w.ID), fmt.Sprintf(`{"categories": [{"id": %d}]}`, people)).want(http.StatusOK).object()
	fresh := s.postJSON(admin, "/api/workflows:create", fmt.Sprintf(`{"title": "New", "type": "collection", "categories": [%d]}`, sales)).want(http.StatusOK).object()

	const paths = "fields[]=id&fields[]=categories.title&sort=id"
	tests := []struct{ query, want string }{
		{fmt.Sprintf(`{"id":%d}`, w.ID), "Sales People"},
		{fmt.Sprintf(`{"id":%d}`, idOf(draft["id"])), "Sales People"},
		{fmt.Sprintf(`{"id":%d}`, idOf(copied["id"])), "People"},
		{fmt.Sprintf(`{"categories.id":%d}`, sales), "Sales People,Sales People,Sales"},
		{`{"categories":{"title":{"$includes":"peo"}}}`, "Sales People,Sales People,People"},
		{`{"categories.id":{"$exists":true},"title":"New"}`, "Sales"},
	}
	titles := func(query string) string {
		t.Helper()
		var rows []string
		for _, r := range s.get(admin, "/api/workflows:list?"+paths+"&paginate=false&filter="+url.QueryEscape(query)).want(http.StatusOK).list() {
			var names []string
			for _, c := range r["categories"].([]any) {
				names = append(names, c.(map[string]any)["title"].(string))
			}
			rows = append(rows, strings.Join(names, " "))
		}
		return strings.Join(rows, ",")
	}
	for _, tc := range tests {
		if got := titles(tc.query); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.query, got, tc.want)
		}
	}

	order := func() (out string) {
		for _, r := range s.get(admin, "/api/workflowCategories:list?paginate=false&sort=sort").want(http.StatusOK).list() {
			out += fmt.Sprint(r["title"], " ", r["color"], ";")
		}
		return out
	}
	if got := order(); got != "Sales default;People red;" {
		t.Errorf("order %s", got)
	}
	s.postJSON(admin, fmt.Sprintf("/api/workflowCategories:move?sourceId=%d&targetId=%d", people, sales), `{}`).want(http.StatusOK)
	s.postJSON(admin, fmt.Sprintf("/api/workflowCategories:update/%d", sales), `{"title": "Selling"}`).want(http.StatusOK)
	if got := order(); got != "People red;Selling default;" {
		t.Errorf("order after the move %s", got)
	}

	s.postJSON(admin, update, `{"categories": null}`).want(http.StatusOK)
	if got := titles(tests[0].query); got != "" {
		t.Errorf("after null there are %s", got)
	}
	if got := s.postJSON(admin, `/api/workflowCategories:destroy?filter={"title":{"$ne":null}}`, "").want(http.StatusOK).Text; !strings.Contains(got, `"data":2`) {
		t.Errorf("destroy answers %s", got)
	}
	s.get(admin, fmt.Sprintf("/api/workflows:get?filterByTk=%d", idOf(fresh["id"]))).want(http.StatusOK).object()
}

// list reads {"data": […]}.
func (a answer) list() []map[string]any {
	a.t.Helper()
	var body struct{ Data []map[string]any }
	if err := json.Unmarshal([]byte(a.Text), &body); err != nil {
		a.t.Fatalf("%v in %s", err, a.Text)
	}
	return body.Data
}

// TestCategoryPages makes, orders and deletes categories in the browser, and
// sorts a workflow under them with all its versions.
func TestCategoryPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	draft, err := s.Engine.Revise(t.Context(), s.users[admin].Actor(), w.ID, w.Key, "")
	if err != nil {
		t.Fatal(err)
	}
	s.post(admin, "/workflow-categories", url.Values{"color": {"red"}}).want(http.StatusUnprocessableEntity)
	s.post(admin, "/workflow-categories", url.Values{"title": {"Sales"}, "color": {"red"}}).want(http.StatusSeeOther)
	page := fmt.Sprintf("/workflows/%d/categories", w.ID)
	sales := s.get(admin, page).want(http.StatusOK).doc().Find("[name=category]").AttrOr("value", "")
	long := strings.Repeat("x", 300)
	again := s.post(admin, page, url.Values{"category": {sales}, "new": {long}}).want(http.StatusUnprocessableEntity).doc()
	if again.Find("[name=category][checked]").Length() != 1 || again.Find("[name=new]").AttrOr("value", "") != long {
		t.Error("what was typed is lost")
	}
	s.post(admin, page, url.Values{"category": {sales}, "new": {"Stock"}}).want(http.StatusSeeOther)
	for path, form := range map[string]url.Values{
		"/workflow-categories":          {"title": {" sales"}},
		"/workflow-categories/" + sales: {"title": {"STOCK"}},
		page:                            {"category": {sales}, "new": {"Stock "}},
	} {
		a := s.post(admin, path, form).want(http.StatusUnprocessableEntity)
		if text := a.find(".error, [id$=-error]"); !strings.Contains(text, "There is a category of this name already.") {
			t.Errorf("%s %v: at the field it says %q", path, form, text)
		}
	}
	s.post(admin, "/workflow-categories/"+sales, url.Values{"title": {"sales"}, "color": {"red"}}).want(http.StatusSeeOther)
	s.post(admin, "/workflow-categories/"+sales, url.Values{"title": {"Sales"}, "color": {"red"}}).want(http.StatusSeeOther)
	for _, id := range []int64{w.ID, draft.ID} {
		if n := s.get(admin, fmt.Sprintf("/workflows/%d/categories", id)).doc().Find("[name=category][checked]").Length(); n != 2 {
			t.Errorf("version %d has %d categories, want 2", id, n)
		}
	}
	doc := s.get(admin, "/workflows").want(http.StatusOK).doc()
	if got := strings.Join(strings.Fields(doc.Find(".tabs").Text()), " "); got != "All Sales 1Stock 1Categories" {
		t.Errorf("tabs: %s", got)
	}
	if got := doc.Find("tbody .tag[data-state=error]").Text(); got != "Sales" {
		t.Errorf("red tag: %q", got)
	}
	for query, rows := range map[string]int{"category=" + sales: 1, "category=4711": 0} {
		if n := s.get(admin, "/workflows?"+query).doc().Find("#workflows tbody tr").Length(); n != rows {
			t.Errorf("%s: %d workflows, want %d", query, n, rows)
		}
	}
	s.post(admin, "/workflow-categories/"+sales+"/move", url.Values{"to": {"down"}}).want(http.StatusSeeOther)
	if got := s.get(admin, "/workflow-categories").doc().Find(".list .tag").First().Text(); got != "Stock" {
		t.Errorf("first is %q after the move", got)
	}
	s.post(admin, "/workflow-categories/"+sales, url.Values{"title": {"Selling"}, "color": {"blue"}}).want(http.StatusSeeOther)
	if got := s.get(admin, "/workflow-categories/"+sales).doc().Find("[name=title]").AttrOr("value", ""); got != "Selling" {
		t.Errorf("renamed to %q", got)
	}
	if got := s.get(admin, "/workflow-categories/"+sales+"/delete").find("li"); !strings.Contains(got, "On 1 workflow.") {
		t.Errorf("the question says %q", got)
	}
	s.post(admin, "/workflow-categories/"+sales+"/delete", nil).want(http.StatusSeeOther)
	s.get(admin, "/workflow-categories/"+sales).want(http.StatusNotFound)
	if n := s.get(admin, page).doc().Find("[name=category]").Length(); n != 1 {
		t.Errorf("%d categories are left, want 1", n)
	}
}
