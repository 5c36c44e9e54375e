package api

import (
	"net/http"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"

	"alur/engine/auth"
	"alur/engine/collection"
)

// ownAction is an action that is no collection's.
type ownAction struct {
	operation
	need auth.Right
}

// own describes an action of ours.
func (d *document) own(a ownAction) { d.add(a.operation) }

// actionList is a list that is being written: what is added has its tag and needs
// its right.
type actionList struct {
	all  []ownAction
	tag  string
	need auth.Right
}

func (l *actionList) add(method, name, summary string, o operation) {
	o.method, o.path, o.tag, o.id, o.summary = method, "/"+name, l.tag, name, summary
	o.open = l.need == public
	l.all = append(l.all, ownAction{o, l.need})
}

// ownActions are the actions that are registered by name, in the order of the
// document. A test holds it against the table of routes.
func ownActions() []ownAction {
	var l actionList
	add := l.add
	one := []string{"filterByTk"}
	some := []string{"filterByTk", "filter"}
	empty := object(nil)
	list := []string{"filter", "fields", "except", "sort", "page", "pageSize", "paginate"}

	l.tag = "auth"
	add(http.MethodPost, "auth:signIn", "Sign in and get a token", operation{
		body:   object(map[string]*openapi3.SchemaRef{"account": text("Mail address or user name."), "password": text("")}, "account", "password"),
		answer: object(map[string]*openapi3.SchemaRef{"token": text(""), "user": ours("Person")}, "token", "user")})
	add(http.MethodPost, "auth:signUp", "Refused: people are invited here", operation{body: empty, optional: true, answer: anything("")})
	l.need = auth.UseRecords
	add(http.MethodGet, "auth:check", "Who am I", operation{answer: ours("Person")})
	add(http.MethodPost, "auth:signOut", "Sign out: the token opens nothing any more", operation{body: empty, optional: true, answer: anything("")})
	add(http.MethodPost, "auth:changePassword", "Change one's own password", operation{answer: anything(""), body: object(map[string]*openapi3.SchemaRef{
		"oldPassword": text(""), "newPassword": text(""), "confirmPassword": text("")}, "oldPassword", "newPassword")})

	l.tag = "collections"
	add(http.MethodGet, "collections:list", "List collections", operation{params: append([]string{"appends"}, list...), answer: listOf(ours("Collection")), meta: true})
	add(http.MethodGet, "collections:listMeta", "List collections with their fields", operation{answer: listOf(ours("Collection"))})
	add(http.MethodGet, "collections:get", "Read a collection with its fields", operation{params: one, answer: ours("Collection")})
	add(http.MethodGet, "collections/{parent}/fields:list", "List the fields of a collection", operation{params: append([]string{"parent"}, list...), answer: listOf(ours("Field"))})
	l.need = auth.ManageCollections
	add(http.MethodPost, "collections:create", "Make a collection with its table", operation{body: ours("Collection"), answer: ours("Collection")})
	add(http.MethodPost, "collections:update", "Change a collection", operation{params: one, body: ours("Collection"), answer: listOf(ours("Collection"))})
	add(http.MethodPost, "collections:destroy", "Delete collections with all their records", operation{params: some, answer: whole("How many were deleted.")})
	add(http.MethodPost, "collections:setFields", "Make the fields of a collection those that are given", operation{params: one, body: ours("Collection"), answer: ours("Collection")})
	add(http.MethodPost, "collections:adopt", "Make a collection of a table that is there", operation{params: one, answer: ours("Collection")})
	add(http.MethodPost, "collections/{parent}/fields:create", "Add a field", operation{params: []string{"parent"}, body: ours("Field"), answer: ours("Field")})
	add(http.MethodPost, "collections/{parent}/fields:update", "Change a field", operation{params: []string{"parent", "filterByTk"}, body: ours("Field"), answer: listOf(ours("Field"))})
	add(http.MethodPost, "collections/{parent}/fields:destroy", "Delete a field with its values", operation{params: []string{"parent", "filterByTk"}, answer: whole("How many were deleted.")})

	l.tag, l.need = collection.Attachments, auth.UseRecords
	add(http.MethodPost, "attachments:create", "Add a file, for a field of a record to hold", operation{params: []string{"attachmentField"}, file: true, answer: ref(collection.Attachments)})
	add(http.MethodPost, "attachments:upload", "The same as create", operation{params: []string{"attachmentField"}, file: true, answer: ref(collection.Attachments)})
	add(http.MethodPost, "attachments:destroy", "Delete files that no record holds", operation{params: some, answer: whole("How many were deleted.")})

	l.tag, l.need = "workflows", auth.CreateWorkflows
	add(http.MethodPost, "workflows:create", "Make a workflow without nodes", operation{body: ours("WorkflowValues"), answer: ours("Workflow")})
	l.need = auth.UseWorkflows
	add(http.MethodPost, "workflows:update", "Change workflows, turn them on or off", operation{params: some, body: ours("WorkflowValues"), answer: listOf(ours("Workflow"))})
	add(http.MethodPost, "workflows:destroy", "Delete workflows, with the current version all others", operation{params: some, answer: whole("How many versions were deleted.")})
	add(http.MethodPost, "workflows:revision", "Make a new version when filter names the key, else a copy", operation{params: some, body: ours("WorkflowValues"), optional: true, answer: ours("Workflow")})
	add(http.MethodPost, "workflows:execute", "Start a version by hand and wait for it", operation{params: []string{"filterByTk", "autoRevision"}, body: empty, answer: ours("Started")})
	member, of := ours("Member"), []string{"parent"}
	add(http.MethodGet, "workflows/{parent}/members:list", "List who may do what with a workflow", operation{params: append(slices.Clone(of), list...), answer: listOf(member), meta: true})
	add(http.MethodPost, "workflows/{parent}/members:create", "Give a workflow to a person or a role", operation{params: of, body: ours("MemberValues"), answer: member})
	add(http.MethodPost, "workflows/{parent}/members:update", "Change the level of a person or a role", operation{params: []string{"parent", "filterByTk"}, body: ours("MemberValues"), answer: listOf(member)})
	add(http.MethodPost, "workflows/{parent}/members:destroy", "Take a workflow from a person or a role", operation{params: []string{"parent", "filterByTk"}, answer: whole("How many were removed.")})
	for _, act := range [][2]string{{"set", "Put a version into these categories and no others"}, {"add", "Put a version into more categories"},
		{"remove", "Take a version out of categories"}, {"toggle", "Put a version into those of the categories in which it is not, and take it out of the others"}} {
		add(http.MethodPost, "workflows/{parent}/categories:"+act[0], act[1], operation{params: []string{"parent", "filterByTk"}, body: anything("A list of ids."), optional: true, answer: anything("")})
	}
	l.need = auth.ManageWorkflows
	add(http.MethodPost, "workflows:sync", "Make every process read the workflows again", operation{params: some, status: http.StatusNoContent})
	l.need = auth.UseWorkflows
	l.tag = "flow_nodes"
	add(http.MethodPost, "workflows/{parent}/nodes:create", "Add a node", operation{params: of, body: ours("NodeValues"), answer: ours("Node")})
	add(http.MethodPost, "flow_nodes:create", "Add a node to the version called workflowId", operation{body: ours("NodeValues"), answer: ours("Node")})
	for _, at := range []string{"flow_nodes", "workflows/{parent}/nodes"} { // at their own address and at that of their workflow
		on := func(action, summary string, o operation) {
			if at != "flow_nodes" {
				o.params = append(slices.Clone(of), o.params...)
			}
			add(http.MethodPost, at+":"+action, summary, o)
		}
		on("update", "Change the settings of nodes", operation{params: some, body: ours("NodeValues"), answer: listOf(ours("Node"))})
		on("destroy", "Delete a node with its branches", operation{params: []string{"filterByTk", "keepBranch"}, answer: ours("Node")})
		on("destroyBranch", "Delete the nodes of a branch", operation{params: []string{"filterByTk", "branchIndex", "shift"}, answer: ours("Node")})
		on("move", "Move a node with its branches", operation{params: one, body: ours("Place"), answer: ours("Node")})
		on("duplicate", "Copy a node", operation{params: one, body: ours("Place"), answer: ours("Node")})
		on("test", "Try settings of a node without an execution", operation{body: ours("NodeValues"), answer: ours("Outcome")})
	}
	l.tag = "executions"
	add(http.MethodPost, "executions:cancel", "Stop executions", operation{params: some, answer: inline(&openapi3.Schema{
		OneOf: openapi3.SchemaRefs{ref("executions"), whole("How many were stopped, where a list or a filter named several.")}})})
	add(http.MethodPost, "executions:rerun", "Run executions again, each as a new one", operation{params: some, status: http.StatusAccepted, optional: true,
		answer: anything("The new execution; a list of them when several were named, each run by itself, with meta.passed for those that cannot run again."),
		body: object(map[string]*openapi3.SchemaRef{
			"nodeId": orNone(id("The node to begin at; steps before it are taken over.")), "from": text("start, or failed for the step that failed or waits."),
			"version": text("this, or newest for the current version."), "overwrite": anything("Means nothing: nothing is written over.")})})
	add(http.MethodPost, "executions:destroy", "Delete executions that have ended, in parts: what an interrupted request deleted is gone; those that run or wait stay", operation{params: some, answer: whole("How many were deleted.")})
	l.need = auth.ManageServer
	add(http.MethodPost, "executions:create", "Write an execution without its trigger; a queued one runs", operation{answer: ref("executions"),
		body: object(map[string]*openapi3.SchemaRef{
			"workflowId": id("A version."), "key": text("Of its workflow."), "eventKey": text("At most one execution has it."), "context": object(nil),
			"status": orNone(whole("null is queued, 0 waits until it is cancelled, 1 or -6 to -1 has ended.")), "reason": text(""), "output": anything("")}, "workflowId")})
	l.tag = "jobs"
	add(http.MethodPost, "jobs:update", "Write over what jobs came to; their execution does not go on by it", operation{params: some, answer: listOf(ref("jobs")),
		body: object(map[string]*openapi3.SchemaRef{"status": whole("Of an execution that has ended."), "result": anything(""), "meta": anything(""), "log": text("")})})
	add(http.MethodPost, "jobs:resume", "Answer a waiting job", operation{params: one, status: http.StatusAccepted, answer: ref("jobs"),
		body: object(map[string]*openapi3.SchemaRef{"status": whole("1 goes on, -6 to -1 end it, 0 lets it wait on."), "result": anything(""), "meta": anything(""), "log": text("")})})

	l.tag = "workflowManualTasks"
	add(http.MethodPost, "workflowManualTasks:destroy", "Delete tasks that nobody is waited for with", operation{params: some, answer: whole("How many were deleted.")})
	for _, name := range []string{"userWorkflowTasks", "userWorkflowTaskStats"} {
		add(http.MethodPost, name+":destroy", "Does nothing: counters are worked out when they are read", operation{params: some, answer: whole("0")})
	}
	l.need = auth.UseRecords
	add(http.MethodGet, "workflowManualTasks:listMine", "My tasks", operation{
		params: []string{"filter", "fields", "appends", "except", "sort", "page", "pageSize", "paginate", "search"}, answer: listOf(ours("Task")), meta: true})
	add(http.MethodPost, "workflowManualTasks:submit", "Decide a task", operation{params: one, status: http.StatusAccepted, answer: ours("Task"),
		body: object(map[string]*openapi3.SchemaRef{"result": object(nil)}, "result")})
	add(http.MethodGet, "userWorkflowTasks:listMine", "How many tasks I have, by kind", operation{params: list, answer: listOf(object(nil)), meta: true})
	add(http.MethodGet, "userWorkflowTaskStats:listMine", "How many tasks I have, by workflow", operation{
		params: []string{"type", "search", "page", "pageSize"}, answer: listOf(object(nil)), meta: true})

	l.tag, l.need = "users", auth.ManageUsers
	add(http.MethodPost, "users:create", "Add a person", operation{body: ours("Person"), answer: ours("Person")})
	add(http.MethodPost, "users:update", "Change people", operation{params: some, body: ours("Person"), answer: listOf(ours("Person"))})
	add(http.MethodPost, "users:destroy", "Delete people", operation{params: some, answer: whole("How many were deleted.")})
	l.exchange()
	l.rights()
	return l.all
}

