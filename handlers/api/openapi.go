package api

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
)

// Document describes the API for one person: every collection that they may see
// with its actions, and the actions of the server's own resources that they have
// the right to.
func (h *Records) Document(ctx context.Context, a auth.Actor) (*openapi3.T, error) {
	all, err := h.Store.Collections(ctx)
	if err != nil {
		return nil, err
	}
	d := &document{actor: a, T: &openapi3.T{
		OpenAPI: "3.0.3",
		Info: &openapi3.Info{Title: "Alur", Version: "1", Description: "Answers hold the result in data. What is asked of several is done to all or to none, " +
			"unless an action says otherwise. " +
			"What went wrong stands in errors: one entry for each problem, with the field it is about."},
		Servers: openapi3.Servers{{URL: "/api"}},
		Paths:   openapi3.NewPaths(),
		Components: &openapi3.Components{
			Schemas: commonSchemas(), Parameters: parameters(), Responses: failures(),
			SecuritySchemes: openapi3.SecuritySchemes{"token": {Value: openapi3.NewSecurityScheme().WithType("http").WithScheme("bearer").
				WithDescription("The token that auth:signIn answers.")}},
		},
		Security: openapi3.SecurityRequirements{{"token": []string{}}},
	}}
	for _, c := range all {
		if c.Allows(a, auth.View) {
			d.known = append(d.known, c)
		}
	}
	for _, c := range d.known {
		d.collection(c)
	}
	for _, act := range ownActions() {
		if act.need == public || a.Can(act.need) {
			d.own(act)
		}
	}
	return d.T, nil
}

// document is a document that is being written.
type document struct {
	*openapi3.T
	actor auth.Actor
	known []*collection.Collection
}

func (d *document) knows(name string) bool {
	return slices.ContainsFunc(d.known, func(c *collection.Collection) bool { return c.Name == name })
}

// operation is one call to describe.
type operation struct {
	method, path string // the path below /api
	tag, id      string
	summary      string
	params       []string // shared parameters by name
	body         *openapi3.SchemaRef
	optional     bool // the body may be left out
	file         bool // the body is a form with a file
	status       int  // of success; 0 is 200
	answer       *openapi3.SchemaRef
	meta         bool // the answer has pages
	open         bool // for everybody, also without a token
}

func (d *document) add(o operation) {
	op := openapi3.NewOperation()
	op.OperationID, op.Summary, op.Tags = o.id, o.summary, []string{o.tag}
	for _, name := range o.params {
		op.Parameters = append(op.Parameters, &openapi3.ParameterRef{Ref: "#/components/parameters/" + name})
	}
	if o.body != nil {
		op.RequestBody = &openapi3.RequestBodyRef{Value: openapi3.NewRequestBody().WithRequired(!o.optional).WithJSONSchemaRef(o.body)}
	}
	if o.file {
		form := object(map[string]*openapi3.SchemaRef{"file": inline(openapi3.NewStringSchema().WithFormat("binary"))}, "file")
		op.RequestBody = &openapi3.RequestBodyRef{Value: openapi3.NewRequestBody().WithRequired(true).WithContent(openapi3.NewContentWithFormDataSchemaRef(form))}
	}
	if o.open {
		op.Security = &openapi3.SecurityRequirements{}
	}
	status := o.status
	if status == 0 {
		status = http.StatusOK
	}
	op.Responses = openapi3.NewResponsesWithCapacity(6)
	op.Responses.Set(strconv.Itoa(status), &openapi3.ResponseRef{Value: answered(o)})
	for _, name := range []string{"400", "401", "403", "404", "409"} {
		op.Responses.Set(name, &openapi3.ResponseRef{Ref: "#/components/responses/" + name})
	}
	item := d.Paths.Value(o.path)
	if item == nil {
		item = &openapi3.PathItem{}
		d.Paths.Set(o.path, item)
	}
	item.SetOperation(o.method, op)
}

func answered(o operation) *openapi3.Response {
	if o.answer == nil {
		return openapi3.NewResponse().WithDescription("Done; there is nothing to say.")
	}
	members := map[string]*openapi3.SchemaRef{"data": o.answer}
	if o.meta {
		members["meta"] = ours("PageMeta")
	}
	return openapi3.NewResponse().WithDescription("Done.").WithJSONSchemaRef(object(members, "data"))
}

