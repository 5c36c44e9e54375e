-- name: failed
-- What the index executions_open_failures holds, of executions x.
(x.status IN (-1, -2, -6) OR x.status = -3 AND x.reason = 'timeout') AND (x.dismissed_at IS NULL OR x.dismissed_at < x.ended_at)

-- name: cause
-- The step that failed and its cause in words; follows executions x. Numbers as
-- long as ids do not make another cause of the same words.
LEFT JOIN LATERAL (
    SELECT j.id, j.node_id, j.node_key,
           CASE jsonb_typeof(j.result) WHEN 'string' THEN j.result #>> '{}' ELSE j.result ->> 'message' END AS problem
    FROM alur.jobs j
    WHERE j.execution_id = x.id AND j.status < 0
    ORDER BY j.execution_id DESC, j.id DESC
    LIMIT 1) j ON true
CROSS JOIN LATERAL (
    SELECT coalesce(x.reason, j.problem, '') AS problem, coalesce(j.node_key, '') AS node_key,
           md5(regexp_replace(coalesce(x.reason, j.problem, ''), '\d{5,}', '0', 'g')) AS cause) c

-- name: failures
-- Groups of failures, newest first. Each workflow has its share of the $1
-- executions that are looked at, so that a flood in one hides no other. ARRAY and
-- LIMIT 1, because a LIMIT that is not known beforehand is planned as a tenth of
-- the table, and that as a reason to read all of it.
WITH RECURSIVE keys AS (
    (SELECT x.key FROM alur.executions x WHERE {failed} ORDER BY x.key LIMIT 1)
    UNION ALL
    SELECT (SELECT x.key FROM alur.executions x WHERE {failed} AND x.key > k.key ORDER BY x.key LIMIT 1)
    FROM keys k WHERE k.key IS NOT NULL),
known AS MATERIALIZED (
    SELECT key, greatest(20, $1 / count(*) OVER ()) AS share
    FROM (SELECT key FROM keys WHERE key IS NOT NULL AND {reach key} LIMIT 100) k),
newest AS MATERIALIZED (
    SELECT u.id, k.share
    FROM known k CROSS JOIN unnest(ARRAY(
        SELECT x.id FROM alur.executions x
        WHERE {failed} AND x.key = k.key
        ORDER BY x.key DESC, x.ended_at DESC, x.id DESC LIMIT k.share)) u (id)),
each AS MATERIALIZED (
    SELECT x.id, x.workflow_id, x.key, x.status, x.ended_at, n.share, j.id AS job_id, j.node_id, c.node_key, c.problem, c.cause
    FROM newest n
    CROSS JOIN LATERAL (
        SELECT x.id, x.workflow_id, x.key, x.status, x.ended_at, x.reason
        FROM alur.executions x WHERE x.id = n.id LIMIT 1) x
    {cause}),
groups AS (
    SELECT key, node_key, cause, count(*) AS count, min(ended_at) AS first_at, max(ended_at) AS last_at,
           (array_agg(id ORDER BY ended_at DESC, id DESC))[1] AS id,
           sum(count(*)) OVER (PARTITION BY key) >= min(share) AS cut
    FROM each
    GROUP BY key, node_key, cause)
SELECT g.key, g.node_key, g.cause, g.count, g.first_at, g.last_at, g.cut,
       e.id AS execution_id, e.job_id, e.workflow_id, e.status, e.problem,
       coalesce(w.title, '') AS workflow_title, w.id IS NULL AS deleted, coalesce(n.title, '') AS node_title
FROM groups g
JOIN each e ON e.id = g.id
LEFT JOIN alur.workflows w ON w.id = e.workflow_id
LEFT JOIN alur.flow_nodes n ON n.id = e.node_id
ORDER BY g.last_at DESC, g.id DESC
LIMIT $2

-- name: dismiss_failures
-- One helping of a group: what had failed when the person saw it.
UPDATE alur.executions
SET dismissed_at = greatest(CAST($5 AS timestamptz), ended_at), dismissed_by = $6
WHERE id = ANY (ARRAY(
    SELECT x.id
    FROM alur.executions x
    {cause}
    WHERE {failed} AND x.key = $1 AND x.ended_at <= $4 AND c.node_key = $2 AND c.cause = $3
    ORDER BY x.key, x.ended_at, x.id
    LIMIT $7
    FOR UPDATE OF x SKIP LOCKED))

