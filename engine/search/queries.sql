-- name: take
-- The index is written by whoever gets the row when it is due; no row: somebody
-- else is at it, or it is not due.
SELECT s.seen_to, s.packed_to, s.filled_to, s.swept_to, s.open_at, s.chased_to, s.mark_id, s.mark_xid, h.counted_to,
       CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) AS open_xid,
       CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint) AS next_xid
FROM alur.execution_search s
CROSS JOIN alur.housekeeping h
WHERE s.due_at <= $1
FOR UPDATE OF s SKIP LOCKED

-- name: give_back
UPDATE alur.execution_search
SET due_at = $1, seen_to = $2, packed_to = $3, filled_to = $4, swept_to = $5, open_at = $6, chased_to = $7, mark_id = $8, mark_xid = $9

-- name: later
-- The oldest executions above $1 that began before the id $2.
SELECT id FROM alur.executions WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3

-- name: earlier
-- The newest below $1.
SELECT id FROM alur.executions WHERE id < $1 ORDER BY id DESC LIMIT $2

-- name: sweep
-- The next $3 executions above $1, up to $2, and which of them have no text: they
-- turned up late.
WITH part AS MATERIALIZED (
    SELECT id FROM alur.executions WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3)
SELECT count(*) AS looked, coalesce(max(id), 0) AS last,
       ARRAY(SELECT p.id FROM part p WHERE (SELECT t.id FROM alur.execution_texts t WHERE t.id = p.id) IS NULL ORDER BY p.id LIMIT $4) AS missing
FROM part

-- name: moved
-- Of the next $2 executions above $1 that were not over, those that have moved on.
WITH part AS MATERIALIZED (
    SELECT id, segments FROM alur.execution_texts WHERE open AND id > $1 ORDER BY id LIMIT $2)
SELECT count(*) AS looked, coalesce(max(p.id), 0) AS last,
       ARRAY(SELECT p.id
             FROM part p
             CROSS JOIN LATERAL (SELECT x.ended_at, x.segments FROM alur.executions x WHERE x.id = p.id) x
             WHERE x.ended_at IS NOT NULL OR x.segments <> p.segments
             ORDER BY p.id LIMIT $3) AS moved
FROM part p

-- name: executions
-- What is searched of executions: their own data, the first of it if it is long.
SELECT x.id, x.workflow_id, x.key, x.ended_at IS NULL AS open, x.segments, coalesce(x.reason, '') AS reason,
       coalesce(x.created_by, 0) AS created_by, left(CAST(x.context AS text), $2) AS context, coalesce(left(CAST(x.output AS text), $2), '') AS output,
       ARRAY(SELECT t.user_id FROM alur.tasks t WHERE t.execution_id = x.id AND t.status IN (1, -5) ORDER BY t.user_id) AS deciders
FROM alur.executions x
WHERE x.id = ANY ($1)
ORDER BY x.id

-- name: results
-- What their steps came to, those that failed first.
SELECT j.execution_id, left(CAST(j.result AS text), $2) AS result
FROM unnest(CAST($1 AS bigint[])) x (id)
CROSS JOIN LATERAL (
    SELECT j.execution_id, j.id, j.status, j.result
    FROM alur.jobs j
    WHERE j.execution_id = x.id AND j.result IS NOT NULL
    ORDER BY j.status < 0 DESC, j.id
    LIMIT $3) j
ORDER BY j.execution_id, j.status < 0 DESC, j.id

-- name: write
INSERT INTO alur.execution_texts AS t (id, key, open, segments, subjects, body)
SELECT n.id, n.key, n.open, n.segments, CAST(n.subjects AS bigint[]), n.body
FROM unnest(CAST($1 AS bigint[]), CAST($2 AS text[]), CAST($3 AS boolean[]), CAST($4 AS integer[]), CAST($5 AS text[]), CAST($6 AS text[]))
    AS n (id, key, open, segments, subjects, body)
ON CONFLICT (id) DO UPDATE SET open = excluded.open, segments = excluded.segments, subjects = excluded.subjects, body = excluded.body

-- name: write_subjects
INSERT INTO alur.execution_subjects (subject, execution_id)
SELECT n.subject, n.id FROM unnest(CAST($1 AS bigint[]), CAST($2 AS bigint[])) AS n (id, subject)
ON CONFLICT DO NOTHING

-- name: tail
-- The oldest texts that are in no block yet.
SELECT id, open, body FROM alur.execution_texts WHERE id >= $1 ORDER BY id LIMIT $2

-- name: pack
INSERT INTO alur.execution_blocks (lo, hi, grams)
SELECT n.lo, n.hi, CAST(n.grams AS smallint[])
FROM unnest(CAST($1 AS bigint[]), CAST($2 AS bigint[]), CAST($3 AS text[])) AS n (lo, hi, grams)

-- name: blocks_of
-- The blocks that hold some ids; lo is 0 where there is none.
SELECT x.id, coalesce(b.lo, 0) AS lo, coalesce(CAST(b.grams AS text), '{}') AS grams
FROM unnest(CAST($1 AS bigint[])) x (id)
LEFT JOIN LATERAL (
    SELECT b.lo, b.hi, b.grams FROM alur.execution_blocks b WHERE b.lo <= x.id ORDER BY b.lo DESC LIMIT 1) b ON b.hi > x.id
ORDER BY x.id

-- name: repack
UPDATE alur.execution_blocks b
SET grams = CAST(n.grams AS smallint[])
FROM unnest(CAST($1 AS bigint[]), CAST($2 AS text[])) AS n (lo, grams)
WHERE b.lo = n.lo

-- name: forget
-- The texts of executions that are deleted, and blocks that hold none any more.
WITH gone AS (
    DELETE FROM alur.execution_texts t
    WHERE t.id = ANY ($1) AND NOT EXISTS (SELECT FROM alur.executions x WHERE x.id = t.id)
    RETURNING t.id, t.subjects),
subjects AS (
    DELETE FROM alur.execution_subjects s
    USING (SELECT g.id, u.subject FROM gone g CROSS JOIN LATERAL unnest(g.subjects) AS u (subject)) g
    WHERE s.subject = g.subject AND s.execution_id = g.id)
DELETE FROM alur.execution_blocks b
WHERE b.lo = ANY (ARRAY(
        SELECT DISTINCT p.lo
        FROM gone g
        CROSS JOIN LATERAL (SELECT n.lo FROM alur.execution_blocks n WHERE n.lo <= g.id ORDER BY n.lo DESC LIMIT 1) p))
  AND NOT EXISTS (
        SELECT FROM alur.execution_texts t
        WHERE t.id >= b.lo AND t.id < b.hi AND t.id <> ALL (ARRAY(SELECT id FROM gone)))

-- name: busy
-- How many executions are queued, up to $1.
SELECT count(*) FROM (SELECT FROM alur.executions WHERE status IS NULL LIMIT $1) x

-- name: behind
-- When the oldest execution was made that is not in the index, and the oldest one
-- back to which older ones are; null where there is none.
SELECT (SELECT x.created_at FROM alur.executions x WHERE x.id > s.seen_to ORDER BY x.id LIMIT 1) AS newest,
       (SELECT x.created_at FROM alur.executions x WHERE x.id < s.filled_to ORDER BY x.id DESC LIMIT 1) AS oldest
FROM alur.execution_search s

-- name: hold
-- Keeps the index as it is until the end of the transaction.
SELECT FROM alur.execution_search FOR SHARE
