-- name: book
-- One statement, so that version and roles are of one moment.
SELECT
    (SELECT version FROM alur.rights) AS version,
    (SELECT json_agg(json_build_object(
        'name', r.name, 'title', r.title, 'description', r.description, 'actions', r.actions, 'snippets', r.snippets,
        'default', r.is_default IS TRUE, 'options', r.options, 'createdAt', r.created_at, 'updatedAt', r.updated_at,
        'resources', coalesce((
            SELECT json_agg(json_build_object(
                'id', s.id, 'collection', s.collection_name, 'ownRules', s.own_rules,
                'actions', coalesce((
                    SELECT json_agg(json_build_object(
                        'id', a.id, 'name', a.name, 'fields', a.fields, 'scopeId', a.scope_id, 'filter', c.filter) ORDER BY a.id)
                    FROM alur.role_actions a
                    LEFT JOIN alur.role_scopes c ON c.id = a.scope_id
                    WHERE a.resource_id = s.id), '[]')) ORDER BY s.collection_name)
            FROM alur.role_resources s
            WHERE s.role_name = r.name), '[]')) ORDER BY r.sort, lower(r.title), r.name)
    FROM alur.roles r) AS roles

-- name: rights version
SELECT version FROM alur.rights

-- name: people per role
SELECT role, count(*) AS people
FROM (SELECT id, role FROM alur.users UNION SELECT user_id, role_name FROM alur.roles_users) x
GROUP BY role

-- name: insert role
INSERT INTO alur.roles (name, title, description, actions, snippets, options, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7)

-- name: update role
UPDATE alur.roles
SET title = $2, description = $3, actions = $4, snippets = $5, options = $6, updated_at = $7
WHERE name = $1

-- name: delete role
DELETE FROM alur.roles WHERE name = $1

-- name: people with only
-- Whoever has the role as the own one; their further roles do not help, since
-- nobody said which of them comes first.
SELECT count(*) FROM alur.users WHERE role = $1

-- name: clear default role
UPDATE alur.roles SET is_default = NULL WHERE is_default

-- name: set default role
UPDATE alur.roles SET is_default = true WHERE name = $1

-- name: clear roles of
DELETE FROM alur.roles_users WHERE user_id = $1

-- name: add role
INSERT INTO alur.roles_users (user_id, role_name, created_at) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING

-- name: put resource
INSERT INTO alur.role_resources (id, role_name, collection_name, own_rules) VALUES ($1, $2, $3, $4)
ON CONFLICT (role_name, collection_name) DO UPDATE SET own_rules = EXCLUDED.own_rules
RETURNING id

-- name: delete resource
DELETE FROM alur.role_resources WHERE role_name = $1 AND collection_name = $2

-- name: clear actions
DELETE FROM alur.role_actions WHERE resource_id = $1

-- name: insert action
INSERT INTO alur.role_actions (id, resource_id, name, fields, scope_id) VALUES ($1, $2, $3, $4, $5)

-- name: scopes
SELECT id, key, name, coalesce(collection_name, '') AS collection, filter
FROM alur.role_scopes
ORDER BY id

-- name: insert scope
INSERT INTO alur.role_scopes (id, key, name, collection_name, filter, created_at, updated_at)
VALUES ($1, $2, $3, NULLIF($4, ''), $5, $6, $6)

-- name: update scope
UPDATE alur.role_scopes SET name = $2, collection_name = NULLIF($3, ''), filter = $4, updated_at = $5 WHERE id = $1

-- name: delete scope
DELETE FROM alur.role_scopes WHERE id = $1

-- name: shared by
SELECT alur.shared_by($1)

-- name: above
-- Those among some people and roles who have a level on a workflow on which the one
-- who asks has a lower one, or none.
SELECT DISTINCT coalesce(o.user_id, 0) AS person, coalesce(o.role_name, '') AS role
FROM alur.workflow_members o
WHERE (o.user_id = ANY ({people}) OR o.role_name = ANY ({asked}))
  AND NOT EXISTS (
      SELECT FROM alur.workflow_members m
      WHERE m.workflow_key = o.workflow_key AND m.level >= o.level AND ({theirs}))

-- name: theirs
-- The members of workflows that stand for a person who acts in some roles. All
-- that says who may do what with a workflow is this, and the statements that hold it.
m.user_id = {user} OR m.role_name = ANY ({roles})

-- name: reach
-- The keys of the workflows on which they have at least a level.
SELECT m.workflow_key
FROM alur.workflow_members m
WHERE ({theirs}) AND m.level >= CAST({least} AS alur.workflow_level)

-- name: levels
SELECT m.workflow_key, CAST(max(m.level) AS text) AS level
FROM alur.workflow_members m
WHERE {theirs}
GROUP BY m.workflow_key

-- name: level
-- The highest level that they have on one workflow.
SELECT coalesce(CAST(max(m.level) AS text), '')
FROM alur.workflow_members m
WHERE ({theirs}) AND m.workflow_key = {key}