-- name: pending
-- The workflows that have something to claim, by one probe of the claim's index
-- for each. Here and below the pair is compared and ordered as that index holds
-- it: else the planner may walk the primary key through all that ever ran.
WITH RECURSIVE t AS (
    (SELECT x.workflow_id FROM alur.executions x WHERE x.status IS NULL ORDER BY x.workflow_id LIMIT 1)
    UNION ALL
    SELECT (SELECT x.workflow_id FROM alur.executions x
            WHERE x.status IS NULL AND x.workflow_id > t.workflow_id ORDER BY x.workflow_id LIMIT 1)
    FROM t WHERE t.workflow_id IS NOT NULL),
pending AS MATERIALIZED (
    SELECT workflow_id, greatest(1001, 20000 / count(*) OVER ()) AS share
    FROM (SELECT workflow_id FROM t WHERE workflow_id IS NOT NULL AND {reach version workflow_id} LIMIT 100) t),
head AS MATERIALIZED (
    SELECT x.id, x.workflow_id, x.attempts, x.lease_until, x.started_at, x.created_at
    FROM pending p CROSS JOIN unnest(ARRAY(
        SELECT x.id FROM alur.executions x
        WHERE x.status IS NULL AND (x.workflow_id, x.id) > (p.workflow_id, 0) AND x.workflow_id < p.workflow_id + 1
        ORDER BY x.workflow_id, x.id LIMIT 200)) u (id)
    CROSS JOIN LATERAL (
        SELECT x.id, x.workflow_id, x.attempts, x.lease_until, x.started_at, x.created_at
        FROM alur.executions x WHERE x.id = u.id LIMIT 1) x)

-- name: queues
-- How many executions of each workflow wait for a worker, since when, and how
-- many were begun in the last ten seconds before $1: those stand right before
-- the oldest that waits.
{pending}
SELECT p.workflow_id, coalesce(w.key, '') AS key, coalesce(w.title, '') AS workflow_title, w.id IS NULL AS deleted,
       greatest(n.total - h.held, 0) AS queued, n.total >= p.share AS cut, h.oldest_at,
       coalesce(r.begun, 0) AS begun, r.since, w.options,
       (SELECT count(*) FROM alur.slots s WHERE s.workflow_id = p.workflow_id AND s.lease_until > $1) AS running
FROM pending p
CROSS JOIN LATERAL (
    SELECT count(*) AS total
    FROM (SELECT FROM alur.executions x
          WHERE x.status IS NULL AND (x.workflow_id, x.id) > (p.workflow_id, 0) AND x.workflow_id < p.workflow_id + 1
          ORDER BY x.workflow_id, x.id LIMIT p.share) x) n
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE h.lease_until > $1) AS held,
           min(h.created_at) FILTER (WHERE h.started_at IS NULL) AS oldest_at,
           min(h.id) FILTER (WHERE h.started_at IS NULL) AS oldest
    FROM head h WHERE h.workflow_id = p.workflow_id) h
LEFT JOIN alur.workflows w ON w.id = p.workflow_id
LEFT JOIN LATERAL (
    SELECT count(*) AS begun, min(b.started_at) AS since
    FROM (SELECT x.started_at FROM alur.executions x
          WHERE (x.key, x.id) < (w.key, h.oldest) AND x.key >= w.key
          ORDER BY x.key DESC, x.id DESC LIMIT 1000) b
    WHERE b.started_at > CAST($1 AS timestamptz) - interval '10 s') r ON n.total > 200 OR h.oldest_at < CAST($1 AS timestamptz) - interval '10 s'
ORDER BY queued DESC, p.workflow_id

-- name: workers
-- Live processes that run workflows; each holds an advisory lock (package queue).
SELECT count(*)
FROM pg_locks l
WHERE l.locktype = 'advisory' AND l.classid = 4711 AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())

-- name: heads
-- Executions that were begun and do not get on: begun more than once, without a
-- sign since $2, or left by their worker before $3. What is held is among the
-- oldest of its workflow.
{pending}
SELECT h.id, h.workflow_id, h.attempts, h.lease_until, h.started_at,
       coalesce(j.ended_at, j.started_at, h.started_at) AS moved_at,
       coalesce(w.title, '') AS workflow_title, w.id IS NULL AS deleted, coalesce(n.title, '') AS node_title
FROM head h
LEFT JOIN LATERAL (
    SELECT j.node_id, j.started_at, j.ended_at
    FROM alur.jobs j WHERE j.execution_id = h.id
    ORDER BY j.execution_id DESC, j.id DESC LIMIT 1) j ON true
LEFT JOIN alur.workflows w ON w.id = h.workflow_id
LEFT JOIN alur.flow_nodes n ON n.id = j.node_id
WHERE h.started_at IS NOT NULL
  AND (h.attempts >= 2 OR h.lease_until < $3 OR h.started_at < $2 AND coalesce(j.ended_at, j.started_at, h.started_at) < $2)
ORDER BY h.started_at, h.id
LIMIT $1

