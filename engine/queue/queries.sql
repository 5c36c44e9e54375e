-- name: pending
-- The workflows that have something to claim, each found by one index probe.
WITH RECURSIVE t AS (
    (SELECT workflow_id FROM alur.executions WHERE status IS NULL ORDER BY workflow_id LIMIT 1)
    UNION ALL
    SELECT (SELECT e.workflow_id FROM alur.executions e
            WHERE e.status IS NULL AND e.workflow_id > t.workflow_id ORDER BY e.workflow_id LIMIT 1)
    FROM t WHERE t.workflow_id IS NOT NULL)
SELECT workflow_id FROM t WHERE workflow_id IS NOT NULL

-- name: claim
-- ANY(ARRAY(…)) because a LIMIT with a parameter inside a CTE is planned as a
-- tenth of all pending rows.
-- The pair of workflow and id is compared and ordered as the index holds it:
-- with workflow_id = $3 the planner may walk the primary key through everything
-- that is older, in other workflows and in the past.
UPDATE alur.executions e
SET fence = e.fence + 1,
    attempts = e.attempts + 1,
    lease_until = now() + interval '30 s',
    worker = $2,
    started_at = coalesce(e.started_at, now())
WHERE e.id = ANY (ARRAY(
    SELECT id FROM alur.executions
    WHERE status IS NULL AND (workflow_id, id) > ($3, $4) AND workflow_id < $3 + 1
      AND (lease_until IS NULL OR lease_until < now())
    ORDER BY workflow_id, id LIMIT $1 FOR UPDATE SKIP LOCKED))
RETURNING e.id, e.workflow_id, e.key, e.fence, e.attempts, e.segments, e.context, e.wake, e.stack, e.started_at, e.expires_at

-- name: finish
-- Ends or pauses executions and writes their jobs. A lost fence leaves
-- execution_id NULL and fails the whole statement with 23502.
WITH f AS (
    UPDATE alur.executions e
    SET status = CASE WHEN u.s = 0 AND coalesce(cardinality(e.wake), 0) > u.w THEN NULL ELSE u.s END,
        ended_at = CASE WHEN u.s <> 0 THEN clock_timestamp() END,
        reason = coalesce(u.r, e.reason),
        output = coalesce(u.o, e.output),
        wake = CASE WHEN u.w > 0 THEN e.wake[u.w + 1:] ELSE e.wake END,
        lease_until = CASE WHEN u.s IS NOT NULL THEN NULL ELSE e.lease_until END,
        segments = e.segments + 1,
        attempts = 0
    FROM jsonb_to_recordset(CAST($1 AS jsonb)) AS u (i bigint, f bigint, s smallint, w integer, r text, o jsonb)
    WHERE e.id = u.i AND e.fence = u.f AND e.status IS NULL
    RETURNING e.id)
INSERT INTO alur.jobs (id, execution_id, node_id, node_key, upstream_id, status, branch, meta, input, result, log, attempt, started_at, ended_at)
SELECT v.i, f.id, v.n, v.k, v.u, v.s, v.b, v.m, v.p, v.r, v.l, v.a,
       to_timestamp(v.t / 1000000.0), to_timestamp(v.e / 1000000.0)
FROM jsonb_to_recordset(CAST($2 AS jsonb)) AS v (i bigint, x bigint, n bigint, k text, u bigint, s smallint, b integer,
     m jsonb, p jsonb, r jsonb, l text, a smallint, t bigint, e bigint)
LEFT JOIN f ON f.id = v.x

-- name: finish_again
-- Appended to finish when some jobs may be there already: those that waited.
ON CONFLICT (execution_id, id) DO UPDATE
SET status = excluded.status, branch = excluded.branch, meta = excluded.meta, result = excluded.result,
    log = coalesce(excluded.log, jobs.log), attempt = excluded.attempt, ended_at = excluded.ended_at

-- name: renew
-- Executions that do not come back are lost.
UPDATE alur.executions e
SET lease_until = now() + interval '30 s'
FROM unnest(CAST($1 AS bigint[]), CAST($2 AS bigint[])) u (id, fence)
WHERE e.id = u.id AND e.fence = u.fence AND e.worker = $3 AND e.status IS NULL AND e.lease_until IS NOT NULL
RETURNING e.id

-- name: release
-- Gives claims back for another try after $3 seconds; it costs no attempt. NULL,
-- so that a renewal under way cannot prolong what nobody holds.
UPDATE alur.executions e
SET lease_until = CASE WHEN $3 > 0.0 THEN now() + $3 * interval '1 s' END, attempts = greatest(e.attempts - 1, 0)
FROM unnest(CAST($1 AS bigint[]), CAST($2 AS bigint[])) u (id, fence)
WHERE e.id = u.id AND e.fence = u.fence AND e.status IS NULL

-- name: rescue
-- Ends the leases of processes that are gone: their session, which held the
-- advisory lock (4711, worker), is no more. What is leased is among the oldest
-- of its workflow, so a long queue is not read to its end; a lease that is
-- missed here runs out by itself.
WITH RECURSIVE t AS (
    (SELECT workflow_id FROM alur.executions WHERE status IS NULL ORDER BY workflow_id LIMIT 1)
    UNION ALL
    SELECT (SELECT e.workflow_id FROM alur.executions e
            WHERE e.status IS NULL AND e.workflow_id > t.workflow_id ORDER BY e.workflow_id LIMIT 1)
    FROM t WHERE t.workflow_id IS NOT NULL),
dead AS MATERIALIZED (
    SELECT e.id, e.worker
    FROM t CROSS JOIN LATERAL (
        SELECT x.workflow_id, x.id, x.worker, x.lease_until FROM alur.executions x
        WHERE x.status IS NULL AND (x.workflow_id, x.id) > (t.workflow_id, 0) -- by the claim's index, not the id's
        ORDER BY x.workflow_id, x.id LIMIT 2000) e
    WHERE e.workflow_id = t.workflow_id AND e.lease_until > now() AND NOT EXISTS (
        SELECT 1 FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.classid = 4711 AND l.objid = CAST(e.worker AS oid) AND l.granted
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))),
free AS MATERIALIZED (
    SELECT e.id
    FROM alur.executions e JOIN dead ON dead.id = e.id AND dead.worker = e.worker
    WHERE e.status IS NULL AND e.lease_until > now()
    FOR UPDATE OF e SKIP LOCKED)
UPDATE alur.executions e SET lease_until = now() - interval '1 s' FROM free WHERE e.id = free.id

-- name: answer
UPDATE alur.jobs
SET status = $3, result = $4, ended_at = $5
WHERE execution_id = $1 AND id = $2 AND status = 0

-- name: wake
-- A running execution (status NULL) keeps its lease: the worker sees the new
-- entry when it finishes and leaves the execution queued.
UPDATE alur.executions
SET wake = coalesce(wake, '{}') || CAST($2 AS bigint), status = NULL
WHERE id = $1 AND (status IS NULL OR status = 0)
