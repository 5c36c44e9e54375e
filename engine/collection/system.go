package collection

import (
	"slices"

	"alur/engine/auth"
)

func idField() *Field {
	return &Field{Name: "id", Type: BigInt, Interface: "id", Title: "ID", Column: "id", ReadOnly: true,
		Options: map[string]any{"primaryKey": true, "autoIncrement": false}}
}

// stampFields say when and by whom a record was made and last changed, as far as
// the options of c do not switch them off. Writes by workflows leave the person
// null.
func (c *Collection) stampFields() []*Field {
	if c.Adopted() {
		return nil
	}
	stamp := func(name, iface, title string) *Field {
		return &Field{Name: name, Type: Datetime, Interface: iface, Title: title, Column: Snake(name), ReadOnly: true}
	}
	person := func(name, title string) []*Field {
		rel := &Field{Name: name, Type: BelongsTo, Interface: name, Title: title, Target: "users", ForeignKey: name + "Id", ReadOnly: true}
		key := &Field{Name: name + "Id", Type: BigInt, Interface: "integer", Title: title + " (id)", Column: Snake(name + "Id"), Relation: name, ReadOnly: true}
		return []*Field{rel, key}
	}
	var fields []*Field
	for _, group := range [][]*Field{{stamp("createdAt", "createdAt", "Created")}, person("createdBy", "Created by"),
		{stamp("updatedAt", "updatedAt", "Updated")}, person("updatedBy", "Updated by")} {
		if c.Options[group[0].Name] != false {
			fields = append(fields, group...)
		}
	}
	return fields
}

// systemCollections describes our own tables, as far as others may read them.
// Their records are changed by the packages that own them, except where
// [Collection.changedWith] says that anybody with a right may.
func systemCollections() []*Collection {
	return slices.Concat(countCollections(), peopleCollections(), []*Collection{
		attachments(),
		system("workflows", "Workflows", "workflows", "title", auth.UseWorkflows,
			field("key", String, "Key"), field("title", String, "Title"), field("enabled", Boolean, "Enabled"),
			field("description", Text, "Description"), field("type", String, "Trigger"),
			field("triggerTitle", String, "Trigger title"), field("config", JSON, "Trigger settings"),
			field("current", Boolean, "Current"), field("invalid", Boolean, "Unusable"), field("sync", Boolean, "Synchronous"), field("options", JSON, "Options"),
			field("createdById", BigInt, "Created by (id)"), field("updatedById", BigInt, "Updated by (id)"),
			one("createdBy", "Created by", "users", "createdById"), one("updatedBy", "Updated by", "users", "updatedById"),
			many("nodes", "Nodes", "flow_nodes", "workflowId"), many("executions", "Executions", "executions", "workflowId"),
			many("revisions", "Versions", "workflows", "key").by("key"), single("stats", "Executions", "workflowStats", "key").by("key"),
			single("versionStats", "Executions of this version", "workflowVersionStats", "id"),
			through("categories", "Categories", "workflowCategories", "workflowCategoryRelations", "workflowId", "categoryId"),
			field("createdAt", Datetime, "Created"), field("updatedAt", Datetime, "Updated")).of(auth.ByKey, "key"),
		system("workflowCategories", "Workflow categories", "workflow_categories", "title", auth.UseWorkflows,
			given("title", String, "Title").required(), given("color", String, "Color").or("default"), given("sort", Sort, "Order"),
			through("workflows", "Workflows", "workflows", "workflowCategoryRelations", "categoryId", "workflowId"),
			field("createdAt", Datetime, "Created"), field("updatedAt", Datetime, "Updated")).changedWith(auth.ManageWorkflows),
		keyless("workflowCategoryRelations", "Categories of workflows", "workflow_category_relations", auth.UseWorkflows,
			field("workflowId", BigInt, "Workflow (id)"), field("categoryId", BigInt, "Category (id)")).of(auth.ByVersion, "workflow_id"),
		keyless("environmentVariables", "Variables", "environment_variables", auth.UseRecords,
			field("name", String, "Name").primary(), field("type", String, "Type"), field("value", Text, "Value"),
			field("createdAt", Datetime, "Created"), field("updatedAt", Datetime, "Updated")),
		system("flow_nodes", "Nodes", "flow_nodes", "title", auth.UseWorkflows,
			field("key", String, "Key"), field("title", String, "Title"), field("workflowId", BigInt, "Workflow (id)"),
			one("workflow", "Workflow", "workflows", "workflowId"), field("upstreamId", BigInt, "Node before (id)"),
			field("downstreamId", BigInt, "Node after (id)"), one("upstream", "Node before", "flow_nodes", "upstreamId"),
			one("downstream", "Node after", "flow_nodes", "downstreamId"), many("branches", "First nodes of branches", "flow_nodes", "upstreamId"), field("branchIndex", Integer, "Branch"),
			field("type", String, "Type"), field("config", JSON, "Settings"),
			field("createdAt", Datetime, "Created"), field("updatedAt", Datetime, "Updated")).of(auth.ByVersion, "workflow_id"),
		system("executions", "Executions", "executions", "", auth.UseWorkflows,
			field("workflowId", BigInt, "Workflow (id)"), one("workflow", "Workflow", "workflows", "workflowId"),
			field("key", String, "Workflow key"), field("eventKey", String, "Event key"), field("context", JSON, "Trigger data"),
			field("status", Integer, "Status").asked(byStored), field("reason", String, "Reason"),
			field("parentExecutionId", BigInt, "Parent (id)").in("parent_id"), one("parentExecution", "Parent", "executions", "parentExecutionId"),
			many("childExecutions", "Children", "executions", "parentExecutionId"), field("rerunOf", BigInt, "Runs again (id)"),
			field("createdById", BigInt, "Started by (id)").in("created_by"), one("createdBy", "Started by", "users", "createdById"), field("stack", JSON, "Chain of executions"),
			field("dispatched", Boolean, "Begun"), field("manually", Boolean, "Started by hand"), field("output", JSON, "Output"),
			many("jobs", "Jobs", "jobs", "executionId"), field("createdAt", Datetime, "Created").sortedBy("id"),
			field("startedAt", Datetime, "Started"), field("expiresAt", Datetime, "Expires"), field("endedAt", Datetime, "Ended")).big().as(executionView).of(auth.ByKey, "key"),
		system("jobs", "Jobs", "jobs", "", auth.UseWorkflows,
			field("executionId", BigInt, "Execution (id)"), one("execution", "Execution", "executions", "executionId"),
			field("nodeId", BigInt, "Node (id)"), one("node", "Node", "flow_nodes", "nodeId"), field("nodeKey", String, "Node key"),
			field("upstreamId", BigInt, "Job before (id)"), one("upstream", "Job before", "jobs", "upstreamId"),
			field("status", Integer, "Status"), field("meta", JSON, "Details"),
			field("input", JSON, "Input"), field("result", JSON, "Result"), field("log", Text, "Log"),
			field("startedAt", Datetime, "Started"), field("endedAt", Datetime, "Ended")).big().of(auth.ByExecution, "execution_id"),
		system("workflowManualTasks", "Tasks", "tasks", "title", auth.UseWorkflows,
			field("executionId", BigInt, "Execution (id)"), one("execution", "Execution", "executions", "executionId"),
			field("jobId", BigInt, "Job (id)"), one("job", "Job", "jobs", "jobId"),
			field("nodeId", BigInt, "Node (id)"), one("node", "Node", "flow_nodes", "nodeId"),
			field("workflowId", BigInt, "Workflow (id)"), one("workflow", "Workflow", "workflows", "workflowId"),
			field("userId", BigInt, "Person (id)"), one("user", "Person", "users", "userId"),
			field("title", String, "Title"), field("status", Integer, "Status"), field("result", JSON, "Answer"),
			field("form", JSON, "Form"), field("dueAt", Datetime, "Due"),
			field("decidedAt", Datetime, "Decided"), field("createdAt", Datetime, "Created").sortedBy("id"), field("updatedAt", Datetime, "Updated")).
			big().as(taskView).simple().of(auth.ByKey, "workflow_key"),
	})
}