-- name: waiting
-- Executions that wait for somebody since before $2; ids grow with time, so that
-- only those below $3 can. The 5,000 oldest are looked at, and what goes on by
-- itself later than $4, now, is none of them.
SELECT x.id, x.workflow_id, coalesce(w.title, '') AS workflow_title, w.id IS NULL AS deleted,
       j.id AS job_id, coalesce(n.title, '') AS node_title, j.started_at AS since, t.names, coalesce(t.title, '') AS task_title,
       coalesce(t.id, 0) AS task_id, coalesce(t.mailed, false) AS mailed
FROM (
    SELECT x.id, x.workflow_id
    FROM alur.executions x
    WHERE x.status = 0 AND x.id < $3 AND {reach x.key}
    ORDER BY x.id LIMIT 5000) x
JOIN LATERAL (
    SELECT j.id, j.node_id, j.started_at
    FROM alur.jobs j
    WHERE j.execution_id = x.id AND j.status = 0 AND j.running IS NULL
    ORDER BY j.execution_id DESC, j.id DESC LIMIT 1) j ON j.started_at < $2
LEFT JOIN LATERAL (
    SELECT array_agg(u.nickname ORDER BY t.id) AS names, min(t.title) AS title, min(t.id) AS id, bool_or(u.email <> '' AND u.active) AS mailed
    FROM alur.tasks t JOIN alur.users u ON u.id = t.user_id
    WHERE t.execution_id = x.id AND t.job_id = j.id AND t.status = 0) t ON true
LEFT JOIN alur.workflows w ON w.id = x.workflow_id
LEFT JOIN alur.flow_nodes n ON n.id = j.node_id
WHERE NOT EXISTS (
    SELECT FROM alur.timers t WHERE t.execution_id = x.id AND t.due_at > $4)
  AND NOT EXISTS (
    SELECT FROM alur.dismissals d
    WHERE d.kind = 'waiting' AND d.subject = CAST(x.id AS text) AND d.mark >= j.id AND d.dismissed_at > $2)
ORDER BY x.id
LIMIT $1

-- name: quiet
-- Enabled workflows that are silent for longer than ever. hop walks from one
-- start to the last one within two thirds of the present silence; where there
-- is none, the workflow has paused that long before. Ids grow with time: $2 is now,
-- $3 an hour, $4 a week and $5 a month of them. $6 is the fewest starts, at least 2.
WITH RECURSIVE known AS MATERIALIZED (
    SELECT w.id AS workflow_id, w.key, w.title, last.id AS last_id, first.id AS first_id, ($2 - last.id) * 2 / 3 AS step
    FROM alur.workflows w
    CROSS JOIN LATERAL (
        SELECT x.id FROM alur.executions x
        WHERE (x.key, x.id) <= (w.key, $2) AND x.key >= w.key
        ORDER BY x.key DESC, x.id DESC LIMIT 1) last
    CROSS JOIN LATERAL (
        SELECT x.id FROM alur.executions x
        WHERE (x.key, x.id) >= (w.key, last.id - $5) AND x.key <= w.key
        ORDER BY x.key, x.id LIMIT 1) first
    WHERE w.enabled AND {reach w.key} AND $2 - last.id > $3 AND last.id - first.id >= $4 AND NOT EXISTS (
        SELECT FROM alur.dismissals d WHERE d.kind = 'quiet' AND d.subject = w.key AND d.mark >= last.id)),
hop AS (
    SELECT key, last_id, step, first_id AS id FROM known
    UNION ALL
    SELECT h.key, h.last_id, h.step, (
        SELECT x.id FROM alur.executions x
        WHERE (x.key, x.id) <= (h.key, h.id + h.step) AND (x.key, x.id) > (h.key, h.id)
        ORDER BY x.key DESC, x.id DESC LIMIT 1)
    FROM hop h WHERE h.id < h.last_id)
SELECT k.workflow_id, k.key, k.title AS workflow_title, k.last_id, x.created_at AS last_at,
       ((k.last_id - s.since) >> 21) / CAST(s.count - 1 AS double precision) AS every
FROM known k
JOIN hop h ON h.key = k.key AND h.id = k.last_id
JOIN alur.executions x ON x.id = k.last_id
CROSS JOIN LATERAL (
    SELECT count(*) AS count, min(s.id) AS since
    FROM (SELECT y.id FROM alur.executions y
          WHERE (y.key, y.id) <= (k.key, k.last_id) AND (y.key, y.id) >= (k.key, k.first_id)
          ORDER BY y.key DESC, y.id DESC LIMIT 200) s) s
WHERE s.count >= $6
ORDER BY k.last_id DESC
LIMIT $1

