-- name: take
-- Housekeeping is done by whoever gets the row when it is due; no row: somebody
-- else is at it, or it is not due.
SELECT last_key, counted_to, next_to
FROM alur.housekeeping
WHERE due_at <= $1
FOR UPDATE SKIP LOCKED

-- name: give_back
UPDATE alur.housekeeping SET due_at = $1, last_key = $2

-- name: settle
-- Whether all transactions are over that had begun when the next border was
-- chosen. In a restored database transactions are numbered anew.
SELECT CASE WHEN next_xid > pg_snapshot_xmax(pg_current_snapshot()) THEN 'foreign'
            WHEN next_xid > pg_snapshot_xmin(pg_current_snapshot()) THEN 'waiting'
            ELSE 'settled' END
FROM alur.housekeeping

-- name: choose_border
UPDATE alur.housekeeping
SET next_to = greatest(next_to, $1), next_xid = pg_current_xact_id()

-- name: roll_up
-- Takes up to $2 executions above the border into the counters and moves the
-- border behind them.
WITH part AS MATERIALIZED (
    SELECT x.id, x.key, x.workflow_id
    FROM alur.executions x
    WHERE x.id > (SELECT counted_to FROM alur.housekeeping) AND x.id <= (SELECT next_to FROM alur.housekeeping)
    ORDER BY x.id
    LIMIT $1),
shared AS (
    INSERT INTO alur.workflow_stats AS s (key, counted)
    SELECT p.key, count(*) FROM part p
    WHERE EXISTS (SELECT FROM alur.workflows w WHERE w.key = p.key)
    GROUP BY p.key ORDER BY p.key
    ON CONFLICT (key) DO UPDATE SET counted = s.counted + excluded.counted),
versions AS (
    INSERT INTO alur.workflow_version_stats AS s (id, counted)
    SELECT p.workflow_id, count(*) FROM part p JOIN alur.workflows w ON w.id = p.workflow_id
    GROUP BY p.workflow_id ORDER BY p.workflow_id
    ON CONFLICT (id) DO UPDATE SET counted = s.counted + excluded.counted)
UPDATE alur.housekeeping
SET counted_to = CASE WHEN (SELECT count(*) FROM part) < $1 THEN next_to ELSE (SELECT max(id) FROM part) END
RETURNING counted_to

-- name: hold_border
-- Deleting counts what is above the border, so the border must stay meanwhile.
SELECT counted_to FROM alur.housekeeping FOR SHARE

-- name: delete
-- The counters take over what is deleted above the border $5, so that a version
-- stays frozen, and one line about each execution stays. Tasks and their mailed
-- links go by their foreign keys. What has not ended stays, and so does what was
-- started by an execution that has not: that one may still ask how it went.
WITH gone AS (
    DELETE FROM alur.executions x
    WHERE x.id = ANY ($1) AND x.status <> 0
      AND NOT EXISTS (SELECT FROM alur.executions p WHERE p.id = x.parent_id AND (p.status IS NULL OR p.status = 0))
    RETURNING x.id, x.workflow_id, x.key, x.status, x.reason, x.created_by, x.created_at, x.started_at, x.ended_at),
records AS (
    INSERT INTO alur.execution_records (id, workflow_id, key, status, problem, steps, created_by, created_at, started_at,
        ended_at, deleted_at, deleted_by, why)
    SELECT g.id, g.workflow_id, g.key, g.status,
           left(CASE WHEN g.status < 0 THEN coalesce(g.reason, (
               SELECT CASE jsonb_typeof(j.result) WHEN 'string' THEN j.result #>> '{}' ELSE j.result ->> 'message' END
               FROM alur.jobs j
               WHERE j.execution_id = g.id AND j.status < 0
               ORDER BY j.execution_id, j.id LIMIT 1)) END, 300),
           (SELECT count(*) FROM alur.jobs j WHERE j.execution_id = g.id),
           g.created_by, g.created_at, g.started_at, g.ended_at, $2, $3, u.why
    FROM gone g JOIN unnest($1, CAST($4 AS text[])) u (id, why) ON u.id = g.id
    ON CONFLICT (id) DO NOTHING),
jobs AS (
    DELETE FROM alur.jobs j USING gone WHERE j.execution_id = gone.id),
shared AS (
    INSERT INTO alur.workflow_stats AS s (key, counted)
    SELECT g.key, count(*) FROM gone g
    WHERE g.id > $5 AND EXISTS (SELECT FROM alur.workflows w WHERE w.key = g.key)
    GROUP BY g.key ORDER BY g.key
    ON CONFLICT (key) DO UPDATE SET counted = s.counted + excluded.counted),
