-- name: pending
-- The workflows that have something to claim, each found by one index probe.
WITH RECURSIVE t AS (
    (SELECT workflow_id FROM alur.executions WHERE status IS NULL ORDER BY workflow_id LIMIT 1)
    UNION ALL
    SELECT (SELECT e.workflow_id FROM alur.executions e
            WHERE e.status IS NULL AND e.workflow_id > t.workflow_id ORDER BY e.workflow_id LIMIT 1)
    FROM t WHERE t.workflow_id IS NOT NULL)
SELECT workflow_id FROM t WHERE workflow_id IS NOT NULL

-- name: claimable
SELECT EXISTS (
    SELECT 1 FROM alur.executions
    WHERE status IS NULL AND (workflow_id, id) > ($1, 0) AND workflow_id < $1 + 1
      AND (lease_until IS NULL OR lease_until < now()))

-- name: claim
-- ANY(ARRAY(…)) because a LIMIT with a parameter inside a CTE is planned as a
-- tenth of all pending rows.
-- The pair of workflow and id is compared and ordered as the index holds it:
-- with workflow_id = $3 the planner may walk the primary key through everything
-- that is older, in other workflows and in the past.
-- What was begun $6 times without moving on is a suspect and left to claim_suspect.
UPDATE alur.executions e
SET fence = e.fence + 1,
    attempts = e.attempts + 1,
    lease_until = now() + interval '30 s',
    worker = $2,
    started_at = coalesce(e.started_at, now()),
    expires_at = CASE WHEN e.started_at IS NULL AND $5 > 0 THEN now() + $5 * interval '1 ms' ELSE e.expires_at END
WHERE e.id = ANY (ARRAY(
    SELECT id FROM alur.executions
    WHERE status IS NULL AND (workflow_id, id) > ($3, $4) AND workflow_id < $3 + 1
      AND (lease_until IS NULL OR lease_until < now()) AND attempts < $6
    ORDER BY workflow_id, id LIMIT $1 FOR UPDATE SKIP LOCKED))
RETURNING e.id, e.workflow_id, e.key, e.fence, e.attempts, e.segments, e.context, e.wake, e.stack, e.created_at, e.started_at, e.expires_at

-- name: claim_suspect
-- One execution that was begun $3 times or more without moving on. What was
-- leased before is among the oldest of its workflow.
UPDATE alur.executions e
SET fence = e.fence + 1, attempts = e.attempts + 1, lease_until = now() + interval '30 s', worker = $2, started_at = coalesce(e.started_at, now())
WHERE e.id = ANY (ARRAY(
    SELECT x.id
    FROM (SELECT id, attempts, lease_until FROM alur.executions
          WHERE status IS NULL AND (workflow_id, id) > ($1, 0) AND workflow_id < $1 + 1
          ORDER BY workflow_id, id LIMIT 2000) old
    JOIN alur.executions x ON x.id = old.id
    WHERE old.attempts >= $3 AND x.attempts >= $3 AND x.status IS NULL AND (x.lease_until IS NULL OR x.lease_until < now())
    ORDER BY x.id LIMIT 1 FOR UPDATE OF x SKIP LOCKED))
RETURNING e.id, e.workflow_id, e.key, e.fence, e.attempts, e.segments, e.context, e.wake, e.stack, e.created_at, e.started_at, e.expires_at

-- name: finish_executions
-- Ends or pauses executions and writes their jobs and timers; the parts are put
-- together as a flush needs them. A lost fence leaves execution_id NULL and fails
-- the whole statement with 23502.
WITH f AS (
    UPDATE alur.executions e
    SET status = CASE WHEN u.s = 0 AND coalesce(cardinality(e.wake), 0) > u.w THEN NULL ELSE u.s END,
        ended_at = CASE WHEN u.s <> 0 THEN clock_timestamp() END,
        reason = coalesce(u.r, e.reason),
        output = CASE WHEN u.o IS NULL THEN e.output ELSE u.o -> 'v' END,
        wake = CASE WHEN u.w > 0 THEN e.wake[u.w + 1:] ELSE e.wake END,
        lease_until = CASE WHEN u.s IS NOT NULL THEN NULL ELSE e.lease_until END,
        segments = e.segments + 1,
        attempts = 0
    FROM jsonb_to_recordset(CAST($1 AS jsonb)) AS u (i bigint, f bigint, s smallint, w integer, r text, o jsonb, a text)
    WHERE e.id = u.i AND e.fence = u.f AND e.status IS NULL
    RETURNING e.id, e.workflow_id, u.a)

