package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/expr"
)

// everything is a collection with a field of every type that has a value, and with
// relations of every kind.
func (s *site) everything() {
	s.t.Helper()
	fields := []string{
		`{"name": "one", "type": "belongsTo", "target": "parts", "title": "One"}`,
		`{"name": "many", "type": "belongsToMany", "target": "parts", "title": "Many"}`,
	}
	for _, typ := range collection.Types {
		switch typ {
		case collection.BelongsTo, collection.HasOne, collection.HasMany, collection.BelongsToMany:
		case collection.Formula:
			fields = append(fields, `{"name": "aFormula", "type": "formula", "title": "Formula", "dataType": "double", "engine": "math.js", "expression": "1 + 1"}`)
		case collection.Sequence:
			fields = append(fields, `{"name": "aSequence", "type": "sequence", "title": "Sequence", "patterns": [{"type": "integer", "options": {"digits": 3}}]}`)
		default:
			fields = append(fields, fmt.Sprintf(`{"name": "a%s", "type": %q, "title": %[1]q}`, strings.ToUpper(typ[:1])+typ[1:], typ))
		}
	}
	for _, text := range []string{
		`{"name": "parts", "title": "Parts", "fields": [{"name": "name", "type": "string", "title": "Name"}]}`,
		`{"name": "things", "title": "Things", "fields": [` + strings.Join(fields, ", ") + `]}`,
	} {
		var d collection.Definition
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			s.t.Fatal(err)
		}
		if _, err := s.Records.CreateCollection(s.t.Context(), auth.System, d); err != nil {
			s.t.Fatal(err, fields)
		}
	}
	for _, f := range []collection.Field{
		{Name: "pieces", Type: collection.HasMany, Target: "parts", ForeignKey: "thingId", Title: "Pieces"},
		{Name: "piece", Type: collection.HasOne, Target: "parts", ForeignKey: "wholeId", Title: "Piece"},
	} {
		if _, err := s.Records.AddField(s.t.Context(), auth.System, "things", f); err != nil {
			s.t.Fatal(err)
		}
	}
}