// actionSchemas are the values of our own actions.
func actionSchemas() openapi3.Schemas {
	none := orNone
	settings := func() *openapi3.SchemaRef {
		return inline(&openapi3.Schema{Type: &openapi3.Types{openapi3.TypeObject}})
	}
	options := func() *openapi3.SchemaRef {
		return inline(&openapi3.Schema{Type: &openapi3.Types{openapi3.TypeObject}, Description: "timeout (ms; 0: none), stackLimit (1 to 100), concurrency (1 to 1,000), " +
			"priority (high, normal, low), deleteExecutionOnStatus (list of statuses), history (days, failedDays, most), ownerId (a person who owns it), " +
			"alerts (mode own or none; owner, userIds, roles, after, minutes, every, recovered)."})
	}
	schemas := openapi3.Schemas{
		"alur.Person": object(map[string]*openapi3.SchemaRef{
			"id": id(""), "nickname": text(""), "username": none(text("")), "email": none(text("")), "role": text(""), "active": truth("")}),
		"alur.Collection": object(map[string]*openapi3.SchemaRef{
			"name": text("A letter, then letters, digits and _."), "title": text(""), "titleField": text("What a record is called by."),
			"filterTargetKey": anything("The field that records are addressed by."), "fields": listOf(ours("Field"))}),
		"alur.Field": object(map[string]*openapi3.SchemaRef{
			"name": text(""), "type": text("string, text, integer, bigInt, decimal, boolean, datetimeTz, dateOnly, json, belongsTo, hasMany, …"),
			"interface": text("How it is shown."), "uiSchema": settings(), "allowNull": truth(""), "unique": truth(""),
			"defaultValue": anything(""), "target": text("Of relations: the other collection."), "foreignKey": text("")}),
		"alur.WorkflowValues": object(map[string]*openapi3.SchemaRef{
			"title": text(""), "type": text("What starts it; stays as it is."), "description": text(""), "enabled": truth(""), "current": truth("Of what is made: takes the place of the version that is current."), "sync": truth("Run inside the request that starts it."),
			"config": settings(), "options": options(), "triggerTitle": text(""), "categories": listOf(anything("The id of a category."))}),
		"alur.Workflow": object(map[string]*openapi3.SchemaRef{
			"id": id(""), "key": text("The same in all versions."), "title": text(""), "type": text(""), "enabled": truth(""),
			"current": none(truth("true for the current version, else null.")), "sync": truth(""), "description": text(""), "config": settings(), "options": options()}),
		"alur.MemberValues": object(map[string]*openapi3.SchemaRef{
			"userId": none(id("The person; or roleName.")), "roleName": none(text("The role; or userId.")), "level": text("viewer, operator, editor or owner.")}, "level"),
		"alur.Member": object(map[string]*openapi3.SchemaRef{
			"id": id(""), "workflowKey": text("The same in all versions."), "userId": none(id("")), "roleName": none(text("")),
			"name": text("The person's, or the role's title."), "level": text("viewer, operator, editor or owner.")}),
		"alur.NodeValues": object(map[string]*openapi3.SchemaRef{
			"type": text(""), "title": text(""), "config": settings(), "upstreamId": none(id("The node before.")), "branchIndex": none(whole("The branch of the node before.")),
			"workflowId": id("The version, where the address does not name it, or which a test is for.")}),
		"alur.Place": object(map[string]*openapi3.SchemaRef{
			"upstreamId": none(id("The node before; null for the first place.")), "branchIndex": none(whole("The branch of the node before.")), "config": settings()}),
		"alur.Node": object(map[string]*openapi3.SchemaRef{
			"id": id(""), "key": text("The same in all versions."), "type": text(""), "title": text(""), "config": settings(), "workflowId": id(""),
			"upstreamId": none(id("")), "downstreamId": none(id("")), "branchIndex": none(whole(""))}),
		"alur.Outcome": object(map[string]*openapi3.SchemaRef{
			"status": whole("1 success, 0 waits, negative failure."), "result": anything(""), "log": text("")}, "status"),
		"alur.Started": object(map[string]*openapi3.SchemaRef{
			"execution":    none(object(map[string]*openapi3.SchemaRef{"id": id(""), "status": none(whole(""))})),
			"newVersionId": id("")}, "execution"),
		"alur.Task": object(map[string]*openapi3.SchemaRef{
			"id": id(""), "title": text(""), "status": whole("0 open, 1 passed, -5 refused, -4 somebody else decided, -3 stopped."),
			"result": anything(""), "executionId": id(""), "workflowId": id("")}),
		"alur.Groups": object(map[string]*openapi3.SchemaRef{
			"measures": listOf(ours("GroupPart")), "dimensions": listOf(ours("GroupPart")), "orders": listOf(settings()),
			"filter": anything(""), "limit": whole("1 to 10,000."), "offset": whole("")}),
		"alur.GroupPart": object(map[string]*openapi3.SchemaRef{
			"field": anything("A field, or a path of relations and a field."), "alias": text("The member of the answer."),
			"aggregation": text("Of measures: count, sum, avg, min or max."), "format": text("Of dates: YYYY-MM and the like.")}, "field"),
	}
	addExchange(schemas)
	schemas["alur.Groups"].Value.Example = map[string]any{"measures": []any{map[string]any{"field": "id", "aggregation": "count", "alias": "count"}}}
	return schemas
}
