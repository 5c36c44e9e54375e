-- name: add
-- No row: it is there already.
INSERT INTO alur.bulk_reruns (id, filter, list, newest, failed, asked_at, below, total, role, created_by_id, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (created_by_id, asked_at) DO NOTHING

-- name: same
SELECT id FROM alur.bulk_reruns WHERE created_by_id = $1 AND asked_at = $2

-- name: select
SELECT b.id, b.filter, b.list, b.newest, b.failed, b.asked_at, b.below, b.total, b.made, b.passed, b.why, b.status, b.reason,
       b.attempts, b.role, b.created_by_id, u.nickname AS person, b.created_at, b.started_at, b.ended_at
FROM alur.bulk_reruns b
JOIN alur.users u ON u.id = b.created_by_id

-- name: one
WHERE b.id = $1

-- name: recent
-- What is under way of person $1, or ended after $2.
WHERE b.created_by_id = $1 AND (b.ended_at IS NULL OR b.ended_at > $2)
ORDER BY b.id DESC
LIMIT 5

-- name: claim
UPDATE alur.bulk_reruns
SET status = 'running', worker = $1, lease_until = $3, attempts = attempts + 1, started_at = coalesce(started_at, $2)
WHERE id = (
    SELECT id
    FROM alur.bulk_reruns
    WHERE status IN ('queued', 'running') AND (lease_until IS NULL OR lease_until <= $2)
    ORDER BY id
    LIMIT 1
    FOR UPDATE SKIP LOCKED)
RETURNING id

-- name: progress
-- No row: it is somebody else's now, or was stopped.
UPDATE alur.bulk_reruns
SET below = $3, made = made + $4, passed = passed + $5, why = CASE WHEN why = '' THEN $6 ELSE why END, lease_until = $7, attempts = 0
WHERE id = $1 AND worker = $2 AND status = 'running'

-- name: give_up
UPDATE alur.bulk_reruns SET lease_until = $3 WHERE id = $1 AND worker = $2 AND status = 'running'

-- name: end
UPDATE alur.bulk_reruns
SET status = $3, reason = $4, ended_at = $5, worker = NULL, lease_until = NULL
WHERE id = $1 AND (worker = $2 OR $2 IS NULL) AND status IN ('queued', 'running')

-- name: sweep
DELETE FROM alur.bulk_reruns WHERE ended_at < $1
