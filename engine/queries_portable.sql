-- name: people
-- By id, by mail address in lower case, or by name.
SELECT id, nickname AS name, coalesce(lower(email), '') AS email, active
FROM alur.users
WHERE id = ANY ($1) OR lower(email) = ANY ($2) OR nickname = ANY ($3)
ORDER BY id

-- name: roles_here
SELECT name FROM alur.roles

-- name: category_titles
SELECT c.title
FROM alur.workflow_category_relations r
JOIN alur.workflow_categories c ON c.id = r.category_id
WHERE r.workflow_id = $1
ORDER BY c.title, c.id

-- name: categories_called
SELECT id, title
FROM alur.workflow_categories
WHERE title = ANY ($1)
ORDER BY id

-- name: versions_of
-- Of several keys the version to go by: the current one, else the newest.
SELECT DISTINCT ON (key) id
FROM alur.workflows
WHERE key = ANY ($1) AND {reach key}
ORDER BY key, current NULLS LAST, id DESC

-- name: key_taken
SELECT EXISTS (SELECT FROM alur.workflows WHERE key = $1)
