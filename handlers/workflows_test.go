package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
)

// shop makes two collections and a workflow on them that is off:
// trigger → find (query) → enough (condition: yes → take (update), no → stop (end)).
func (s *site) shop() engine.Workflow {
	s.t.Helper()
	for _, text := range []string{
		`{"name": "goods", "title": "Goods", "titleField": "name", "fields": [{"name": "name", "type": "string", "title": "Name"},
			{"name": "stock", "type": "integer", "title": "Stock"}, {"name": "kind", "type": "string", "title": "Kind", "interface": "select",
			"uiSchema": {"enum": [{"value": "a", "label": "Alpha"}, {"value": "b", "label": "Beta"}]}}]}`,
		`{"name": "sales", "title": "Sales", "fields": [{"name": "quantity", "type": "integer", "title": "Quantity"},
			{"name": "good", "type": "belongsTo", "target": "goods", "title": "Good"}]}`,
	} {
		var d collection.Definition
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			s.t.Fatal(err)
		}
		if _, err := s.Records.CreateCollection(s.t.Context(), auth.System, d); err != nil {
			s.t.Fatal(err)
		}
	}
	ctx := s.t.Context()
	w, err := s.Engine.CreateWorkflow(ctx, s.users[admin].Actor(), engine.NewWorkflow{Title: "Stock check", Type: "collection",
		Config: json.RawMessage(`{"collection": "sales", "mode": 1}`)})
	if err != nil {
		s.t.Fatal(err)
	}
	add := func(key, title, kind, config string, up *engine.Node, branch int) *engine.Node {
		n := engine.NewNode{Key: key, Title: title, Type: kind, Config: json.RawMessage(config)}
		if up != nil {
			n.UpstreamID = &up.ID
		}
		if branch >= 0 {
			n.BranchIndex = &branch
		}
		made, err := s.Engine.AddNode(ctx, auth.System, w.ID, n)
		if err != nil {
			s.t.Fatalf("add %s: %v", key, err)
		}
		return &made
	}
	find := add("find", "Find the good", "query", `{"collection": "goods", "extra": {"kept": true},
		"params": {"filter": {"$and": [{"id": {"$eq": "{{$context.data.goodId}}"}}]}}}`, nil, -1)
	enough := add("enough", "Enough?", "condition", `{"rejectOnFalse": false, "engine": "basic", "calculation": {"group": {"type": "and", "calculations": [
		{"calculator": "gte", "operands": ["{{$jobsMapByNodeKey.find.stock}}", "{{$context.data.quantity}}"]}]}}}`, find, -1)
	add("take", "Take from stock", "update", `{"collection": "goods", "params": {"filter": {"$and": [{"id": {"$eq": "{{$jobsMapByNodeKey.find.id}}"}}]},
		"values": {"stock": 0}}}`, enough, 1)
	add("stop", "Sold out", "end", `{"endStatus": -1}`, enough, 0)
	w, _, err = s.Engine.Workflow(ctx, auth.System, w.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return w
}