// collection describes the actions that every collection has.
func (d *document) collection(c *collection.Collection) {
	d.Components.Schemas[c.Name] = d.recordSchema(c)
	d.Tags = append(d.Tags, &openapi3.Tag{Name: c.Name, Description: c.Title})
	on := func(method, action, summary string, o operation) {
		o.method, o.path, o.tag, o.id, o.summary = method, "/"+c.Name+":"+action, c.Name, c.Name+"."+action, summary
		d.add(o)
	}
	if c.Allows(d.actor, auth.View) {
		read := []string{"filter", "fields", "appends", "except"}
		summary := "List records, page by page"
		if c.Name == "executions" {
			summary = searchSummary
		}
		on(http.MethodGet, "list", summary, operation{
			params: append(slices.Clone(read), "sort", "page", "pageSize", "paginate", "tree"), answer: listOf(ref(c.Name)), meta: true})
		on(http.MethodGet, "get", "Read one record", operation{params: append([]string{"filterByTk"}, read...), answer: orNone(ref(c.Name))})
		on(http.MethodPost, "query", "Group records and reckon up", operation{body: ours("Groups"), answer: listOf(object(nil))})
	}
	if !c.Open() {
		return
	}
	values := c.Name + ".values"
	creates, updates := c.Allows(d.actor, auth.Create), c.Allows(d.actor, auth.Update)
	d.Components.Schemas[values] = d.valuesSchema(c)
	fresh := ref(values)
	if names := needed(c, d.actor); len(names) > 0 {
		fresh = inline(&openapi3.Schema{AllOf: openapi3.SchemaRefs{ref(values), inline(&openapi3.Schema{Required: names})}})
	}
	allowed := []string{"whitelist", "blacklist", "updateAssociationValues"}
	if creates {
		on(http.MethodPost, "create", "Create a record, or several in one go", operation{params: append([]string{"appends"}, allowed...),
			body:   inline(&openapi3.Schema{OneOf: openapi3.SchemaRefs{fresh, listOf(fresh)}, Example: example(c, d.actor)}),
			answer: inline(&openapi3.Schema{OneOf: openapi3.SchemaRefs{ref(c.Name), listOf(ref(c.Name))}})})
	}
	if updates {
		on(http.MethodPost, "update", "Change records", operation{params: append([]string{"filterByTk", "filter"}, allowed...),
			body: ref(values), answer: listOf(ref(c.Name))})
	}
	if c.Allows(d.actor, auth.Destroy) {
		on(http.MethodPost, "destroy", "Delete records", operation{params: []string{"filterByTk", "filter"}, answer: whole("How many were deleted.")})
	}
	if creates && c.Allows(d.actor, auth.View) {
		on(http.MethodPost, "firstOrCreate", "Read the record that has these values, or create it", operation{
			params: append([]string{"filterKeys"}, allowed...), body: ref(values), answer: ref(c.Name)})
	}
	if creates && updates {
		on(http.MethodPost, "updateOrCreate", "Change the record that has these values, or create it", operation{
			params: append([]string{"filterKeys"}, allowed...), body: ref(values), answer: ref(c.Name)})
	}
	if updates && slices.ContainsFunc(c.Fields, func(f *collection.Field) bool { return f.Type == collection.Sort }) {
		on(http.MethodPost, "move", "Put a record before or behind another", operation{
			params: []string{"sourceId", "targetId", "method", "sticky", "sortField"}, answer: text("")})
	}
	for _, f := range shows(c, d.actor) {
		if f.IsRelation() && d.knows(f.Target) {
			d.association(c, f)
		}
	}
}

// association describes /parent/{key}/field.
func (d *document) association(c *collection.Collection, f *collection.Field) {
	on := func(method, action, summary string, o operation) {
		o.method, o.path, o.tag, o.summary = method, "/"+c.Name+"/{key}/"+f.Name+":"+action, c.Name, f.Title+": "+summary
		o.id, o.params = c.Name+"."+f.Name+"."+action, append([]string{"key"}, o.params...)
		d.add(o)
	}
	if f.ToOne() {
		on(http.MethodGet, "get", "read it", operation{params: []string{"fields", "appends", "except"}, answer: orNone(ref(f.Target))})
	} else {
		on(http.MethodGet, "list", "list them", operation{
			params: []string{"filter", "fields", "appends", "except", "sort", "page", "pageSize", "paginate"}, answer: listOf(ref(f.Target)), meta: true})
	}
	if f.ReadOnly {
		return
	}
	target := slices.IndexFunc(d.known, func(c *collection.Collection) bool { return c.Name == f.Target })
	if d.known[target].Open() {
		on(http.MethodPost, "create", "create one there", operation{body: ref(f.Target + ".values"), answer: ref(f.Target)})
	}
	keys := inline(&openapi3.Schema{AnyOf: openapi3.SchemaRefs{listOf(anything("")), object(nil)}, Example: []any{1, 2}})
	for _, act := range [][2]string{{"set", "link these and no others"}, {"add", "link more"}, {"remove", "undo links"}, {"toggle", "link what is not, undo what is"}} {
		if f.ToMany() || act[0] == "set" || act[0] == "remove" {
			on(http.MethodPost, act[0], act[1], operation{params: []string{"filterByTk"}, body: keys, optional: true, answer: anything("")})
		}
	}
}

