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

// recordWords says what a may do with the records of c: "see all, create, change
// own records"; "" for nothing.
func recordWords(a auth.Actor, c *collection.Collection) string {
	var parts []string
	for _, act := range auth.Actions {
		g := a.Grant(c.Name, act)
		switch {
		case !g.Allowed:
		case !act.Reaches():
			parts = append(parts, doWords[act])
		default:
			parts = append(parts, doWords[act]+" "+reachWord(g))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	words := strings.Join(parts, ", ") + " records"
	if n, of := shownFields(a, c); n < of {
		words += " (" + views.Int(n) + " of " + views.Count(of, "field", "fields") + ")"
	}
	return words
}

// shownFields counts the fields that a sees of those that there are.
func shownFields(a auth.Actor, c *collection.Collection) (n, of int) {
	for _, f := range c.Fields {
		if f.Hidden || f.Relation != "" {
			continue
		}
		of++
		if c.Shows(a, f) {
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