func (s *site) node(w engine.Workflow, key string) engine.Node {
	s.t.Helper()
	_, nodes, err := s.Engine.Workflow(s.t.Context(), auth.System, w.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, n := range nodes {
		if n.Key == key {
			return n
		}
	}
	s.t.Fatalf("no node %q", key)
	return engine.Node{}
}

// formOf is what a browser would send when nothing was changed in a form.
func formOf(a answer, selector string) url.Values {
	a.t.Helper()
	form := url.Values{}
	found := a.doc().Find(selector)
	if found.Length() != 1 {
		a.t.Fatalf("%d forms %s in:\n%.3000s", found.Length(), selector, a.Text)
	}
	for _, node := range found.Find("input, select, textarea").EachIter() {
		name, _ := node.Attr("name")
		kind, _ := node.Attr("type")
		_, checked := node.Attr("checked")
		switch {
		case name == "":
		case node.Is("select"):
			option := node.Find("option[selected]")
			if option.Length() == 0 {
				option = node.Find("option").First()
			}
			form.Add(name, option.AttrOr("value", option.Text()))
		case node.Is("textarea"):
			form.Add(name, node.Text())
		case (kind == "checkbox" || kind == "radio") && !checked:
		default:
			form.Add(name, node.AttrOr("value", ""))
		}
	}
	return form
}

func (w wfPath) node(key string) string { return string(w) + "/nodes/" + key }

type wfPath string

func pathOf(w engine.Workflow) wfPath { return wfPath(fmt.Sprintf("/workflows/%d", w.ID)) }

func TestWorkflowList(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if got := s.get(admin, "/workflows").want(http.StatusOK).find(".empty h2"); got != "No workflows yet" {
		t.Errorf("empty list says %q", got)
	}
	w := s.shop()
	page := s.get(admin, "/workflows").want(http.StatusOK)
	if got := page.find("tbody .c-main"); got != "Stock check When a sale is created" {
		t.Errorf("row %q", got)
	}
	for name, want := range map[string]string{
		"tbody [data-label='Last execution']": "Never ran", "tbody .person": "AA Ann Admin", "tbody [data-label='Failed, 7 days']": "–",
	} {
		if got := page.find(name); got != want {
			t.Errorf("%s says %q, want %q", name, got, want)
		}
	}
	if n := page.doc().Find("tbody .spark rect").Length(); n != 20 {
		t.Errorf("%d bars, want 20", n)
	}
	if got := s.get(admin, "/workflows?q=moon").want(http.StatusOK).find(".empty h2"); got != "No workflow matches" {
		t.Errorf("search without result says %q", got)
	}
	for _, q := range []string{"q=enough", "q=sales", "state=off", "type=collection", "sort=failed", "sort=last", "sort=-title"} {
		if n := s.get(admin, "/workflows?"+q).want(http.StatusOK).doc().Find("tbody tr").Length(); n != 1 {
			t.Errorf("%s: %d rows, want 1", q, n)
		}
	}
	if n := s.get(admin, "/workflows?state=on").want(http.StatusOK).doc().Find("tbody tr").Length(); n != 0 {
		t.Errorf("state=on: %d rows, want none", n)
	}
	s.get(member, "/workflows").want(http.StatusForbidden)
	s.get(admin, "/workflows/1").want(http.StatusNotFound)
	s.get(admin, "/workflows/moon").want(http.StatusNotFound)
	s.get(admin, pathOf(w).node("moon")).want(http.StatusNotFound)
}

// TestEditorTree is the canvas and the outline as text.
func TestEditorTree(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	page := s.get(admin, string(pathOf(w))).want(http.StatusOK)
	var cards []string
	for _, c := range page.doc().Find("#flow .node").EachIter() {
		cards = append(cards, strings.Join(strings.Fields(c.Find(".node-open").Text()), " "))
	}
	want := []string{
		"Sale is created Sales · after saving",
		"Find the good Goods · ID is Sale / Good",
		"Enough? Stock ≥ Sale / Quantity",
		"Take from stock Goods · sets Stock",
		"Sold out The execution has failed",
	}
	if strings.Join(cards, "\n") != strings.Join(want, "\n") {
		t.Errorf("cards:\n%s\nwant:\n%s", strings.Join(cards, "\n"), strings.Join(want, "\n"))
	}
	if got := strings.Join(strings.Fields(page.find("#outline ol")), " "); got != "Sale is createdFind the goodEnough?YesTake from stockNoSold out" {
		t.Errorf("outline %q", got)
	}
	if got := page.doc().Find("#flow .split .branches > .branch").First().AttrOr("aria-label", ""); got != "If yes" {
		t.Errorf("first branch is called %q", got)
	}
	// one + after each of trigger, two nodes, and two in each branch
	if n := page.doc().Find("#flow .add").Length(); n != 7 {
		t.Errorf("%d places to add a node, want 7", n)
	}
	part := s.part(admin, pathOf(w).node("take")).want(http.StatusOK)
	if strings.Contains(part.Text, "<html") || part.find("#drawer h2") != "Take from stock" {
		t.Error("the fragment is a whole page, or has no drawer")
	}
	if n := part.doc().Find("#flow [aria-current]").Length(); n != 1 {
		t.Errorf("%d cards are current, want 1", n)
	}
}

func TestNewWorkflow(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.get(admin, "/workflows/new").want(http.StatusOK).find("form[action='/workflows']")
	refused := s.postPart(admin, "/workflows", url.Values{"type": {"collection"}}).want(http.StatusUnprocessableEntity)
	if got := refused.find("#f-title-error"); got != "Give the workflow a name." {
		t.Errorf("problem %q", got)
	}
	refused = s.post(admin, "/workflows", url.Values{"type": {"moon"}, "title": {"Kept"}}).want(http.StatusUnprocessableEntity)
	if got := refused.doc().Find("#f-title").AttrOr("value", ""); got != "Kept" {
		t.Errorf("typed name became %q", got)
	}
	made := s.post(admin, "/workflows", url.Values{"type": {"collection"}, "title": {"Fresh"}}).want(http.StatusSeeOther)
	page := s.get(admin, made.Header.Get("Location")).want(http.StatusOK)
	if page.find("#drawer h2") != "When a record changes" || page.find("h1") != "Fresh" {
		t.Error("a new workflow does not open with its trigger")
	}
}

func TestSaveNode(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	path := pathOf(w).node("take")
	form := formOf(s.get(admin, path), "#form-take")
	for name, want := range map[string]string{
		"title": "Take from stock", "collection": "goods", "filter.0.left": "id", "filter.0.is": "$eq",
		"filter.0.right": "{{$jobsMapByNodeKey.find.id}}", "values.0.field": "stock", "values.0.value": "0", "individualHooks": "true",
	} {
		if got := form.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	form.Set("values.1.field", "kind")
	form.Set("values.1.value", "b")
	form.Set("values.0.value", "7")
	part := s.postPart(admin, path, form).want(http.StatusOK)
	if got := part.find("#saved"); got != "Saved" {
		t.Errorf("drawer says %q", got)
	}
	var partials []string
	for _, p := range part.doc().Find("hx-partial").EachIter() {
		partials = append(partials, p.AttrOr("hx-target", ""))
	}
	if strings.Join(partials, " ") != "#toolbar #outline #canvas" {
		t.Errorf("the answer also changes %v", partials)
	}
	if got := part.find("#n-take .node-sum"); got != "Goods · sets Kind, Stock" {
		t.Errorf("card says %q", got)
	}
	var config struct {
		Params struct {
			Values map[string]any
		}
	}
	if err := json.Unmarshal(s.node(w, "take").Config, &config); err != nil {
		t.Fatal(err)
	}
	if config.Params.Values["stock"] != 7.0 || config.Params.Values["kind"] != "b" {
		t.Errorf("stored values %v", config.Params.Values)
	}

	// The first form is out of date now: nothing is overwritten, both are shown.
	lost := s.postPart(admin, path, form).want(http.StatusConflict)
	if !strings.Contains(lost.find(".alert"), "Not saved: Ann Admin changed this") {
		t.Errorf("conflict says %q", lost.find(".alert"))
	}
	again := formOf(lost, "#form-take")
	again.Set("title", "Mine")
	s.postPart(admin, path, again).want(http.StatusConflict) // it saves itself, and nobody has decided yet
	again.Set("do", lost.doc().Find(".alert button[name=do]").AttrOr("value", ""))
	s.postPart(admin, path, again).want(http.StatusOK)
	if got := s.node(w, "take").Title; got != "Mine" {
		t.Errorf("after overwriting the title is %q", got)
	}
	fresh := formOf(s.get(admin, path), "#form-take")
	fresh.Set("title", "Renamed")
	s.post(admin, path, fresh).want(http.StatusSeeOther)
	if got := s.node(w, "take").Title; got != "Renamed" {
		t.Errorf("without JavaScript the title became %q", got)
	}
}

func TestSaveNodeRefuses(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	path := pathOf(w).node("take")
	form := formOf(s.get(admin, path), "#form-take")
	form.Set("values.0.value", "many")
	for name, a := range map[string]answer{"part": s.postPart(admin, path, form), "page": s.post(admin, path, form)} {
		a.want(http.StatusUnprocessableEntity)
		if got := a.find("#f-values-0-error"); got != "“Stock” is a number. Write one, or choose a variable." {
			t.Errorf("%s: problem %q", name, got)
		}
		if got := a.doc().Find("#f-values-0-value").AttrOr("value", ""); got != "many" {
			t.Errorf("%s: typed value became %q", name, got)
		}
	}
	if got := string(s.node(w, "take").Config); !strings.Contains(got, `"stock": 0`) {
		t.Errorf("something was saved: %s", got)
	}
	// What is missing may be saved; it keeps the workflow from being enabled.
	form.Set("values.0.value", "1")
	form.Set("collection", "")
	form.Del("filter.0.left")
	part := s.postPart(admin, path, form).want(http.StatusOK)
	if part.find("#f-collection-error") == "" || part.find("#n-take .node-state") == "" {
		t.Error("an incomplete node is not marked")
	}
	refused := s.postPart(admin, string(pathOf(w))+"/enable", url.Values{"on": {"true"}, "from": {"editor"}}).want(http.StatusUnprocessableEntity)
	if got := refused.find(".alert[data-state=error] strong"); !strings.HasPrefix(got, "This workflow cannot be turned on yet: ") {
		t.Errorf("refusal says %q", got)
	}
	if href := refused.doc().Find(".alert[data-state=error] a").First().AttrOr("href", ""); href != path+"?problems=1" {
		t.Errorf("the problem leads to %q, want %q", href, path)
	}
	page := s.post(admin, string(pathOf(w))+"/enable", url.Values{"on": {"true"}}).want(http.StatusSeeOther)
	s.get(admin, page.Header.Get("Location")).want(http.StatusOK).find(".alert[data-state=error]")
	list := s.postPart(admin, string(pathOf(w))+"/enable", url.Values{"on": {"true"}, "from": {"list"}}).want(http.StatusUnprocessableEntity)
	if _, on := list.doc().Find(".switch").Attr("checked"); on {
		t.Error("the switch stays on")
	}
}

func TestRows(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	path := pathOf(w).node("take")
	form := formOf(s.get(admin, path), "#form-take")
	form.Set("do", "add values")
	form.Set("title", "Typed meanwhile")
	for name, a := range map[string]answer{"page": s.post(admin, path, form)} {
		a.want(http.StatusOK)
		if n := a.doc().Find("[name='values.1.field']").Length(); n != 1 {
			t.Errorf("%s: no new row", name)
		}
		if got := a.doc().Find("#f-title").AttrOr("value", ""); got != "Typed meanwhile" {
			t.Errorf("%s: typed name became %q", name, got)
		}
	}
	form = formOf(s.get(admin, path), "#form-take")
	form.Set("do", "remove filter.0")
	gone := s.postPart(admin, path, form).want(http.StatusOK)
	if n := gone.doc().Find("[name='filter.0.left']").Length(); n != 0 {
		t.Error("the row is still there")
	}
	path = pathOf(w).node("enough")
	form = formOf(s.get(admin, path), "#form-enough")
	form.Set("do", "group calculation")
	grouped := s.postPart(admin, path, form).want(http.StatusOK)
	if n := grouped.doc().Find("[name='calculation.1.0.left']").Length(); n != 1 {
		t.Fatal("no group")
	}
	form = formOf(grouped, "#form-enough")
	form.Set("calculation.1.0.left", "{{$context.data.quantity}}")
	form.Set("calculation.1.0.is", "lt")
	form.Set("calculation.1.0.right", "10")
	s.postPart(admin, path, form).want(http.StatusOK)
	var stored any
	if err := json.Unmarshal(s.node(w, "enough").Config, &stored); err != nil {
		t.Fatal(err)
	}
	want := `{"calculation":{"group":{"calculations":[{"calculator":"gte","operands":["{{$jobsMapByNodeKey.find.stock}}","{{$context.data.quantity}}"]},` +
		`{"group":{"calculations":[{"calculator":"lt","operands":["{{$context.data.quantity}}",10]}],"type":"or"}}],"type":"and"}},"engine":"basic","rejectOnFalse":false}`
	if got, _ := json.Marshal(stored); string(got) != want {
		t.Errorf("stored\n%s\nwant\n%s", got, want)
	}
}

func TestUnknownKeysStay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	form := formOf(s.get(admin, pathOf(w).node("find")), "#form-find")
	form.Set("title", "Found")
	s.postPart(admin, pathOf(w).node("find"), form).want(http.StatusOK)
	if got := string(s.node(w, "find").Config); !strings.Contains(got, `"extra": {"kept": true}`) {
		t.Errorf("the unknown key is gone: %s", got)
	}
}

// TestDraftByEditing changes a workflow that is on.
func TestDraftByEditing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	s.post(admin, string(pathOf(w))+"/enable", url.Values{"on": {"true"}}).want(http.StatusSeeOther)
	// To be asked where the nodes below go is no change yet.
	s.postPart(admin, string(pathOf(w))+"/nodes", url.Values{"after": {"find"}, "type": {"condition/branches"}}).want(http.StatusOK).find("dialog input[name=take]")
	s.get(admin, string(pathOf(w))+"/discard").want(http.StatusGone)
	path := pathOf(w).node("take")
	form := formOf(s.get(admin, path), "#form-take")
	form.Set("title", "Only in the draft")
	moved := s.postPart(admin, path, form).want(http.StatusOK)
	pushed := moved.Header.Get("HX-Push-Url")
	if moved.Header.Get("HX-Retarget") != "#main" || pushed == path || !strings.HasSuffix(pushed, "/nodes/take") {
		t.Fatalf("headers %v", moved.Header)
	}
	if got := s.node(w, "take").Title; got != "Take from stock" {
		t.Errorf("the version that is on changed to %q", got)
	}
	draft := s.get(admin, pushed).want(http.StatusOK)
	if got := draft.find("#notes .alert"); !strings.Contains(got, "Version 1 runs on until you publish") {
		t.Errorf("banner %q", got)
	}
	// The running version now leads to the draft and refuses edits of its own.
	if got := s.get(admin, path).want(http.StatusOK).find("#notes .alert a"); got != "Open the draft" {
		t.Errorf("link %q", got)
	}
	s.postPart(admin, path, form).want(http.StatusConflict)
	draftPath := strings.TrimSuffix(pushed, "/nodes/take")
	s.get(admin, draftPath+"/discard").want(http.StatusOK).find("form[action='" + draftPath + "/discard']")
	s.get(admin, string(pathOf(w))+"/discard").want(http.StatusGone)
	published := s.post(admin, draftPath+"/enable", url.Values{"on": {"true"}}).want(http.StatusSeeOther)
	if got := s.toast(admin, published); got != "Version 2 is published." {
		t.Errorf("toast %q", got)
	}
	old := s.get(admin, path).want(http.StatusOK)
	if _, off := old.doc().Find(".drawer-fields").Attr("disabled"); !off {
		t.Error("an old version can be edited")
	}
	s.post(admin, path, form).want(http.StatusConflict)
}

