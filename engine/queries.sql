-- name: armed
SELECT id, key, title, type, sync, config, options
FROM alur.workflows
WHERE enabled
ORDER BY id

-- name: definitions
-- A text that differs when any definition does.
SELECT CAST(coalesce(sum(hashtextextended(concat_ws(' ', id, revision, enabled), 0)), 0) AS text)
FROM alur.workflows

-- name: enqueue
INSERT INTO alur.executions (id, workflow_id, key, event_key, context, stack, created_by, manually)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: enqueue_all
INSERT INTO alur.executions (id, workflow_id, key, context, stack, created_by)
SELECT u.id, u.workflow_id, u.key, CAST(u.context AS jsonb), CAST($5 AS bigint[]), nullif(u.created_by, 0)
FROM unnest(CAST($1 AS bigint[]), CAST($2 AS bigint[]), CAST($3 AS text[]), CAST($4 AS text[]), CAST($6 AS bigint[]))
    u (id, workflow_id, key, context, created_by)

-- name: once
-- Follows an insert with an event key: a second one of the same key is left out.
ON CONFLICT (event_key) WHERE event_key IS NOT NULL DO NOTHING

-- name: count_stack
-- Deleted ones count too, or a short history would unleash what goes round.
SELECT (SELECT count(*) FROM alur.executions WHERE id = ANY ($1) AND workflow_id = $2)
     + (SELECT count(*) FROM alur.execution_records WHERE id = ANY ($1) AND workflow_id = $2)

-- name: skip
INSERT INTO alur.skipped_triggers (id, workflow_id, key, reason, detail, stack)
VALUES ($1, $2, $3, $4, $5, $6)

-- name: program
SELECT key, title, options FROM alur.workflows WHERE id = $1

-- name: trigger
SELECT type, config FROM alur.workflows WHERE id = $1

-- name: program_nodes
SELECT id, key, title, workflow_id, upstream_id, downstream_id, branch_index, type, config
FROM alur.flow_nodes
WHERE workflow_id = $1

-- name: load_jobs
SELECT execution_id, id, node_id, upstream_id, status, branch, meta, result, attempt, started_at, coalesce(running, false) AS running
FROM alur.jobs
WHERE execution_id = ANY ($1)
ORDER BY execution_id, started_at, id

