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

-- name: count
-- The next number: $5 where nothing was counted yet or the count began before $6.
INSERT INTO alur.counters AS n (collection_name, field_name, scope, current, started_at)
VALUES ($1, $2, $3, $5, $4)
ON CONFLICT (collection_name, field_name, scope) DO UPDATE
SET current = CASE WHEN n.started_at < $6 THEN $5 ELSE n.current + 1 END,
    started_at = CASE WHEN n.started_at < $6 THEN $4 ELSE n.started_at END
RETURNING current

-- name: count_from
-- The next number, which is above $5 as well.
INSERT INTO alur.counters AS n (collection_name, field_name, scope, current, started_at)
VALUES ($1, $2, $3, $5 + 1, $4)
ON CONFLICT (collection_name, field_name, scope) DO UPDATE
SET current = greatest(n.current, $5) + 1
RETURNING current

-- name: delete_counters
DELETE FROM alur.counters
WHERE collection_name = $1 AND (field_name = $2 OR $2 = '')

-- name: tables
-- The tables and views of schema public that are no collection and belong to no
-- extension, with all that is needed to read and write them.
SELECT coalesce(json_agg(t ORDER BY t."Name"), '[]')
FROM (
    SELECT
        c.relname AS "Name",
        c.relkind AS "Kind",
        c.reltuples AS "Rows",
        coalesce((
            SELECT json_agg(a.attname ORDER BY array_position(k.conkey, a.attnum))
            FROM pg_constraint k
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
            WHERE k.conrelid = c.oid AND k.contype = 'p'), '[]') AS "Key",
        coalesce((
            SELECT json_agg(a.attname)
            FROM pg_index i
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
            WHERE i.indrelid = c.oid AND i.indisunique AND i.indnkeyatts = 1 AND i.indpred IS NULL), '[]') AS "Unique",
        coalesce((
            SELECT json_agg(json_build_object('Column', a.attname, 'Table', fc.relname, 'Other', fa.attname))
            FROM pg_constraint k
            JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
            JOIN pg_class fc ON fc.oid = k.confrelid
            JOIN pg_attribute fa ON fa.attrelid = k.confrelid AND fa.attnum = k.confkey[1]
            WHERE k.conrelid = c.oid AND k.contype = 'f' AND cardinality(k.conkey) = 1
                AND fc.relnamespace = c.relnamespace), '[]') AS "Refers",
        coalesce((
            SELECT json_agg(json_build_object(
                'Name', a.attname,
                'SQL', format_type(a.atttypid, a.atttypmod),
                'Type', y.typname,
                'Length', CASE WHEN y.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN a.atttypmod - 4 ELSE 0 END,
                'Precision', CASE WHEN y.typname = 'numeric' AND a.atttypmod > 4 THEN ((a.atttypmod - 4) >> 16) & 65535 ELSE 0 END,
                'Scale', CASE WHEN y.typname = 'numeric' AND a.atttypmod > 4 THEN (a.atttypmod - 4) & 2047 ELSE 0 END,
                'Required', a.attnotnull,
                'Default', a.atthasdef OR a.attidentity <> '',
                'Generated', a.attgenerated <> '' OR a.attidentity = 'a',
                'Choices', coalesce((SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = a.atttypid), '[]')
                ) ORDER BY a.attnum)
            FROM pg_attribute a
            JOIN pg_type y ON y.oid = a.atttypid
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]') AS "Columns"
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        AND ($1 = '' OR c.relname = $1)
        AND has_table_privilege(c.oid, 'SELECT')
        AND NOT EXISTS (SELECT FROM alur.collections o WHERE o.table_name = c.relname)
        AND NOT EXISTS (SELECT FROM pg_depend p WHERE p.classid = 'pg_class'::regclass AND p.objid = c.oid AND p.deptype = 'e')
        AND NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = c.oid)
) t