func TestAddAndRemoveNode(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	base := string(pathOf(w))
	menu := s.part(admin, base+"/nodes/new?after=find").want(http.StatusOK)
	if n := menu.doc().Find("dialog button[name=type]").Length(); n < 9 {
		t.Errorf("%d node types, want all", n)
	}
	for kind, want := range map[string]string{
		"condition/branches": "below Below its branches, 1 Into the branch “Yes”, 0 Into the branch “No”",
		"multi-conditions/":  "below Below its branches, 1 Into the branch “Condition 1”, 0 Into the branch “Otherwise”",
	} {
		asked := s.postPart(admin, base+"/nodes", url.Values{"after": {"find"}, "type": {kind}}).want(http.StatusOK)
		if got := asked.Header.Get("HX-Retarget"); got != "#dialog" {
			t.Errorf("%s: the question goes to %q", kind, got)
		}
		var places []string
		for _, c := range asked.doc().Find("dialog .choice").EachIter() {
			places = append(places, c.Find("input[name=take]").AttrOr("value", "")+" "+c.Find("b").Text())
		}
		if got := strings.Join(places, ", "); got != want {
			t.Errorf("%s: places for what follows: %s, want %s", kind, got, want)
		}
	}
	if _, nodes, err := s.Engine.Workflow(t.Context(), auth.System, w.ID); err != nil || len(nodes) != 4 {
		t.Errorf("asking where what follows goes left %d nodes, want 4", len(nodes))
	}
	s.post(admin, base+"/nodes", url.Values{"after": {"find"}, "type": {"condition/branches"}}).want(http.StatusOK).find("main input[name=take][value=below][checked]")
	s.get(admin, base+"/nodes/new?after=take&branch=").want(http.StatusOK).find("main button[name=type]")
	s.get(admin, base+"/nodes/new?after=moon").want(http.StatusNotFound)
	s.postPart(admin, base+"/nodes", url.Values{"after": {"find"}, "type": {"moon/"}}).want(http.StatusUnprocessableEntity)
	added := s.postPart(admin, base+"/nodes", url.Values{"after": {"find"}, "type": {"condition/reject"}, "take": {"1"}}).want(http.StatusOK)
	if got := added.find("#drawer h2"); got != "Condition" {
		t.Errorf("drawer of %q opened", got)
	}
	var cards []string
	for _, c := range added.doc().Find("#flow .node-title").EachIter() {
		cards = append(cards, c.Text())
	}
	if got := strings.Join(cards, ", "); got != "Sale is created, Find the good, Condition, Enough?, Take from stock, Sold out" {
		t.Errorf("cards %s", got)
	}
	ask := s.part(admin, base+"/nodes/enough/delete").want(http.StatusOK)
	if n := ask.doc().Find("input[name=keep]").Length(); n != 3 {
		t.Errorf("%d choices for the branches, want 3", n)
	}
	if got := s.part(admin, base+"/nodes/find/delete").want(http.StatusOK).find(".alert"); !strings.Contains(got, "“Enough?” , “Take from stock”") && !strings.Contains(got, "“Enough?”, “Take from stock”") {
		t.Errorf("warning %q", got)
	}
	s.postPart(admin, base+"/nodes/enough/delete", url.Values{"keep": {"moon"}}).want(http.StatusUnprocessableEntity)
	left := s.postPart(admin, base+"/nodes/enough/delete", url.Values{"keep": {"1"}}).want(http.StatusOK)
	if n := left.doc().Find("#flow .node").Length(); n != 4 {
		t.Errorf("%d cards left, want 4", n)
	}
	gone := s.post(admin, base+"/nodes/take/delete", url.Values{}).want(http.StatusSeeOther)
	if got := s.toast(admin, gone); got != "“Take from stock” is deleted." {
		t.Errorf("toast %q", got)
	}
}

