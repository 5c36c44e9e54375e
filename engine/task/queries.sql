-- name: person
SELECT id, nickname, coalesce(email, '') AS email, active, coalesce(time_zone, '') AS time_zone
FROM alur.users
WHERE id = ANY ($1)

-- name: setting
-- What the mail says about the execution that asks.
SELECT e.expires_at, coalesce(r.nickname, '') AS requester, coalesce(w.title, '') AS workflow_title
FROM alur.executions e
LEFT JOIN alur.users r ON r.id = e.created_by
LEFT JOIN alur.workflows w ON w.id = e.workflow_id
WHERE e.id = $1

-- name: create
INSERT INTO alur.tasks (id, execution_id, job_id, node_id, node_key, workflow_id, workflow_key, user_id, title, form, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)

-- name: select
-- An open task of an execution that has ended reads as stopped.
SELECT t.id, t.execution_id, t.job_id, t.node_id, t.node_key, t.workflow_id, t.workflow_key, coalesce(w.title, '') AS workflow_title,
       t.user_id, u.nickname AS user_name, coalesce(u.time_zone, '') AS user_zone, coalesce(r.nickname, '') AS requester, t.title,
       CASE WHEN t.status = 0 AND e.ended_at IS NOT NULL THEN -3 ELSE t.status END AS status,
       t.form, t.result, e.expires_at AS due_at, t.decided_at, t.channel, t.ip, t.agent, t.created_at, t.updated_at
FROM alur.tasks t
JOIN alur.executions e ON e.id = t.execution_id
JOIN alur.users u ON u.id = t.user_id
LEFT JOIN alur.users r ON r.id = e.created_by
LEFT JOIN alur.workflows w ON w.id = t.workflow_id

-- name: where_id
WHERE t.id = $1

-- name: where_outcome
WHERE t.job_id = $1 AND t.status IN (1, -5)
ORDER BY t.decided_at
LIMIT 1

-- name: where_open
WHERE t.user_id = $1 AND t.status = 0 AND e.ended_at IS NULL
  AND (t.title ILIKE $2 OR w.title ILIKE $2)
ORDER BY e.expires_at NULLS LAST, t.id
LIMIT $3 OFFSET $4

-- name: where_done
WHERE t.user_id = $1 AND (t.status <> 0 OR e.ended_at IS NOT NULL)
  AND (t.title ILIKE $2 OR w.title ILIKE $2)
ORDER BY t.id DESC
LIMIT $3 OFFSET $4

-- name: where_all
WHERE t.user_id = $1
  AND (t.title ILIKE $2 OR w.title ILIKE $2)
ORDER BY t.id DESC
LIMIT $3 OFFSET $4

-- name: pending
SELECT count(*)
FROM alur.tasks t
JOIN alur.executions e ON e.id = t.execution_id
WHERE t.user_id = $1 AND t.status = 0 AND e.ended_at IS NULL

-- name: asked
SELECT u.nickname
FROM alur.tasks t
JOIN alur.users u ON u.id = t.user_id
WHERE t.job_id = $1
ORDER BY t.id

-- name: lock
-- Everybody locks all tasks of the step in one order, so that two who decide at
-- once wait for each other instead of for ever.
SELECT id, execution_id, job_id, workflow_id, title, user_id, status, form, result
FROM alur.tasks
WHERE job_id = (SELECT job_id FROM alur.tasks WHERE id = $1)
ORDER BY id
FOR UPDATE

-- name: execution
SELECT ended_at, expires_at
FROM alur.executions
WHERE id = $1

-- name: decide
UPDATE alur.tasks
SET status = $2, result = $3, decided_at = $4, updated_at = $4, channel = $5, ip = $6, agent = $7
WHERE id = $1 AND status = 0

-- name: close_siblings
UPDATE alur.tasks
SET status = -4, decided_at = $3, updated_at = $3
WHERE job_id = $1 AND id <> $2 AND status = 0

-- name: save
UPDATE alur.tasks
SET result = $2, updated_at = $3
WHERE id = $1 AND status = 0

-- name: save_job
-- One shared decision: what was saved shows as the waiting step's result.
UPDATE alur.jobs
SET result = $3
WHERE execution_id = $1 AND id = $2 AND status = 0

-- name: newest_link
SELECT max(created_at)
FROM alur.links
WHERE task_id = $1 AND user_id = $2

-- name: open_of_execution
SELECT t.id, t.user_id, t.workflow_key
FROM alur.tasks t
JOIN alur.executions e ON e.id = t.execution_id
WHERE t.execution_id = $1 AND t.status = 0 AND e.ended_at IS NULL AND {reach t.workflow_key}
ORDER BY t.id

-- name: delete
-- An open task stays while its execution goes on, which would wait for ever.
DELETE FROM alur.tasks t
USING alur.executions e
WHERE t.id = ANY ($1) AND e.id = t.execution_id AND (t.status <> 0 OR e.ended_at IS NOT NULL)