// TestPickerOffersWhatResolves: everything that the variable button offers after a
// run, the fields of relations included, had a value in that run.
func TestPickerOffersWhatResolves(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.everything()
	const loads = `"appends": ["one", "many", "pieces", "piece"]`
	w, err := s.Engine.CreateWorkflow(t.Context(), s.users[admin].Actor(), engine.NewWorkflow{Title: "All", Type: "collection",
		Config: json.RawMessage(`{"collection": "things", "mode": 1, ` + loads + `}`)})
	if err != nil {
		t.Fatal(err)
	}
	var up *int64
	for _, n := range []engine.NewNode{
		{Key: "q", Type: "query", Config: json.RawMessage(`{"collection": "things", "params": {` + loads + `}}`)},
		{Key: "all", Type: "query", Config: json.RawMessage(`{"collection": "things", "multiple": true, "params": {` + loads + `}}`)},
		{Key: "made", Type: "create", Config: json.RawMessage(`{"collection": "parts", "params": {"values": {"name": "New"}}}`)},
		{Key: "changed", Type: "update", Config: json.RawMessage(`{"collection": "parts", "params": {"filter": {"name": "x"}, "values": {"name": "y"}}}`)},
		{Key: "gone", Type: "destroy", Config: json.RawMessage(`{"collection": "parts", "params": {"filter": {"name": "x"}}}`)},
		{Key: "sum", Type: "calculation", Config: json.RawMessage(`{"engine": "math.js", "expression": "1 + 1"}`)},
		{Key: "asked", Type: "condition", Config: json.RawMessage(`{"rejectOnFalse": true, "engine": "math.js", "expression": "1 < 2"}`)},
		{Key: "cases", Type: "multi-conditions", Config: json.RawMessage(`{"conditions": [{"uid": "a", "engine": "math.js", "expression": "1 < 2"}]}`)},
		{Key: "out", Type: "output", Config: json.RawMessage(`{"value": 1}`)},
		{Key: "z", Type: "output", Config: json.RawMessage(`{"value": 1}`)},
	} {
		n.UpstreamID, n.Title = up, n.Key
		made, err := s.Engine.AddNode(t.Context(), auth.System, w.ID, n)
		if err != nil {
			t.Fatalf("add %s: %v", n.Key, err)
		}
		up = &made.ID
	}
	if _, err := s.Engine.EnableWorkflow(t.Context(), auth.System, w.ID, true); err != nil {
		t.Fatal(err)
	}
	part := func(name string) map[string]any { return map[string]any{"name": name} }
	s.record("things", collection.Record{"one": part("a"), "many": []any{part("b")}, "pieces": []any{part("c")}, "piece": part("d")})
	s.work()
	list, _, err := s.Engine.Executions(t.Context(), auth.System, engine.ExecutionFilter{Keys: []string{w.Key}, Limit: 1})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	x, jobs, err := s.Engine.Execution(t.Context(), auth.System, list[0].ID)
	if err != nil || len(jobs) != 10 {
		t.Fatalf("%d steps ran: %v", len(jobs), err)
	}
	results := map[string]any{}
	for _, j := range jobs {
		results[j.NodeKey] = decoded(t, j.Result)
	}
	vars := expr.Vars{"$context": decoded(t, x.Context), "$jobsMapByNodeKey": results, "$system": s.Engine.SystemVars()}

	loaded := regexp.MustCompile(`^(\$context\.data|\$jobsMapByNodeKey\.(q|all))\.(one|many|pieces|piece)$`)
	var offered []string
	var look func(doc *goquery.Selection, deep int)
	look = func(doc *goquery.Selection, deep int) {
		for _, item := range doc.Find("[data-insert]").EachIter() {
			offered = append(offered, strings.Trim(item.AttrOr("data-insert", ""), "{}"))
		}
		if deep == 0 {
			return
		}
		for _, more := range doc.Find("details[hx-get]").EachIter() {
			address := more.AttrOr("hx-get", "")
			if at, err := url.Parse(address); err != nil || !loaded.MatchString(at.Query().Get("path")) {
				continue // who made it is nobody here
			}
			look(s.part(admin, address).want(http.StatusOK).doc().Selection, deep-1)
		}
	}
	look(s.part(admin, string(pathOf(w))+"/scope?node=z").want(http.StatusOK).doc().Selection, 1)
	for _, path := range offered {
		if got, ok := expr.Resolve(vars, path); !ok {
			t.Errorf("%s is offered and has no value: %v", path, got)
		}
	}
	for _, want := range []string{"$context.data.aString", "$context.data.one.name", "$context.data.many.name", "$context.data.pieces.name", "$context.data.piece.name",
		"$jobsMapByNodeKey.q.one.name", "$jobsMapByNodeKey.all.many.name", "$jobsMapByNodeKey.all.length", "$jobsMapByNodeKey.all", "$context.data", "$context.data.many", "$context.data.many.length", "$jobsMapByNodeKey.q.one", "$jobsMapByNodeKey.made.name", "$jobsMapByNodeKey.sum",
		"$jobsMapByNodeKey.changed", "$jobsMapByNodeKey.gone", "$system.now"} {
		if !slices.Contains(offered, want) {
			t.Errorf("%s is not offered", want)
		}
	}
}