-- name: finish_lines
-- What executions changed in records, for the audit log (package audit).
, l AS (
    INSERT INTO alur.audit_log (created_at, kind, channel, text, workflow_id, execution_id)
    SELECT clock_timestamp(), 'records', 'engine', f.a, f.workflow_id, f.id
    FROM f
    WHERE f.a IS NOT NULL)

-- name: finish_timers
, t AS (
    INSERT INTO alur.timers AS t (job_id, execution_id, due_at, status)
    SELECT v.i, f.id, to_timestamp(v.d / 1000000.0), v.s
    FROM unnest(CAST($2 AS bigint[]), CAST($3 AS bigint[]), CAST($17 AS double precision[]), CAST($18 AS smallint[])) AS v (i, x, d, s)
    JOIN f ON f.id = v.x
    WHERE v.d IS NOT NULL
    ON CONFLICT (job_id) DO UPDATE SET due_at = excluded.due_at, status = excluded.status)

-- name: finish_jobs
-- Times are microseconds, which double precision holds exactly and divides for a
-- fifth of what numeric takes.
INSERT INTO alur.jobs (id, execution_id, node_id, node_key, upstream_id, status, branch, meta, input, result, log, attempt, started_at, ended_at, running)
SELECT v.i, f.id, v.n, v.k, v.u, v.s, v.b, v.m, v.p, v.r, v.l, v.a,
       to_timestamp(v.t / 1000000.0), to_timestamp(v.e / 1000000.0), v.g
FROM unnest(CAST($2 AS bigint[]), CAST($3 AS bigint[]), CAST($4 AS bigint[]), CAST($5 AS text[]), CAST($6 AS bigint[]),
     CAST($7 AS smallint[]), CAST($8 AS integer[]), CAST($9 AS jsonb[]), CAST($10 AS jsonb[]), CAST($11 AS jsonb[]), CAST($12 AS text[]),
     CAST($13 AS smallint[]), CAST($14 AS double precision[]), CAST($15 AS double precision[]), CAST($16 AS boolean[]))
     AS v (i, x, n, k, u, s, b, m, p, r, l, a, t, e, g)
LEFT JOIN f ON f.id = v.x

-- name: finish_again
-- Appended when some jobs may be there already: those that waited, and remote ones.
ON CONFLICT (execution_id, id) DO UPDATE
SET status = excluded.status, branch = excluded.branch, meta = excluded.meta, result = excluded.result,
    input = coalesce(excluded.input, jobs.input), log = coalesce(excluded.log, jobs.log), attempt = excluded.attempt,
    ended_at = excluded.ended_at, running = excluded.running

-- name: renew
-- Executions that do not come back are lost. Rows are locked in the order of
-- their ids, as a flush does: in another order the two would block each other.
WITH held AS MATERIALIZED (
    SELECT e.id
    FROM alur.executions e JOIN unnest(CAST($1 AS bigint[]), CAST($2 AS bigint[])) u (id, fence) ON e.id = u.id AND e.fence = u.fence
    WHERE e.worker = $3 AND e.status IS NULL AND e.lease_until IS NOT NULL
    ORDER BY e.id FOR UPDATE OF e)
UPDATE alur.executions e
SET lease_until = now() + interval '30 s'
FROM held WHERE e.id = held.id
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

-- name: workers
SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND classid = 4711 AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())

-- name: disarm
-- First of all, so that an answer and a timer that fires meet here and nowhere else.
DELETE FROM alur.timers WHERE job_id = $1

-- name: answer
UPDATE alur.jobs
SET status = $3, result = $4, ended_at = $5
WHERE execution_id = $1 AND id = $2 AND status = 0 AND running IS NULL

-- name: wake
-- A running execution (status NULL) keeps its lease: the worker sees the new
-- entry when it finishes and leaves the execution queued.
UPDATE alur.executions
SET wake = coalesce(wake, '{}') || CAST($2 AS bigint), status = NULL
WHERE id = $1 AND (status IS NULL OR status = 0)

-- name: fire
-- Answers the jobs whose time has come by $2, the oldest first. A timer whose
-- execution has ended only goes away.
WITH due AS (
    DELETE FROM alur.timers t
    WHERE t.job_id = ANY (ARRAY(
        SELECT job_id FROM alur.timers WHERE due_at <= $2 ORDER BY due_at, job_id LIMIT $1 FOR UPDATE SKIP LOCKED))
    RETURNING t.job_id, t.execution_id, t.due_at, t.status),