versions AS (
    INSERT INTO alur.workflow_version_stats AS s (id, counted)
    SELECT g.workflow_id, count(*) FROM gone g JOIN alur.workflows w ON w.id = g.workflow_id
    WHERE g.id > $5
    GROUP BY g.workflow_id ORDER BY g.workflow_id
    ON CONFLICT (id) DO UPDATE SET counted = s.counted + excluded.counted)
SELECT count(*) FROM gone

-- name: keys
-- The workflows that have run, by one probe of the index for each, with the
-- options of the current version.
WITH RECURSIVE t AS (
    (SELECT x.key FROM alur.executions x ORDER BY x.key LIMIT 1)
    UNION ALL
    SELECT (SELECT x.key FROM alur.executions x WHERE x.key > t.key ORDER BY x.key LIMIT 1)
    FROM t WHERE t.key IS NOT NULL)
SELECT t.key, coalesce(w.options, '{}') AS options
FROM t LEFT JOIN alur.workflows w ON w.key = t.key AND w.current
WHERE t.key IS NOT NULL
ORDER BY t.key

-- name: expired
-- Executions of workflow $1 whose status $2 was kept until the time $3 beside it.
-- They end no earlier than they are made, so the bound $4 of the id spares
-- looking at younger ones.
SELECT x.id, d.why
FROM unnest(CAST($2 AS smallint[]), CAST($3 AS timestamptz[]), CAST($4 AS bigint[]), CAST($5 AS text[])) d (status, until, below, why)
CROSS JOIN LATERAL (
    SELECT e.id FROM alur.executions e
    WHERE e.key = $1 AND e.status = d.status AND e.status <> 0 AND e.id > 0 AND e.id < d.below AND e.ended_at < d.until
      AND NOT EXISTS (SELECT FROM alur.executions p WHERE p.id = e.parent_id AND (p.status IS NULL OR p.status = 0))
    ORDER BY e.id LIMIT $6) x
LIMIT $6

-- name: surplus
-- Ended executions of workflow $1 beyond the newest $2, the oldest first. Key and
-- id are compared and ordered as the index holds them: else the planner may walk
-- the primary key.
SELECT e.id, 'count' AS why
FROM alur.executions e
WHERE (e.key, e.id) > ($1, 0) AND e.status <> 0
  AND (e.key, e.id) <= ($1, (
      SELECT n.id FROM alur.executions n
      WHERE (n.key, n.id) > ($1, 0) AND (n.key, n.id) < ($1, 9223372036854775807) AND n.status <> 0
      ORDER BY n.key DESC, n.id DESC OFFSET $2 LIMIT 1))
  AND NOT EXISTS (SELECT FROM alur.executions p WHERE p.id = e.parent_id AND (p.status IS NULL OR p.status = 0))
ORDER BY e.key, e.id
LIMIT $3

-- name: forget_records
DELETE FROM alur.execution_records
WHERE id = ANY (ARRAY(SELECT id FROM alur.execution_records WHERE deleted_at < $1 ORDER BY deleted_at LIMIT $2))

-- name: record
SELECT r.id, r.workflow_id, r.key, coalesce(w.title, '') AS workflow_title, r.status, r.problem, r.steps,
       coalesce(u.nickname, '') AS author, r.created_at, r.started_at, r.ended_at,
       r.deleted_at, r.deleted_by, coalesce(d.nickname, '') AS deleter, r.why
FROM alur.execution_records r
LEFT JOIN alur.workflows w ON w.id = r.workflow_id
LEFT JOIN alur.users u ON u.id = r.created_by
LEFT JOIN alur.users d ON d.id = r.deleted_by

-- name: record_id
WHERE r.id = $1 AND {reach r.key}

-- name: records
{record}
WHERE r.id < $2
ORDER BY r.id DESC
LIMIT $1

-- name: records_workflow
{record}
WHERE (r.key, r.id) > ($3, 0) AND (r.key, r.id) < ($3, $2) AND {reach $3}
ORDER BY r.key DESC, r.id DESC
LIMIT $1

-- name: records_reached
-- The newest of each workflow by itself, as the index holds them.
{record}
WHERE r.id IN (
    SELECT n.id
    FROM ({reached}) m
    CROSS JOIN LATERAL (
        SELECT n.id
        FROM alur.execution_records n
        WHERE (n.key, n.id) > (m.workflow_key, 0) AND (n.key, n.id) < (m.workflow_key, $2)
        ORDER BY n.key DESC, n.id DESC
        LIMIT $1) n
    ORDER BY n.id DESC
    LIMIT $1)
ORDER BY r.id DESC

-- name: set_history
UPDATE alur.workflows
SET options = options - 'history' - 'deleteExecutionOnStatus' || $2
WHERE key = $1
