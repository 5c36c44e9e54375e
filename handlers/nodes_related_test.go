package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
)

// TestRelatedInNodes: relations in the form of a node are records with their names, as
// far as whoever edits it sees them, and without JavaScript a line of keys.
func TestRelatedInNodes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx, w := t.Context(), s.shop()
	if _, err := s.Records.AddField(ctx, auth.System, "sales", collection.Field{Name: "extras", Title: "Extras", Type: collection.BelongsToMany, Target: "goods"}); err != nil {
		t.Fatal(err)
	}
	lamp, torch := s.put("goods", collection.Record{"name": "Lamp", "kind": "a"}), s.put("goods", collection.Record{"name": "Torch", "kind": "b"})
	made, err := s.Engine.AddNode(ctx, auth.System, w.ID, engine.NewNode{Key: "make", Title: "Make", Type: "create",
		Config: json.RawMessage(fmt.Sprintf(`{"collection": "sales", "params": {"values": {"extras": [%s, %s, "{{$context.data.good.id}}"], "goodId": %s}}}`, lamp, torch, torch))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Engine.AddMember(ctx, auth.System, w.ID, engine.NewMember{UserID: s.users[member].ID, Level: auth.Editor}); err != nil {
		t.Fatal(err)
	}
	s.Auth.Forget("")
	path := pathOf(w).node("make")
	chips := func(a answer) string {
		t.Helper()
		var words []string
		for _, chip := range a.want(http.StatusOK).doc().Find(".pick-chips .chip").EachIter() {
			words = append(words, strings.Join(strings.Fields(chip.Text()), " "))
		}
		return strings.Join(words, ", ")
	}
	searches := func(a answer) string {
		var from []string
		for _, box := range a.doc().Find("[data-picker]").EachIter() {
			from = append(from, box.AttrOr("data-picker", ""))
		}
		return strings.Join(from, " ")
	}
	stored := func() string {
		t.Helper()
		_, nodes, err := s.Engine.Workflow(ctx, auth.System, w.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range nodes {
			if n.ID == made.ID {
				return strings.Join(strings.Fields(string(n.Config)), "")
			}
		}
		return ""
	}

	page := s.get(admin, path)
	if got := chips(page); got != "Lamp, Torch, Sale / Good / ID, Torch" {
		t.Errorf("the records are %s", got)
	}
	if got := searches(page); got != "/data/goods/pick /data/goods/pick" {
		t.Errorf("they are searched in %s", got)
	}
	form := formOf(page, "#form-make")
	if got := form.Get("values.0.value"); got != lamp+", "+torch+", {{$context.data.good.id}}" {
		t.Errorf("without JavaScript the line is %q", got)
	}

	// What a row no longer has is taken out by its button, and by the line.
	form.Set("do", page.doc().Find(`.pick-chips button[aria-label="Take out Lamp"]`).AttrOr("value", ""))
	if got := chips(s.postPart(admin, path, form)); got != "Torch, Sale / Good / ID, Torch" {
		t.Errorf("after one was taken out: %s", got)
	}
	form = formOf(s.get(admin, path), "#form-make")
	form.Set("do", "drop values.1.0")
	s.post(admin, path, form).want(http.StatusOK) // a row is not the end of it
	if got, want := stored(), `"values":{"extras":[`+torch+`,"{{$context.data.good.id}}"],"goodId":null}`; !strings.Contains(got, want) {
		t.Errorf("stored %s, want %s", got, want)
	}
	form = formOf(s.get(admin, path), "#form-make")
	form.Set("values.0.value", torch+" "+lamp)
	form.Set("do", "drop values.0.7") // there is none
	if got := chips(s.postPart(admin, path, form)); got != "Torch, Lamp" {
		t.Errorf("after a line was typed: %s", got)
	}

	// People are chosen by everybody, by their names.
	if _, err := s.Records.AddField(ctx, auth.System, "sales", collection.Field{Name: "seller", Title: "Seller", Type: collection.BelongsTo, Target: "users"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Engine.AddNode(ctx, auth.System, w.ID, engine.NewNode{Key: "sell", Type: "create",
		Config: json.RawMessage(fmt.Sprintf(`{"collection": "sales", "params": {"values": {"sellerId": %d}}}`, s.users[custom].ID))}); err != nil {
		t.Fatal(err)
	}
	if a := s.get(member, pathOf(w).node("sell")); chips(a) != "Cleo Custom" || searches(a) != "/data/users/pick" {
		t.Errorf("a person is %q, searched in %q", chips(a), searches(a))
	}

	// Somebody who may change the workflow, and sees some goods or none.
	scope, err := s.Auth.CreateScope(ctx, auth.System, auth.NamedScope{Key: "alpha", Name: "Alpha", Collection: "goods", Filter: []byte(`{"kind":"a"}`)})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name         string
		actions      []auth.ResourceAction
		chips, found string
		searches     bool
	}{
		{"some", []auth.ResourceAction{{Name: auth.View, ScopeID: &scope.ID}}, torch + ", Lamp", "Lamp", true},
		{"none", nil, "", "", false},
	} {
		if _, err := s.Auth.PutResource(ctx, auth.System, auth.Member, auth.Resource{Collection: "goods", OwnRules: true, Actions: tc.actions}); err != nil {
			t.Fatal(err)
		}
		s.Auth.Forget("")
		page := s.get(member, path)
		if got := chips(page); got != tc.chips || strings.Contains(page.Text, "Torch") || (searches(page) != "") != tc.searches {
			t.Errorf("who sees %s has %q, searches in %q", tc.name, got, searches(page))
		}
		if tc.searches {
			if got := s.part(member, "/data/goods/pick").want(http.StatusOK).find("[role=option]"); got != tc.found {
				t.Errorf("who sees %s finds %s", tc.name, got)
			}
		}
		form := formOf(page, "#form-make")
		if got := form.Get("values.0.value"); got != torch+", "+lamp {
			t.Errorf("who sees %s has the line %q", tc.name, got)
		}
		s.post(member, path, form).want(http.StatusSeeOther)
		if got := stored(); !strings.Contains(got, `"extras":[`+torch+","+lamp+"]") {
			t.Errorf("who sees %s has saved %s", tc.name, got)
		}
	}
}
