-- name: trigrams
-- The operator class by which texts are indexed, "" while the extension is not
-- there, and whether it could be.
SELECT coalesce((SELECT quote_ident(n.nspname) || '.gin_trgm_ops'
                 FROM pg_opclass o JOIN pg_namespace n ON n.oid = o.opcnamespace
                 WHERE o.opcname = 'gin_trgm_ops' LIMIT 1), '') AS class,
       EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') AS available

-- name: tables_sizes
-- About how many rows the tables of collections have; none that was never counted.
SELECT t.relname AS table_name, t.reltuples AS rows
FROM pg_class t
WHERE t.relnamespace = 'public'::regnamespace AND t.relkind = 'r' AND t.relname = ANY ($1) AND t.reltuples > 0

-- name: table_indexes
SELECT t.relname AS table_name, i.relname AS name, x.indisvalid AS valid,
       (SELECT amname FROM pg_am WHERE oid = i.relam) = 'gin' AS gin
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class t ON t.oid = x.indrelid
WHERE t.relnamespace = 'public'::regnamespace AND t.relname = ANY ($1)

-- name: search_indexes
SELECT i.relname
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
WHERE x.indrelid = CAST($1 AS regclass) AND i.relname LIKE 'trgm\_%'

-- name: clean
-- Takes what was added since into the index itself.
SELECT gin_clean_pending_list(CAST($1 AS regclass))
