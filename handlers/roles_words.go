package handlers

import (
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/views"
)

// doWords complete "may …" with an action.
var doWords = map[auth.Action]string{
	auth.View: "see", auth.Create: "create", auth.Update: "change", auth.Destroy: "delete", auth.Export: "export", auth.Import: "import",
}

// reachWord says which records a grant reaches: "all", "own", "some".
func reachWord(g auth.Grant) string {
	switch {
	case !g.Allowed:
		return "none"
	case g.Any:
		return "all"
	case g.Own && len(g.Scopes) > 0:
		return "own and some"
	case g.Own:
		return "own"
	}
	return "some"
}

// rightsWords lists what a may do, in sentences: first the management rights,
// then the records of each collection.
func rightsWords(a auth.Actor, all []*collection.Collection) []string {
	var lines []string
	for _, s := range auth.Snippets() {
		if a.Can(s.Right) && (s.Right != auth.SeeWorkflows && s.Right != auth.CreateWorkflows || !a.Can(auth.ManageWorkflows)) {
			lines = append(lines, "May "+s.Title+".")
		}
	}
	for _, c := range all {
		if c.System {
			continue
		}
		if words := recordWords(a, c); words != "" {
			lines = append(lines, titleOf(c)+": may "+words+".")
		}
	}
	return lines
}

// fieldVerbs complete a sentence about the fields that an action is limited to.
var fieldVerbs = map[auth.Action]string{auth.View: "sees", auth.Create: "fills in", auth.Update: "changes"}

// recordWords says what a may do with the records of c: "see all, create, change
// own records (sees 4 of 8 fields)"; "" for nothing.
func recordWords(a auth.Actor, c *collection.Collection) string {
	var parts, limits []string
	for _, act := range auth.Actions {
		g := a.Grant(c.Name, act)
		switch {
		case !g.Allowed:
			continue
		case !act.Reaches():
			parts = append(parts, doWords[act])
		default:
			parts = append(parts, doWords[act]+" "+reachWord(g))
		}
		if n, of := fieldsOf(a, c, act); n < of && fieldVerbs[act] != "" {
			limits = append(limits, fieldVerbs[act]+" "+views.Int(n)+" of "+views.Count(of, "field", "fields"))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	words := strings.Join(parts, ", ") + " records"
	if len(limits) > 0 {
		words += " (" + strings.Join(limits, ", ") + ")"
	}
	return words
}

// fieldsOf counts the fields that act of a reaches, of those that it could.
func fieldsOf(a auth.Actor, c *collection.Collection, act auth.Action) (n, of int) {
	for _, f := range c.Fields {
		if act != auth.View && !editable(f) || act == auth.View && (f.Hidden || f.Relation != "") {
			continue
		}
		of++
		if act == auth.View && c.Shows(a, f) || act != auth.View && c.Takes(a, act, f) {
			n++
		}
	}
	return n, of
}

// peopleTabs lead to people and to roles, as far as the reader may open them.
func peopleTabs(c echo.Context, current string) []views.Tab {
	var tabs []views.Tab
	for _, t := range []views.Tab{{Text: "People", URL: "/users"}, {Text: "Roles", URL: "/roles"}, {Text: "API keys", URL: "/api-keys"}} {
		if server(c).opens(actor(c), t.URL) {
			t.Current = t.URL == current
			tabs = append(tabs, t)
		}
	}
	return tabs
}