// TestSaveLoadsRelations: a variable that goes through a relation has it loaded, and
// the answer says so, with and without JavaScript.
func TestSaveLoadsRelations(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	find := s.node(w, "find")
	if _, err := s.Engine.AddNode(t.Context(), auth.System, w.ID, engine.NewNode{Key: "say", Title: "Say", Type: "output", UpstreamID: &find.ID}); err != nil {
		t.Fatal(err)
	}
	path := string(pathOf(w)) + "/nodes/say"
	says := func(value string) url.Values {
		form := formOf(s.get(admin, path), ".drawer form")
		form.Set("value", value)
		return form
	}
	saved := s.postPart(admin, path, says("For {{$context.data.good.name}}")).want(http.StatusOK)
	if got := saved.find(".toast"); !strings.Contains(got, "The trigger loads “Good” from now on.") {
		t.Errorf("the answer says %q", got)
	}
	if n := saved.doc().Find(".drawer .field-error").Length(); n != 0 {
		t.Errorf("%d fields have problems", n)
	}
	if got := s.get(admin, string(pathOf(w))+"/trigger").doc().Find("input[name=appends][value=good][checked]").Length(); got != 1 {
		t.Error("the relation is not ticked in the trigger")
	}
	if got := s.toast(admin, s.post(admin, path, says("{{$context.data.good.kind}} {{$jobsMapByNodeKey.find.updatedBy.nickname}}")).want(http.StatusSeeOther)); !strings.HasPrefix(got, "Saved. “Find the good” loads “") {
		t.Errorf("the next page says %q", got)
	}
	if n := s.postPart(admin, path, says("{{$context.data.good.kind}}")).want(http.StatusOK).doc().Find(".toast").Length(); n != 0 {
		t.Error("nothing more is loaded, and the answer says something")
	}
}

// TestPickerByLinks: without JavaScript the list of variables leads to the fields of
// relations by links, level by level, and back by the crumbs.
func TestPickerByLinks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	if _, err := s.Records.CreateCollection(t.Context(), auth.System, collection.Definition{Name: "makers", Title: "Makers",
		Fields: []collection.Field{{Name: "name", Type: "string", Title: "Name"}}}); err != nil {
		t.Fatal(err)
	}
	for _, f := range []collection.Field{{Name: "maker", Title: "Maker", Type: "belongsTo", Target: "makers"}, {Name: "sold", Title: "Sold", Type: "hasMany", Target: "sales", ForeignKey: "goodId"}} {
		if _, err := s.Records.AddField(t.Context(), auth.System, "goods", f); err != nil {
			t.Fatal(err)
		}
	}
	at, page := string(pathOf(w))+"/scope?node=take", (*goquery.Document)(nil)
	open := func() {
		t.Helper()
		page = s.get(admin, at).want(http.StatusOK).doc()
	}
	follow := func(link string) {
		t.Helper()
		found := page.Find("main a").FilterFunction(func(_ int, a *goquery.Selection) bool { return strings.TrimSpace(a.Text()) == link }).First()
		if at = found.AttrOr("href", ""); at == "" {
			t.Fatalf("no link %q in %q", link, page.Find("main").Text())
		}
		open()
	}
	has := func(title, variable string) {
		t.Helper()
		if got := strings.TrimSpace(page.Find("h1").Text()); got != title {
			t.Errorf("%s: the page is called %q, want %q", at, got, title)
		}
		if page.Find("main dd code").FilterFunction(func(_ int, c *goquery.Selection) bool { return c.Text() == "{{"+variable+"}}" }).Length() != 1 {
			t.Errorf("%s: %s is missing in %q", at, variable, page.Find("main").Text())
		}
	}
	open()
	has("Variables", "$context.data.quantity")
	follow("Fields of “Good”")
	has("Good", "$context.data.good.stock")
	follow("Fields of “Sold”")
	has("Sold", "$context.data.good.sold.quantity")
	has("Sold", "$context.data.good.sold.length")
	follow("Good")
	follow("Fields of “Maker”")
	has("Maker", "$context.data.good.maker.name")
	follow("Variables")
	has("Variables", "$jobsMapByNodeKey.find.name")
	follow("Back to the workflow")
	if got := page.Find(".drawer").Text(); !strings.Contains(got, "Take from stock") {
		t.Errorf("back leads to %s", at)
	}

	// What is not in scope leads nowhere, and breaks nothing.
	at = string(pathOf(w)) + "/scope?node=take&of=goods&path=$jobsMapByNodeKey.gone.good"
	open()
	has("Goods", "$jobsMapByNodeKey.gone.good.stock")
}

func decoded(t *testing.T, raw json.RawMessage) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return v
}