woken AS (
    UPDATE alur.executions e
    SET wake = coalesce(e.wake, '{}') || d.jobs, status = NULL
    FROM (SELECT execution_id, array_agg(job_id ORDER BY due_at, job_id) AS jobs FROM due GROUP BY execution_id) d
    WHERE e.id = d.execution_id AND (e.status IS NULL OR e.status = 0)
    RETURNING e.id),
answered AS (
    UPDATE alur.jobs j
    SET status = due.status, ended_at = $2,
        log = CASE WHEN $2 - due.due_at > interval '1 min'
              THEN concat('Went on late: it was due at ', to_char(due.due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), ' UTC, and no server was there to see to it.')
              ELSE j.log END
    FROM due JOIN woken ON woken.id = due.execution_id
    WHERE j.execution_id = due.execution_id AND j.id = due.job_id AND j.status = 0)
SELECT count(*) AS fired, count(*) FILTER (WHERE $2 - due_at > interval '1 min') AS late FROM due

-- name: next_due
SELECT min(due_at) FROM alur.timers

-- name: overdue
-- Executions past their deadline, the longest overdue first.
SELECT id FROM alur.executions
WHERE expires_at <= $2 AND (status IS NULL OR status = 0)
ORDER BY expires_at LIMIT $1

-- name: stop
-- Ends executions that have not ended, with their children and theirs. A worker
-- that runs one of them meets another fence when it wants to write.
WITH RECURSIVE doomed AS (
    SELECT id, CAST($2 AS text) AS reason FROM alur.executions
    WHERE id = ANY ($1) AND (status IS NULL OR status = 0)
    UNION
    SELECT c.id, 'parent_aborted' FROM alur.executions c JOIN doomed d ON c.parent_id = d.id
    WHERE c.status IS NULL OR c.status = 0),
stopped AS (
    UPDATE alur.executions e
    SET status = -3, reason = d.reason, stopped_by = nullif(CAST($4 AS bigint), 0), ended_at = $3, lease_until = NULL, wake = NULL, fence = e.fence + 1
    FROM (SELECT id, min(reason) AS reason FROM doomed GROUP BY id) d
    WHERE e.id = d.id AND (e.status IS NULL OR e.status = 0)
    RETURNING e.id),
jobs AS (
    UPDATE alur.jobs j
    SET status = -3, ended_at = $3, running = NULL
    FROM stopped WHERE j.execution_id = stopped.id AND j.status = 0)
SELECT id FROM stopped ORDER BY id

-- name: drop_timers
DELETE FROM alur.timers WHERE execution_id = ANY ($1)

-- name: not_held
-- Which of these executions went to somebody else, or ended.
SELECT u.id
FROM unnest(CAST($1 AS bigint[]), CAST($2 AS bigint[])) u (id, fence)
LEFT JOIN alur.executions e ON e.id = u.id AND e.fence = u.fence AND e.status IS NULL
WHERE e.id IS NULL

-- name: take_slot
-- The lowest free slot of a workflow, of $2. Of two that take the same one at
-- once, one gets no row and asks again later.
INSERT INTO alur.slots AS s (workflow_id, slot, worker, lease_until)
SELECT $1, n, $3, now() + interval '30 s'
FROM generate_series(1, CAST($2 AS integer)) n
WHERE NOT EXISTS (SELECT 1 FROM alur.slots x WHERE x.workflow_id = $1 AND x.slot = n AND x.lease_until > now())
ORDER BY n LIMIT 1
ON CONFLICT (workflow_id, slot) DO UPDATE
SET worker = excluded.worker, lease_until = excluded.lease_until
WHERE s.lease_until <= now()
RETURNING slot

-- name: free_slots
DELETE FROM alur.slots s
USING unnest(CAST($1 AS bigint[]), CAST($2 AS smallint[])) u (workflow_id, slot)
WHERE s.workflow_id = u.workflow_id AND s.slot = u.slot AND s.worker = $3

-- name: leave_slots
DELETE FROM alur.slots WHERE worker = $1

-- name: renew_slots
-- Slots that do not come back are lost.
UPDATE alur.slots SET lease_until = now() + interval '30 s' WHERE worker = $1 RETURNING workflow_id, slot

-- name: note_lost
WITH old AS (
    DELETE FROM alur.lost_processes WHERE lost_at < now() - interval '30 days')
INSERT INTO alur.lost_processes (executions) VALUES ($1)

-- name: rescue_slots
DELETE FROM alur.slots s
WHERE NOT EXISTS (
    SELECT 1 FROM pg_locks l
    WHERE l.locktype = 'advisory' AND l.classid = 4711 AND l.objid = CAST(s.worker AS oid) AND l.granted
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