func TestVariablePicker(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	base := string(pathOf(w))
	picker := s.part(admin, base+"/scope?node=take").want(http.StatusOK)
	for _, want := range []string{"{{$context.data.quantity}}", "{{$jobsMapByNodeKey.find.stock}}", "{{$system.now}}", "{{$system.dateRange.today}}"} {
		if picker.doc().Find(`[data-insert="`+want+`"]`).Length() != 1 {
			t.Errorf("%s is missing", want)
		}
	}
	if got := picker.find(`[data-insert="{{$jobsMapByNodeKey.find.name}}"]`); !strings.Contains(got, "e.g. “Name”") {
		t.Errorf("before any run a variable reads %q, want an example", got)
	}
	if picker.doc().Find(`[data-insert*="jobsMapByNodeKey.take"]`).Length() != 0 {
		t.Error("a node can choose itself")
	}
	more := picker.doc().Find("details[hx-get]").First().AttrOr("hx-get", "")
	if relation := s.part(admin, more).want(http.StatusOK); relation.doc().Find(`[data-insert="{{$context.data.good.stock}}"]`).Length() != 1 {
		t.Errorf("the relation at %s has no fields:\n%.800s", more, relation.Text)
	}
	if n := s.part(admin, base+"/scope?node=trigger").want(http.StatusOK).doc().Find(`[data-insert*="$context"]`).Length(); n != 0 {
		t.Error("the trigger sees its own data")
	}
	drawer := s.get(admin, base+"/nodes/take")
	if got := drawer.find("#f-filter-0-right-chips .var"); got != "Find the good / ID" {
		t.Errorf("chip %q", got)
	}
}

