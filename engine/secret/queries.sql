-- name: list
SELECT v.name, v.type, coalesce(v.value, '') AS value, v.sealed, v.created_at, v.updated_at, coalesce(u.nickname, '') AS person
FROM alur.environment_variables v LEFT JOIN alur.users u ON u.id = v.updated_by_id
ORDER BY v.name

-- name: stamp
-- Differs after each change.
SELECT count(*) || ' ' || coalesce(max(updated_at)::text, '') FROM alur.environment_variables

-- name: lock
SELECT pg_advisory_xact_lock(4714)

-- name: get
SELECT name, type, coalesce(value, '') AS value, sealed, created_at, updated_at, '' AS person
FROM alur.environment_variables WHERE name = $1 FOR UPDATE

-- name: count
SELECT count(*) FROM alur.environment_variables

-- name: put
INSERT INTO alur.environment_variables (name, type, value, sealed, created_at, updated_at, updated_by_id)
VALUES ($1, $2, $3, $4, $5, $5, NULLIF(CAST($6 AS bigint), 0))
ON CONFLICT (name) DO UPDATE SET type = $2, value = $3, sealed = $4, updated_at = $5, updated_by_id = NULLIF(CAST($6 AS bigint), 0)

-- name: reseal
UPDATE alur.environment_variables SET sealed = $2 WHERE name = $1 AND sealed = $3

-- name: delete
DELETE FROM alur.environment_variables WHERE name = $1

-- name: users
-- Titles of the workflows whose current or enabled version refers to $env.NAME; $1 is
-- a regular expression for that.
SELECT DISTINCT w.title FROM alur.workflows w
WHERE (w.current OR w.enabled)
  AND (w.config::text ~ $1 OR EXISTS (SELECT FROM alur.flow_nodes n WHERE n.workflow_id = w.id AND n.config::text ~ $1))
ORDER BY w.title LIMIT 20