-- name: skipped_lately
-- Events since the id $2 that started nothing, by workflow and reason.
SELECT w.id AS workflow_id, w.key, w.title AS workflow_title, s.reason, count(*) AS count, max(s.id) AS mark,
       max(s.created_at) AS last_at, (array_agg(s.detail ORDER BY s.id DESC))[1] AS detail
FROM alur.workflows w
CROSS JOIN LATERAL (
    SELECT s.id, s.reason, s.detail, s.created_at
    FROM alur.skipped_triggers s
    WHERE s.key = w.key AND s.id > greatest($2, (
        SELECT d.mark FROM alur.dismissals d WHERE d.kind = 'skipped' AND d.subject = w.key))
    ORDER BY s.id DESC LIMIT 1000) s
WHERE w.enabled AND {reach w.key}
GROUP BY w.id, w.key, w.title, s.reason
ORDER BY max(s.id) DESC
LIMIT $1

-- name: overdue_starts
-- Enabled workflows that should have started by their schedule before $2.
SELECT w.id AS workflow_id, w.key, w.title AS workflow_title, f.due_at
FROM alur.schedules s
JOIN alur.workflows w ON w.id = s.workflow_id AND w.enabled
CROSS JOIN LATERAL (
    SELECT f.due_at FROM alur.firings f
    WHERE f.key = s.key AND f.generation = s.generation AND f.due_at < $2
    ORDER BY f.key, f.generation, f.due_at LIMIT 1) f
WHERE {reach w.key}
ORDER BY f.due_at, w.id
LIMIT $1

-- name: lost
-- Processes that were lost since $1 and since somebody dismissed that.
SELECT count(*) AS count, coalesce(max(l.id), 0) AS mark, coalesce(sum(l.executions), 0) AS executions, coalesce(max(l.lost_at), 'epoch') AS last_at
FROM alur.lost_processes l
WHERE l.lost_at > $1 AND l.id > coalesce((SELECT d.mark FROM alur.dismissals d WHERE d.kind = 'lost' AND d.subject = 'process'), 0)

-- name: enabled
SELECT w.id, w.title, w.type, w.config
FROM alur.workflows w
WHERE w.enabled AND {reach w.key}
ORDER BY w.id

-- name: mails
-- Mails that were given up or held since somebody dismissed that, and those that
-- are queued since before $2; up to $1 are counted.
SELECT s.status, count(m.id) AS count, coalesce(max(m.id), 0) AS mark, min(m.created_at) AS first_at, max(m.created_at) AS last_at,
       (array_agg(m.error ORDER BY m.id DESC))[1] AS error
FROM (VALUES ('failed'), ('held')) s (status)
CROSS JOIN LATERAL (
    SELECT m.id, m.created_at, m.error
    FROM alur.mails m
    WHERE m.status = s.status AND m.status IN ('failed', 'held') AND m.id > coalesce((
        SELECT d.mark FROM alur.dismissals d WHERE d.kind = 'mail' AND d.subject = s.status), 0)
    ORDER BY m.status DESC, m.id DESC LIMIT $1) m
GROUP BY s.status
UNION ALL
SELECT 'queued', count(m.id), coalesce(max(m.id), 0), min(m.created_at), max(m.created_at),
       (array_agg(m.error ORDER BY m.error IS NULL, m.id DESC))[1]
FROM (SELECT m.id, m.created_at, m.error FROM alur.mails m WHERE m.status = 'queued' ORDER BY m.due_at, m.id LIMIT $1) m
WHERE m.created_at < $2
HAVING count(m.id) > 0

-- name: sessions
-- Our own sessions that hold others up: idle in a transaction since before $1,
-- and waiting for a lock since before $2.
SELECT CASE WHEN a.state = 'idle in transaction' THEN 'idle' ELSE 'locked' END AS kind, count(*) AS count,
       min(CASE WHEN a.state = 'idle in transaction' THEN a.state_change ELSE a.query_start END) AS since
FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.usename = current_user
  AND (a.state = 'idle in transaction' AND a.state_change < $1
    OR a.wait_event_type = 'Lock' AND a.wait_event <> 'advisory' AND a.query_start < $2)
GROUP BY 1
ORDER BY 1

-- name: end_idle
SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid))
FROM pg_stat_activity a
WHERE a.datname = current_database() AND a.usename = current_user AND a.pid <> pg_backend_pid()
  AND a.state = 'idle in transaction' AND a.state_change < $1

-- name: dismiss
INSERT INTO alur.dismissals AS d (kind, subject, mark, dismissed_by, dismissed_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (kind, subject) DO UPDATE
SET mark = greatest(d.mark, excluded.mark), dismissed_by = excluded.dismissed_by, dismissed_at = excluded.dismissed_at
