package api

import (
	"maps"
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"

	"alur/engine/auth"
)

// exchange are the actions that put workflows into files and make them of files.
func (l *actionList) exchange() {
	l.tag, l.need = "workflows", auth.UseWorkflows
	l.add(http.MethodPost, "workflows:export", "Put versions of workflows into a file, which is data", operation{
		params: []string{"filterByTk", "filter"}, answer: ours("WorkflowFile")})
	l.need = auth.CreateWorkflows
	l.add(http.MethodPost, "workflows:import", "Make the workflows of a file, or of an answer of workflows:get with appends[]=nodes", operation{
		params: []string{"dryRun", "as", "people"}, body: ours("WorkflowFile"), answer: ours("Arrivals")})
}

// addExchange adds what files of workflows look like.
func addExchange(schemas openapi3.Schemas) {
	type members = map[string]*openapi3.SchemaRef
	placed := listOf(object(members{
		"node": text("The key of a node; none for the trigger and the workflow itself."), "place": text("What people call it."),
		"field": text("The setting, dotted for depth."), "message": text("What to do, in a sentence for people.")}, "message"))
	maps.Copy(schemas, openapi3.Schemas{
		"alur.WorkflowFile": object(members{
			"format": text("alur.workflows"), "version": whole("1"),
			"workflows": listOf(object(members{
				"key": text(""), "title": text(""), "description": text(""), "categories": listOf(text("A title.")), "sync": truth(""), "options": object(nil),
				"trigger": object(members{"type": text(""), "title": text(""), "config": object(nil)}, "type"),
				"nodes": listOf(object(members{
					"key": text(""), "type": text(""), "title": text(""), "upstream": text("The key of the node that it follows; none for the first of all."),
					"branch": whole("It is the first in this branch of upstream."), "config": object(nil)}, "key", "type"))}, "trigger", "nodes"))}),
		"alur.Arrivals": object(members{
			"workflows": listOf(object(members{
				"id": id("Of the version that was made."), "key": text(""), "title": text(""), "nodes": whole("How many."),
				"existing": orNone(id("The version here that has the key of the file, if one may change it.")),
				"wrong":    placed, "problems": placed,
				"missing": listOf(object(members{"what": text(""), "name": text(""), "where": listOf(text(""))})),
				"loads": listOf(object(members{
					"node": text("The key of the node that loads it now; none for the trigger."), "place": text("What people call it."),
					"relation": text("A relation that variables need and the file does not load, with dots for depth.")}, "place", "relation"))}, "wrong", "missing", "loads", "problems")),
			"people": listOf(object(members{"key": text("For the parameter people."), "name": text(""), "userId": orNone(id("Who that is here."))}))}, "workflows", "people"),
	})
	schemas["alur.WorkflowFile"].Value.Example = map[string]any{"format": "alur.workflows", "version": 1, "workflows": []any{map[string]any{
		"key": "k3f", "title": "Check the stock", "description": "", "categories": []any{}, "sync": false, "options": map[string]any{},
		"trigger": map[string]any{"type": "collection", "title": "", "config": map[string]any{"collection": "orders", "mode": 1}},
		"nodes":   []any{map[string]any{"key": "a", "type": "end", "title": "", "config": map[string]any{"endStatus": 1}}}}}}
}
