-- name: get
SELECT id, collection, file_name, format, from1904, heads, rows, settings, status, dry, rehearsing, position, created, updated, skipped, refused,
       reason, attempts, role, created_by_id, created_at, started_at, ended_at
FROM alur.imports
WHERE id = $1

-- name: recent
SELECT id, collection, file_name, format, from1904, heads, rows, settings, status, dry, rehearsing, position, created, updated, skipped, refused,
       reason, attempts, role, created_by_id, created_at, started_at, ended_at
FROM alur.imports
WHERE created_by_id = $1 AND collection = $2
ORDER BY id DESC
LIMIT 10

-- name: rows
SELECT position, row, cells, problem
FROM alur.import_rows
WHERE import_id = $1 AND position > $2
ORDER BY position
LIMIT $3

-- name: problems
SELECT position, row, cells, problem
FROM alur.import_rows
WHERE import_id = $1 AND position > $2 AND problem IS NOT NULL
ORDER BY position
LIMIT $3

-- name: open
SELECT count(*) FROM alur.imports WHERE created_by_id = $1 AND status IN ('queued', 'running')

-- name: add
INSERT INTO alur.imports (id, collection, file_name, format, from1904, heads, rows, settings, role, created_by_id, created_at)
VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10)

-- name: stage
INSERT INTO alur.import_rows (import_id, position, row, cells)
SELECT $1, r.position, r.row, ARRAY(SELECT jsonb_array_elements_text(r.cells))
FROM jsonb_to_recordset($2) AS r (position integer, row integer, cells jsonb)

-- name: staged
UPDATE alur.imports SET rows = $2 WHERE id = $1

-- name: begin
UPDATE alur.imports
SET status = 'queued', settings = $2, dry = $3, rehearsing = $4, role = $5, position = 0, created = 0, updated = 0, skipped = 0, refused = 0,
    reason = '', attempts = 0, started_at = NULL, ended_at = NULL
WHERE id = $1 AND status IN ('new', 'checked')

-- name: forget_problems
UPDATE alur.import_rows SET problem = NULL WHERE import_id = $1 AND problem IS NOT NULL

-- name: cancel
UPDATE alur.imports
SET status = CASE WHEN dry THEN 'new' ELSE 'canceled' END, worker = NULL, lease_until = NULL, ended_at = $2
WHERE id = $1 AND status IN ('queued', 'running')

-- name: claim
UPDATE alur.imports
SET status = 'running', worker = $1, lease_until = $3, attempts = attempts + 1, started_at = coalesce(started_at, $2)
WHERE id = (
    SELECT id
    FROM alur.imports
    WHERE status IN ('queued', 'running') AND (lease_until IS NULL OR lease_until <= $2)
    ORDER BY id
    LIMIT 1
    FOR UPDATE SKIP LOCKED)
RETURNING id

-- name: hold
-- The import while its worker still has it; locked until the batch is written.
SELECT position
FROM alur.imports
WHERE id = $1 AND worker = $2 AND status = 'running'
FOR UPDATE

-- name: progress
UPDATE alur.imports
SET position = $2, created = created + $3, updated = updated + $4, skipped = skipped + $5, refused = refused + $6,
    lease_until = $7, attempts = 0
WHERE id = $1

-- name: note_problems
UPDATE alur.import_rows r
SET problem = p.problem
FROM jsonb_to_recordset($2) AS p (position integer, problem text)
WHERE r.import_id = $1 AND r.position = p.position

-- name: twice
-- Rows whose cell $2 has the same text as the one of an earlier row.
UPDATE alur.import_rows r
SET problem = coalesce(r.problem || ' ', '') || $3 || ' is the same as in row ' || d.first || '. It must differ.'
FROM (
    SELECT position, row, first_value(row) OVER (PARTITION BY cells[$2] ORDER BY position) AS first
    FROM alur.import_rows
    WHERE import_id = $1 AND cells[$2] <> ''
) d
WHERE r.import_id = $1 AND r.position = d.position AND d.row <> d.first

-- name: end
UPDATE alur.imports
SET status = $3, reason = $4, worker = NULL, lease_until = NULL, ended_at = $5,
    refused = (SELECT count(*) FROM alur.import_rows r WHERE r.import_id = $1 AND r.problem IS NOT NULL)
WHERE id = $1 AND worker = $2 AND status = 'running'

-- name: keep
-- The rehearsal is over; the next pass keeps what it writes.
UPDATE alur.imports
SET rehearsing = false, position = 0, created = 0, updated = 0, skipped = 0
WHERE id = $1 AND worker = $2 AND status = 'running'

-- name: give_up
UPDATE alur.imports
SET lease_until = $3
WHERE id = $1 AND worker = $2 AND status = 'running'

-- name: sweep
DELETE FROM alur.imports WHERE created_at < $1 AND status NOT IN ('queued', 'running')