func system(name, title, table, titleField string, right auth.Right, fields ...*Field) *Collection {
	return &Collection{Name: name, Title: title, Schema: "alur", Table: table, TitleField: titleField, System: true,
		Right: right, Fields: append([]*Field{idField()}, fields...)}
}

// keyless is system without an id.
func keyless(name, title, table string, right auth.Right, fields ...*Field) *Collection {
	c := system(name, title, table, "", right, fields...)
	c.Fields = c.Fields[1:]
	return c
}

// changedWith lets whoever has a right change the records of c, as those of
// collections that people made.
func (c *Collection) changedWith(r auth.Right) *Collection {
	c.writable = r
	return c
}

func field(name, typ, title string) *Field {
	f := given(name, typ, title)
	f.ReadOnly = true
	return f
}

// given is a field that people fill in.
func given(name, typ, title string) *Field {
	f := &Field{Name: name, Type: typ, Title: title, Column: Snake(name)}
	f.alias()
	return f
}

func (f *Field) required() *Field {
	f.Required = true
	return f
}

// or gives f a default.
func (f *Field) or(v any) *Field {
	f.Default = v
	return f
}

// big marks a collection that grows without end.
func (c *Collection) big() *Collection {
	c.Big = true
	return c
}

// simple marks a collection whose pages say whether there is a next one, and not
// how many records there are.
func (c *Collection) simple() *Collection {
	c.Options = map[string]any{"simplePaginate": true}
	return c
}

// sortedBy names a field with an index that gives the same order.
func (f *Field) sortedBy(name string) *Field {
	f.Order = name
	return f
}

// in names the column where that is not the field's name.
func (f *Field) in(column string) *Field {
	f.Column = column
	return f
}

// by names our field whose value the other side's key holds.
func (f *Field) by(source string) *Field {
	f.SourceKey = source
	return f
}

// asked gives f conditions of its own.
func (f *Field) asked(condition func(o operand, op string, v any) (cond string, ok bool)) *Field {
	f.condition = condition
	return f
}

func (f *Field) only(r auth.Right) *Field {
	f.Right = r
	return f
}

func one(name, title, target, key string) *Field {
	return &Field{Name: name, Type: BelongsTo, Interface: "m2o", Title: title, Target: target, ForeignKey: key, ReadOnly: true}
}

func many(name, title, target, key string) *Field {
	return &Field{Name: name, Type: HasMany, Interface: "o2m", Title: title, Target: target, ForeignKey: key, ReadOnly: true}
}

func single(name, title, target, key string) *Field {
	return &Field{Name: name, Type: HasOne, Interface: "o2o", Title: title, Target: target, ForeignKey: key, ReadOnly: true}
}

func through(name, title, target, links, ours, theirs string) *Field {
	return &Field{Name: name, Type: BelongsToMany, Interface: "m2m", Title: title, Target: target, Through: links, ForeignKey: ours, OtherKey: theirs, ReadOnly: true}
}
