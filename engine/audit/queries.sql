-- name: insert
INSERT INTO alur.audit_log (created_at, kind, user_id, person, channel, ip, agent, text)
VALUES ($1, $2, NULLIF(CAST($3 AS bigint), 0), $4, $5, $6, $7, $8)

-- name: list
-- $1: a person or 0; $2: a kind or ''; $3: text or ''; $4 and $5: from and before;
-- $6: below this id.
SELECT id, created_at, kind, coalesce(user_id, 0) AS user_id, person, channel, ip, agent, text
FROM alur.audit_log
WHERE (CAST($1 AS bigint) = 0 OR user_id = $1)
  AND ($2 = '' OR kind = $2)
  AND ($3 = '' OR position(lower($3) IN lower(text || ' ' || person || ' ' || ip)) > 0)
  AND created_at >= $4 AND created_at < $5 AND id < $6
ORDER BY id DESC
LIMIT $7
