-- name: insert
INSERT INTO alur.audit_log (created_at, kind, user_id, person, channel, ip, agent, text, workflow_id, execution_id)
VALUES ($1, $2, NULLIF(CAST($3 AS bigint), 0), $4, $5, $6, $7, $8, NULLIF(CAST($9 AS bigint), 0), NULLIF(CAST($10 AS bigint), 0))

-- name: list
-- The newest below entry $1, from $2 on and before $3, with text $4 in them. Each of
-- the parts that may follow reads down an index of its own.
SELECT id, created_at, kind, coalesce(user_id, 0) AS user_id, person, channel, ip, agent, text,
       coalesce(workflow_id, 0) AS workflow_id, coalesce(execution_id, 0) AS execution_id
FROM alur.audit_log
WHERE created_at >= $2 AND created_at < $3
  AND ($4 = '' OR position(lower($4) IN lower(text || ' ' || person || ' ' || ip)) > 0)
  AND (created_at, id) < (coalesce((SELECT b.created_at FROM alur.audit_log b WHERE b.id = $1), 'infinity'), $1)

-- name: of_kind
  AND kind = $6

-- name: of_person
  AND user_id = $6

-- name: of_both
  AND user_id = $6 AND kind = $7

-- name: newest
ORDER BY created_at DESC, id DESC
LIMIT $5
