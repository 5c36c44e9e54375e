package collection

import (
	"strings"

	"alur/engine/auth"
)

// countCollections show what is counted of executions and tasks. There is no
// table behind them: they are read as they stand.
func countCollections() []*Collection {
	return []*Collection{
		system("workflowStats", "Runs of workflows", "workflow_stats", "", auth.UseWorkflows,
			field("key", String, "Workflow key"), field("executed", BigInt, "Runs")).
			as("SELECT id, key, alur.executed(key) AS executed FROM alur.workflows WHERE current").of(auth.ByKey, "key"),
		system("workflowVersionStats", "Runs of versions", "workflow_version_stats", "", auth.UseWorkflows,
			field("executed", BigInt, "Runs")).
			as("SELECT id, alur.version_executed(key, id) AS executed FROM alur.workflows").of(auth.ByVersion, "id"),
		system("userWorkflowTasks", "Tasks by person", "tasks", "", auth.ManageWorkflows,
			field("userId", BigInt, "Person (id)"), one("user", "Person", "users", "userId"), field("type", String, "Type"), field("stats", JSON, "Counts")).
			as(`SELECT t.user_id AS id, t.user_id, 'manual' AS type, jsonb_build_object(
				'pending', count(*) FILTER (WHERE t.status = 0 AND e.ended_at IS NULL), 'all', count(*)) AS stats
				FROM alur.tasks t JOIN alur.executions e ON e.id = t.execution_id GROUP BY t.user_id`),
		system("userWorkflowTaskStats", "Tasks by person and workflow", "tasks", "", auth.ManageWorkflows,
			field("userId", BigInt, "Person (id)"), one("user", "Person", "users", "userId"), field("workflowKey", String, "Workflow key"), field("title", String, "Workflow"),
			field("type", String, "Type"), field("pending", BigInt, "Open"), field("all", BigInt, "All")).
			as(`SELECT min(t.id) AS id, t.user_id, t.workflow_key, w.title, 'manual' AS type,
				count(*) FILTER (WHERE t.status = 0 AND e.ended_at IS NULL) AS pending, count(*) AS "all"
				FROM alur.tasks t JOIN alur.executions e ON e.id = t.execution_id
				LEFT JOIN alur.workflows w ON w.key = t.workflow_key AND w.current GROUP BY t.user_id, t.workflow_key, w.title`),
	}
}

// as makes c show the rows of a query instead of those of its table.
func (c *Collection) as(query string) *Collection {
	c.query = query
	return c
}

// executionView gives executions as clients know them: what a worker has begun is
// started (0), only what nobody has begun is queued (null). The table keeps null
// for both, so that a claim touches no index.
const executionView = `SELECT id, workflow_id, key, event_key, context, status AS stored_status, reason, to_jsonb(stack) AS stack, parent_id, rerun_of, created_by,
	manually, output, created_at, started_at, expires_at, ended_at,
	CASE WHEN status IS NULL AND started_at IS NOT NULL THEN 0 ELSE status END AS status,
	started_at IS NOT NULL OR status IS NOT NULL AS dispatched
	FROM alur.executions`

// taskView gives tasks as people know them: an open one of an execution that has
// ended is stopped, and due when its execution expires.
const taskView = `SELECT t.id, t.execution_id, t.job_id, t.node_id, t.workflow_id, t.workflow_key, t.user_id, t.title, t.result, t.form,
	t.decided_at, t.created_at, t.updated_at, e.expires_at AS due_at,
	CASE WHEN t.status = 0 AND e.ended_at IS NOT NULL THEN -3 ELSE t.status END AS status
	FROM alur.tasks t JOIN alur.executions e ON e.id = t.execution_id`

// byStored asks the stored status of an execution where that comes to the same,
// since indexes hold that one.
func byStored(o operand, op string, v any) (cond string, ok bool) {
	stored := strings.TrimSuffix(o.col, `"status"`) + `"stored_status"`
	started := strings.TrimSuffix(o.col, `"status"`) + `"started_at"`
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	switch op {
	case "eq", "in":
	case "lt", "gt":
		if n, whole := integer(v); whole && (op == "lt" && n <= 0 || op == "gt" && n >= 0) {
			return stored + map[string]string{"lt": " < ", "gt": " > "}[op] + o.b.param(n) + "::bigint", true
		}
		return "", false
	default:
		return "", false
	}
	var parts []string
	for _, e := range list {
		n, whole := integer(e)
		switch {
		case e == nil && !isList && op == "eq":
			parts = append(parts, "("+stored+" IS NULL AND "+started+" IS NULL)")
		case e == nil:
		case !whole:
			return "", false
		case n == 0:
			parts = append(parts, stored+" = 0", "("+stored+" IS NULL AND "+started+" IS NOT NULL)")
		default:
			parts = append(parts, stored+" = "+o.b.param(n)+"::bigint")
		}
	}
	if len(parts) == 0 {
		return "FALSE", true
	}
	return glue(parts, " OR "), true
}
