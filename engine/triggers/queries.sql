-- name: arm
-- Plans all of a workflow anew for version $2. What is overdue by the plan of
-- before still counts, if that one was on.
INSERT INTO alur.schedules AS s (key, workflow_id, generation, armed_at, counts_from, sweep_at)
VALUES ($1, $2, 1, $3, $3, $4)
ON CONFLICT (key) DO UPDATE
SET workflow_id = $2, generation = s.generation + 1, kept = CASE WHEN s.workflow_id IS NOT NULL THEN s.generation END,
    armed_at = $3, counts_from = $3, sweep_at = $4, swept_to = '', sweep_began = NULL
RETURNING generation, kept

-- name: disarm
UPDATE alur.schedules SET workflow_id = NULL, sweep_at = NULL WHERE key = $1

-- name: look
-- When there is something to do for each schedule. What a deleted workflow left
-- behind is to be done at once.
SELECT s.key, f.due_at, s.sweep_at, w.key IS NULL AS gone
FROM alur.schedules s
LEFT JOIN LATERAL (
    SELECT due_at FROM alur.firings
    WHERE key = s.key AND generation = s.generation AND due_at IS NOT NULL AND s.workflow_id IS NOT NULL
    ORDER BY key, generation, due_at LIMIT 1) f ON true
LEFT JOIN LATERAL (SELECT key FROM alur.workflows WHERE key = s.key LIMIT 1) w ON true
WHERE f.due_at IS NOT NULL OR s.sweep_at IS NOT NULL OR w.key IS NULL
ORDER BY least(f.due_at, s.sweep_at)

-- name: hold
-- One process at a time works on a schedule; the others pass it over.
SELECT s.key, s.generation, s.kept, s.armed_at, s.counts_from, s.sweep_at, s.swept_to, s.sweep_began, w.id, w.title, w.config
FROM alur.schedules s
JOIN alur.workflows w ON w.id = s.workflow_id AND w.enabled
WHERE s.key = $1
FOR UPDATE OF s SKIP LOCKED

-- name: due
-- Rows that somebody is changing are passed over until the next look.
SELECT record, start_at, end_at, due_at, fired
FROM alur.firings
WHERE key = $1 AND generation = $2 AND due_at <= $3
ORDER BY key, generation, due_at, record
LIMIT $4
FOR UPDATE SKIP LOCKED

-- name: count
SELECT alur.executed($1)

-- name: fired
UPDATE alur.firings f
SET start_at = u.start_at, end_at = u.end_at, due_at = u.due_at, fired = f.fired + u.fired
FROM unnest(CAST($2 AS text[]), CAST($3 AS timestamptz[]), CAST($4 AS timestamptz[]), CAST($5 AS timestamptz[]), CAST($6 AS bigint[]))
     AS u (record, start_at, end_at, due_at, fired)
WHERE f.key = $1 AND f.record = u.record

-- name: plan
-- Writes down when records are due next, where their dates differ from what was
-- planned by, or all is planned anew. What has nothing ahead gets no row.
WITH u AS (
    SELECT s.key, s.generation, s.kept, s.armed_at, u.record, u.start_at, u.end_at, u.due_at
    FROM alur.schedules s,
         unnest(CAST($2 AS text[]), CAST($3 AS timestamptz[]), CAST($4 AS timestamptz[]), CAST($5 AS timestamptz[]))
         AS u (record, start_at, end_at, due_at)
    WHERE s.workflow_id = $1),
over AS (
    UPDATE alur.firings f
    SET generation = u.generation, start_at = u.start_at, end_at = u.end_at,
        due_at = CASE WHEN f.generation = u.kept AND f.due_at <= u.armed_at AND f.start_at = u.start_at THEN f.due_at END
    FROM u
    WHERE f.key = u.key AND f.record = u.record AND u.due_at IS NULL
      AND (f.generation, f.start_at, f.end_at) IS DISTINCT FROM (u.generation, u.start_at, u.end_at))
INSERT INTO alur.firings AS f (key, record, generation, start_at, end_at, due_at)
SELECT key, record, generation, start_at, end_at, due_at FROM u WHERE due_at IS NOT NULL ORDER BY record
ON CONFLICT (key, record) DO UPDATE
SET generation = excluded.generation, start_at = excluded.start_at, end_at = excluded.end_at,
    due_at = CASE WHEN f.generation = (SELECT kept FROM u LIMIT 1) AND f.due_at <= (SELECT armed_at FROM u LIMIT 1) AND f.start_at = excluded.start_at
                  THEN f.due_at ELSE excluded.due_at END
WHERE (f.generation, f.start_at, f.end_at) IS DISTINCT FROM (excluded.generation, excluded.start_at, excluded.end_at)

-- name: drop
-- Records that are gone, or have no date any more.
DELETE FROM alur.firings f
USING alur.schedules s
WHERE s.workflow_id = $1 AND f.key = s.key AND f.record = ANY ($2)

-- name: swept
UPDATE alur.schedules
SET swept_to = $2, sweep_at = $3, sweep_began = $4, counts_from = $5
WHERE key = $1

-- name: broken
-- Nothing fires until the trigger is changed.
UPDATE alur.schedules SET generation = generation + 1, kept = NULL, sweep_at = NULL WHERE key = $1

-- name: tidy
-- Some of the rows of generations before $2.
DELETE FROM alur.firings
WHERE key = $1 AND record = ANY (ARRAY(
    SELECT record FROM alur.firings WHERE key = $1 AND generation < $2 ORDER BY key, generation LIMIT $3 FOR UPDATE SKIP LOCKED))

-- name: forget
-- What deleted workflows left behind, a part at a time; the schedule goes with the
-- last part.
WITH gone AS (
    DELETE FROM alur.firings
    WHERE key = $1 AND record = ANY (ARRAY(SELECT record FROM alur.firings WHERE key = $1 ORDER BY record LIMIT $2 FOR UPDATE SKIP LOCKED))
    RETURNING 1)
DELETE FROM alur.schedules
WHERE key = $1 AND workflow_id IS NULL AND (SELECT count(*) FROM gone) < $2

-- name: watchers
-- The settings of the workflows with triggers of type $1 that are on and ask for
-- changes by other programs, but for the key $2.
SELECT CAST(config AS text) FROM alur.workflows
WHERE enabled AND type = $1 AND key <> $2 AND config ->> 'external' = 'true'
