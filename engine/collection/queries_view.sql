-- name: select
SELECT v.id, v.collection_name, v.owner_id, coalesce(u.nickname, '') AS owner, v.title, v.shared, v.is_default,
       v.columns, v.filter, v.sort
FROM alur.record_views v
LEFT JOIN alur.users u ON u.id = v.owner_id

-- name: list
WHERE v.collection_name = $1 AND (v.owner_id = $2 OR v.shared)
ORDER BY v.shared, lower(v.title), v.id

-- name: one
WHERE v.collection_name = $1 AND v.id = $2

-- name: count
SELECT count(*)
FROM alur.record_views
WHERE collection_name = $1 AND owner_id = $2

-- name: insert
INSERT INTO alur.record_views (id, collection_name, owner_id, title, shared, is_default, columns, filter, sort, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)

-- name: update
UPDATE alur.record_views
SET title = $2, shared = $3, is_default = $4, columns = $5, filter = $6, sort = $7, updated_at = $8
WHERE id = $1

-- name: delete
WITH columns AS (
    DELETE FROM alur.record_columns
    WHERE view_id = $1)
DELETE FROM alur.record_views
WHERE id = $1

-- name: one_default
-- One view opens first: of those of a person, or of the shared ones.
UPDATE alur.record_views
SET is_default = false
WHERE collection_name = $1 AND id <> $2 AND is_default AND shared = $3 AND (shared OR owner_id = $4)

-- name: columns
SELECT columns
FROM alur.record_columns
WHERE user_id = $1 AND collection_name = $2 AND view_id = $3

-- name: save_columns
INSERT INTO alur.record_columns (user_id, collection_name, view_id, columns)
VALUES ($1, $2, $3, $4)
ON CONFLICT (user_id, collection_name, view_id) DO UPDATE SET columns = excluded.columns

-- name: forget_columns
DELETE FROM alur.record_columns
WHERE user_id = $1 AND collection_name = $2 AND view_id = $3

-- name: all
ORDER BY v.collection_name, v.shared DESC, lower(v.title), v.id

-- name: mendable
SELECT id, collection_name, columns, sort
FROM alur.record_views

-- name: mend
UPDATE alur.record_views SET columns = $2, sort = $3 WHERE id = $1

-- name: mendable_columns
SELECT user_id, collection_name, view_id, columns
FROM alur.record_columns
