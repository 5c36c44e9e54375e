-- name: create
INSERT INTO alur.links (token_hash, task_id, user_id, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5)

-- name: void
UPDATE alur.links
SET voided_at = $3
WHERE task_id = $1 AND user_id = $2 AND voided_at IS NULL

-- name: lookup
SELECT task_id, user_id, created_at, expires_at, voided_at
FROM alur.links
WHERE token_hash = $1
