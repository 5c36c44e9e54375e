-- name: armed
SELECT id, key, title, type, sync, config, options
FROM alur.workflows
WHERE enabled
ORDER BY id

-- name: enqueue
INSERT INTO alur.executions (id, workflow_id, key, event_key, context, stack, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: count_stack
SELECT count(*) FROM alur.executions WHERE id = ANY ($1) AND workflow_id = $2

-- name: skip
INSERT INTO alur.skipped_triggers (id, workflow_id, key, reason, detail, stack)
VALUES ($1, $2, $3, $4, $5, $6)

-- name: program
SELECT key, title, sync, revision FROM alur.workflows WHERE id = $1

-- name: program_nodes
SELECT id, key, title, workflow_id, upstream_id, downstream_id, branch_index, type, config
FROM alur.flow_nodes
WHERE workflow_id = $1

-- name: load_jobs
SELECT id, node_id, node_key, upstream_id, status, branch, meta, result, attempt, started_at, ended_at IS NOT NULL AS ended
FROM alur.jobs
WHERE execution_id = $1
ORDER BY id

-- name: insert_sync
INSERT INTO alur.executions (id, workflow_id, key, event_key, context, stack, created_by, started_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
