-- name: origins
-- Executions to be run again.
SELECT x.id, x.workflow_id, x.key, w.id IS NOT NULL AS there, x.status, coalesce(x.lease_until > now(), false) AS held
FROM alur.executions x
LEFT JOIN alur.workflows w ON w.id = x.workflow_id
WHERE x.id = ANY ($1) AND {reach x.key}
ORDER BY x.id

-- name: lock_origin
-- Of two that run an execution again at once, the second sees what the first did.
SELECT id FROM alur.executions WHERE id = $1 FOR NO KEY UPDATE

-- name: current
SELECT id FROM alur.workflows WHERE key = $1 AND current

-- name: hold_version
-- Keeps a version as it is until there is an execution of it.
SELECT id FROM alur.workflows WHERE id = $1 FOR SHARE

-- name: steps
SELECT execution_id, id, node_id, node_key, upstream_id, status, branch
FROM alur.jobs
WHERE execution_id = ANY ($1)
ORDER BY execution_id, started_at, id

-- name: newest_rerun
SELECT id, coalesce(status, 0) = 0 AS open, created_at
FROM alur.executions
WHERE rerun_of = $1
ORDER BY rerun_of DESC, id DESC
LIMIT 1

-- name: reruns
SELECT id, status, started_at, created_at
FROM alur.executions
WHERE rerun_of = $1
ORDER BY rerun_of DESC, id DESC
LIMIT $2

-- name: again
-- A new execution with what started the other one. With $5 it has jobs already.
INSERT INTO alur.executions (id, workflow_id, key, context, stack, created_by, manually, rerun_of, segments)
SELECT $2, $3, key, context, stack, $4, true, id, CASE WHEN $5 THEN 1 ELSE 0 END
FROM alur.executions
WHERE id = $1

-- name: keep
-- Attempt 0 says that the step did not run in this execution.
INSERT INTO alur.jobs (id, execution_id, node_id, node_key, upstream_id, status, branch, meta, input, result, log, attempt, started_at, ended_at)
SELECT k.id, $2, k.node_id, j.node_key, up.id, j.status, j.branch, j.meta, j.input, j.result, j.log, 0, j.started_at, j.ended_at
FROM unnest(CAST($3 AS bigint[]), CAST($4 AS bigint[]), CAST($5 AS bigint[])) AS k (old, id, node_id)
JOIN alur.jobs j ON j.execution_id = $1 AND j.id = k.old
LEFT JOIN unnest(CAST($3 AS bigint[]), CAST($4 AS bigint[])) AS up (old, id) ON up.old = j.upstream_id