func TestRenameCopyDelete(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	base := string(pathOf(w))
	form := formOf(s.part(admin, base+"/rename"), "form")
	form.Set("title", " ")
	s.postPart(admin, base+"/rename", form).want(http.StatusUnprocessableEntity).find("#rename-name-error")
	form.Set("title", "New name")
	s.post(admin, base+"/rename", form).want(http.StatusSeeOther)
	s.post(admin, base+"/rename", form).want(http.StatusConflict)
	copied := s.post(admin, base+"/copy", url.Values{}).want(http.StatusSeeOther)
	if got := s.get(admin, copied.Header.Get("Location")).find("h1"); got != "New name copy" {
		t.Errorf("copy is called %q", got)
	}
	s.get(admin, base+"/delete").want(http.StatusOK).find("form[action='" + base + "/delete']")
	s.post(admin, base+"/delete", url.Values{}).want(http.StatusSeeOther)
	s.get(admin, base).want(http.StatusNotFound)
}

// TestUnknownNodeType shows what nobody here knows, and lets it be deleted.
func TestUnknownNodeType(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	if _, err := s.DB.ExecContext(t.Context(), `UPDATE alur.flow_nodes SET type = 'moon' WHERE key = 'take'`); err != nil {
		t.Fatal(err)
	}
	path := pathOf(w).node("take")
	page := s.get(admin, path).want(http.StatusOK)
	if got := page.find("#n-take .node-sum"); got != "Unknown node type moon" {
		t.Errorf("card says %q", got)
	}
	if _, off := page.doc().Find(".drawer-fields").Attr("disabled"); !off {
		t.Error("the settings can be edited")
	}
	s.post(admin, path, url.Values{"title": {"x"}}).want(http.StatusUnprocessableEntity)
	s.post(admin, path+"/delete", url.Values{}).want(http.StatusSeeOther)
}

// TestLargeWorkflow keeps 300 nodes within what a page may weigh.
func TestLargeWorkflow(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	last := s.node(w, "enough")
	_, err := s.DB.ExecContext(t.Context(), `
		WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 296)
		INSERT INTO alur.flow_nodes (id, key, title, workflow_id, upstream_id, downstream_id, type, config)
		SELECT i, 'k' || i, 'Step ' || i, CAST($1 AS bigint), CASE WHEN i = 1 THEN CAST($2 AS bigint) ELSE i - 1 END, CASE WHEN i < 296 THEN i + 1 END,
			'calculation', '{"engine": "math.js", "expression": "{{$jobsMapByNodeKey.find.stock}} + 1"}' FROM n`, w.ID, last.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.DB.ExecContext(t.Context(), `UPDATE alur.flow_nodes SET downstream_id = 1 WHERE id = $1`, last.ID); err != nil {
		t.Fatal(err)
	}
	page := s.get(admin, string(pathOf(w))).want(http.StatusOK)
	if n := page.doc().Find("#flow .node").Length(); n != 301 {
		t.Errorf("%d cards, want 301", n)
	}
	if size := len(page.Text); size > 400_000 {
		t.Errorf("the page weighs %d bytes, want at most 400,000", size)
	}
}