// serveDocument answers the document of who asks.
func (h *Records) serveDocument(c echo.Context) error {
	doc, err := h.Document(c.Request().Context(), h.Actor(c))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, doc)
}

// searchSummary says how executions are searched.
const searchSummary = `List executions, page by page. The filter may hold {"$search": {…}} beside other conditions, with any of: "text", words and ` +
	`"exact text" in the data, at least three characters or four digits; "personId", who started it or decided in it; "record", {"collection": "orders", "id": 5}, ` +
	`that started it; "keys" of workflows; "states": queued, running, waiting, completed, failed, error, cancelled, rejected; "since" and "until", times. ` +
	`What a search finds comes newest first, without a count; it knows an execution some seconds after its start and its end`

func parameters() openapi3.ParametersMap {
	out := openapi3.ParametersMap{}
	query := func(name, description string, s *openapi3.SchemaRef, sample any) {
		p := openapi3.NewQueryParameter(name).WithDescription(description).WithSchema(s.Value)
		p.Example = sample
		out[name] = &openapi3.ParameterRef{Value: p}
	}
	names := func(name, description string, sample any) {
		query(name, description, listOf(text("")), sample)
		out[name].Value.Name = name + "[]"
	}
	query("filter", "Which records, as JSON: {\"title\": {\"$includes\": \"x\"}}, with $and, $or, $not and relations.", text(""), `{"id": {"$gt": 0}}`)
	query("filterByTk", "The key of a record; a list of keys as JSON.", text(""), nil)
	names("fields", "Only these fields; \"user.nickname\" reads a field of a relation.", nil)
	names("appends", "Relations to read too: \"user\", \"items.product\". Each may bring up to 20,000 records.", nil)
	names("except", "Fields to leave out.", nil)
	names("sort", "Fields to sort by, \"-createdAt\" the other way round.", nil)
	query("page", "From 1.", whole(""), 1)
	query("pageSize", "1 to 1000; 20 when it is left out.", whole(""), 20)
	query("paginate", "false reads all records at once, without meta: up to 20,000.", truth(""), nil)
	query("tree", "true shows the records of a collection with a relation called parent under each other, as children.", truth(""), nil)
	names("whitelist", "Only these values are written.", nil)
	names("blacklist", "These values are not written.", nil)
	names("updateAssociationValues", "Relations whose records are changed where a value names one that is there.", nil)
	names("filterKeys", "The fields by whose values the record is found.", nil)
	query("sourceId", "The key of the record to move.", text(""), nil)
	query("targetId", "The key of the record whose place it takes.", text(""), nil)
	query("method", "insertAfter puts it behind the other, prepend before all.", text(""), nil)
	query("sticky", "true puts it before all others.", truth(""), nil)
	query("sortField", "The field that holds the order; the first of its type when left out.", text(""), nil)
	query("keepBranch", "The branch whose nodes take the place of the deleted node.", whole(""), nil)
	query("branchIndex", "Which branch.", whole(""), nil)
	query("shift", "1 moves the later branches up by one.", whole(""), nil)
	query("autoRevision", "1 makes a new version afterwards, as the one that ran cannot be changed any more.", whole(""), nil)
	query("attachmentField", "The field that a file is for, orders.photos: what it does not take is refused at once.", text(""), nil)
	query("dryRun", "true says what would be made, and makes nothing.", truth(""), nil)
	query("as", "version makes new versions of the workflows that have the keys of the file; else they become workflows of their own.", text(""), nil)
	query("people", "Who is meant, as JSON: {\"mail:ann@example.org\": 7}; null for nobody. Who is left out is found by mail address or name.", text(""), nil)
	query("search", "A part of a title.", text(""), nil)
	query("type", "The kind of tasks.", text(""), nil)
	key := openapi3.NewPathParameter("key").WithDescription("The key of the record; _ for any.").WithSchema(text("").Value)
	out["key"] = &openapi3.ParameterRef{Value: key}
	parent := openapi3.NewPathParameter("parent").WithDescription("The id or name of what it belongs to.").WithSchema(text("").Value)
	out["parent"] = &openapi3.ParameterRef{Value: parent}
	return out
}

// failures are the answers to what went wrong.
func failures() openapi3.ResponseBodies {
	out := openapi3.ResponseBodies{}
	for status, description := range map[string]string{
		"400": "Something in the request has to be different: one entry for each field.",
		"401": "Sign in first; code says why the token opens nothing.",
		"403": "You do not have the right to do this.",
		"404": "There is no such resource, action or record.",
		"409": "Somebody else was faster.",
	} {
		out[status] = &openapi3.ResponseRef{Value: openapi3.NewResponse().WithDescription(description).WithJSONSchemaRef(ours("Errors"))}
	}
	return out
}
