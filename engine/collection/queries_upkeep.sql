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

-- name: formulas_ask
INSERT INTO alur.formula_runs (collection_name, records)
VALUES ($1, $2)
ON CONFLICT (collection_name) DO UPDATE
SET after_key = NULL, done = 0, records = excluded.records

-- name: formulas_asked
SELECT collection_name FROM alur.formula_runs ORDER BY collection_name

-- name: formulas_run
SELECT after_key, done, records
FROM alur.formula_runs
WHERE collection_name = $1
FOR UPDATE

-- name: formulas_progress
SELECT done, records FROM alur.formula_runs WHERE collection_name = $1

-- name: formulas_on
UPDATE alur.formula_runs SET after_key = $2, done = done + $3 WHERE collection_name = $1

-- name: formulas_over
DELETE FROM alur.formula_runs WHERE collection_name = $1