-- name: insert_sync
INSERT INTO alur.executions (id, workflow_id, key, event_key, context, stack, created_by, manually, started_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: execution_rows
-- The page is found by ids first, so that words are looked up for its rows only.
WITH page AS ({page})
SELECT x.id, x.workflow_id, x.key, CAST('null' AS jsonb) AS context,
       CASE WHEN x.status IS NULL AND x.started_at IS NOT NULL THEN 0 ELSE x.status END AS status,
       coalesce(x.status = 0, false) AS waiting,
       x.reason, x.output, x.attempts, x.parent_id, x.rerun_of, x.created_by, coalesce(u.nickname, '') AS author,
       coalesce(s.nickname, '') AS stopper, x.created_at, x.started_at, x.ended_at,
       coalesce(w.title, '') AS workflow_title,
       CASE WHEN w.id IS NULL THEN 0
            ELSE (SELECT count(*) FROM alur.workflows v WHERE v.key = w.key AND v.id <= w.id) END AS version,
       coalesce(w.trigger_title, '') AS trigger_title, coalesce(w.type, '') AS trigger_type, w.config AS trigger_config,
       CASE WHEN x.status < 0 THEN coalesce(x.reason, p.problem) END AS problem,
       p.title AS problem_node
FROM page
JOIN alur.executions x ON x.id = page.id
LEFT JOIN alur.users u ON u.id = x.created_by
LEFT JOIN alur.users s ON s.id = x.stopped_by
LEFT JOIN alur.workflows w ON w.id = x.workflow_id
LEFT JOIN LATERAL (
    SELECT CASE jsonb_typeof(j.result) WHEN 'string' THEN j.result #>> '{}' ELSE j.result ->> 'message' END AS problem, n.title
    FROM alur.jobs j LEFT JOIN alur.flow_nodes n ON n.id = j.node_id
    WHERE x.status <= 0 AND j.execution_id = x.id AND (j.status < 0 AND x.status < 0 OR j.status = 0 AND x.status = 0)
    ORDER BY j.execution_id DESC, j.id DESC LIMIT 1) p ON true
ORDER BY x.id DESC

-- name: execution
SELECT x.id, x.workflow_id, x.key, x.context,
       CASE WHEN x.status IS NULL AND x.started_at IS NOT NULL THEN 0 ELSE x.status END AS status,
       coalesce(x.status = 0, false) AS waiting,
       x.reason, x.output, x.attempts, x.parent_id, x.rerun_of, x.created_by, coalesce(u.nickname, '') AS author,
       coalesce(s.nickname, '') AS stopper, x.created_at, x.started_at, x.ended_at
FROM alur.executions x
LEFT JOIN alur.users u ON u.id = x.created_by
LEFT JOIN alur.users s ON s.id = x.stopped_by
WHERE x.id = $1 AND {reach x.key}

-- name: execution_jobs
-- Large results stay behind, except what says why a step failed. Their size is
-- known without reading them. Of the meta only the answers of conditions are shown.
SELECT id, execution_id, node_id, node_key, upstream_id, status, branch, NULL AS input,
       CASE WHEN meta -> 'conditions' IS NOT NULL THEN meta END AS meta,
       CASE WHEN status < 0 OR pg_column_size(result) < 2048 THEN result END AS result,
       coalesce(status >= 0 AND pg_column_size(result) >= 2048, false) AS large, NULL AS log, attempt, started_at, ended_at,
       CASE WHEN status = 0 THEN (SELECT t.due_at FROM alur.timers t WHERE t.job_id = jobs.id) END AS due_at
FROM alur.jobs
WHERE execution_id = $1
ORDER BY started_at, id

-- name: job
SELECT id, execution_id, node_id, node_key, upstream_id, status, branch, meta, input, result, log, attempt, started_at, ended_at,
       CASE WHEN status = 0 THEN (SELECT t.due_at FROM alur.timers t WHERE t.job_id = jobs.id) END AS due_at
FROM alur.jobs
WHERE id = $1 AND {reach execution execution_id}

-- name: skipped
SELECT s.id, s.workflow_id, coalesce(w.title, '') AS workflow_title, s.reason, s.detail, s.created_at
FROM alur.skipped_triggers s
LEFT JOIN alur.workflows w ON w.id = s.workflow_id
ORDER BY s.id DESC
LIMIT $1

-- name: skipped_workflow
SELECT s.id, s.workflow_id, coalesce(w.title, '') AS workflow_title, s.reason, s.detail, s.created_at
FROM alur.skipped_triggers s
LEFT JOIN alur.workflows w ON w.id = s.workflow_id
WHERE (s.key, s.id) > ($2, 0) AND (s.key, s.id) < ($2, 9223372036854775807) AND {reach $2}
ORDER BY s.key DESC, s.id DESC
LIMIT $1

-- name: skipped_reached
-- The newest of each workflow by itself, as the index holds them.
SELECT s.id, s.workflow_id, coalesce(w.title, '') AS workflow_title, s.reason, s.detail, s.created_at
FROM ({reached}) m
CROSS JOIN LATERAL (
    SELECT s.id, s.workflow_id, s.reason, s.detail, s.created_at
    FROM alur.skipped_triggers s
    WHERE (s.key, s.id) > (m.workflow_key, 0) AND (s.key, s.id) < (m.workflow_key, 9223372036854775807)
    ORDER BY s.key DESC, s.id DESC
    LIMIT $1) s
LEFT JOIN alur.workflows w ON w.id = s.workflow_id
ORDER BY s.id DESC
LIMIT $1

-- name: close_tasks
-- The tasks of a job that was answered without them.
UPDATE alur.tasks
SET status = -4, decided_at = $2, updated_at = $2
WHERE job_id = $1 AND status = 0

-- name: late
SELECT coalesce(expires_at <= $2 AND coalesce(status, 0) = 0, false) FROM alur.executions WHERE id = $1

-- name: record_execution
INSERT INTO alur.executions (id, workflow_id, key, event_key, context, status, reason, output, created_by, started_at, ended_at)
VALUES ($1, $2, $3, $4, $5, CAST($6 AS smallint), $7, $8, $9,
    CASE WHEN $6 IS NOT NULL THEN CAST($10 AS timestamptz) END, CASE WHEN $6 <> 0 THEN CAST($10 AS timestamptz) END)

-- name: lock_execution
SELECT status FROM alur.executions WHERE id = $1 FOR NO KEY UPDATE

-- name: job_status
SELECT status FROM alur.jobs WHERE execution_id = $1 AND id = $2

-- name: update_job
UPDATE alur.jobs
SET status = coalesce($3, status),
    result = CASE WHEN $5 THEN CAST($4 AS jsonb) ELSE result END,
    meta = CASE WHEN $7 THEN CAST($6 AS jsonb) ELSE meta END,
    log = coalesce($8, log),
    ended_at = CASE WHEN coalesce($3, status) <> 0 THEN coalesce(ended_at, $9) END
WHERE execution_id = $1 AND id = $2

-- name: workflow_of
SELECT workflow_id FROM alur.executions WHERE id = $1

-- name: probe_empty
TRUNCATE alur.probe

-- name: probe_fill
-- A megabyte.
INSERT INTO alur.probe (filler)
SELECT convert_to(repeat('x', 1000), 'UTF8') FROM generate_series(1, 1000)
