-- name: members
SELECT m.id, m.workflow_key, m.user_id, m.role_name, coalesce(u.nickname, r.title) AS name, coalesce(u.active, true) AS active,
       CAST(m.level AS text) AS level, m.created_at, m.updated_at
FROM alur.workflow_members m
LEFT JOIN alur.users u ON u.id = m.user_id
LEFT JOIN alur.roles r ON r.name = m.role_name
WHERE m.workflow_key = $1
ORDER BY m.level DESC, m.role_name IS NOT NULL, lower(coalesce(u.nickname, r.title)), m.id

-- name: own
-- Only the first version of a workflow makes an owner.
INSERT INTO alur.workflow_members (workflow_key, user_id, level, created_by_id, created_at, updated_at)
SELECT $1, $2, 'owner', $2, $3, $3
WHERE (SELECT count(*) FROM alur.workflows w WHERE w.key = $1) = 1
ON CONFLICT DO NOTHING

-- name: add
INSERT INTO alur.workflow_members (workflow_key, user_id, role_name, level, created_by_id, created_at, updated_at)
VALUES ($1, NULLIF(CAST($2 AS bigint), 0), NULLIF($3, ''), CAST($4 AS alur.workflow_level), $5, $6, $6)
RETURNING id

-- name: set
UPDATE alur.workflow_members
SET level = CAST($2 AS alur.workflow_level), updated_at = $3
WHERE id = $1

-- name: remove
DELETE FROM alur.workflow_members WHERE id = $1

-- name: versions
SELECT w.id
FROM alur.workflows w
WHERE w.id = ANY ($1) AND {reach w.key}

-- name: executions
SELECT x.id
FROM alur.executions x
WHERE x.id = ANY ($1) AND {reach x.key}
