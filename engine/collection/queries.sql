-- name: version
SELECT version FROM alur.catalogue

-- name: catalogue
-- One statement, so that version, collections and fields are of one moment.
SELECT
    (SELECT version FROM alur.catalogue) AS version,
    coalesce((
        SELECT json_agg(json_build_object(
            'name', c.name, 'title', c.title, 'table', c.table_name, 'titleField', c.title_field, 'options', c.options,
            'fields', coalesce((
                SELECT json_agg(json_build_object(
                    'name', f.name, 'type', f.type, 'interface', f.interface, 'title', f.title,
                    'column', f.column_name, 'options', f.options) ORDER BY f.sort, f.name)
                FROM alur.fields f
                WHERE f.collection_name = c.name), '[]')) ORDER BY c.sort, c.created_at, c.name)
        FROM alur.collections c), '[]') AS collections

-- name: bump
UPDATE alur.catalogue
SET version = version + 1

-- name: insert_collection
INSERT INTO alur.collections (name, title, table_name, title_field, options, sort, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, (SELECT coalesce(max(sort), 0) + 1 FROM alur.collections), $6, $6)

-- name: update_collection
UPDATE alur.collections
SET title = $2, title_field = $3, options = $4, updated_at = $5
WHERE name = $1

-- name: delete_collection
DELETE FROM alur.collections
WHERE name = $1

-- name: insert_field
INSERT INTO alur.fields (collection_name, name, type, interface, title, column_name, options, sort)
VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT coalesce(max(sort), 0) + 1 FROM alur.fields WHERE collection_name = $1))

-- name: update_field
UPDATE alur.fields
SET type = $3, interface = $4, title = $5, options = $6
WHERE collection_name = $1 AND name = $2

-- name: delete_field
DELETE FROM alur.fields
WHERE collection_name = $1 AND name = $2
