-- name: watched
-- The tables whose changes by other programs the database notes.
SELECT n.nspname AS schema, c.relname AS table_name
FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE t.tgname = 'alur_outside_change' AND NOT t.tgisinternal

-- name: watch
-- The connections of this program say that they are its own (package pg).
CREATE TRIGGER alur_outside_change AFTER INSERT OR UPDATE OR DELETE ON {table}
FOR EACH ROW WHEN (current_setting('alur.own', true) IS DISTINCT FROM 'on')
EXECUTE FUNCTION alur.note_outside_change()

-- name: unwatch
DROP TRIGGER IF EXISTS alur_outside_change ON {table}

-- name: forget
DELETE FROM alur.outside_changes WHERE schema = $1 AND table_name = $2

-- name: turn
-- One process at a time takes changes, so that they start things in their order.
SELECT pg_try_advisory_xact_lock($1, 1)

-- name: take
-- The oldest $1.
WITH part AS MATERIALIZED (SELECT o.id FROM alur.outside_changes o ORDER BY o.id LIMIT $1),
gone AS (
    DELETE FROM alur.outside_changes o
    USING part p
    WHERE o.id = p.id
    RETURNING o.id, o.schema, o.table_name, o.kind, o.before, o.after)
SELECT id, schema, table_name, kind, CAST(before AS text) AS before, CAST(after AS text) AS after FROM gone ORDER BY id
