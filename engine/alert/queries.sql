-- name: take
-- A turn of the watchdog: whoever gets the row when it is due has it.
UPDATE alur.watchdog SET due_at = $2 WHERE due_at <= $1

-- name: hold
-- Whether all transactions are over that had begun when the next border was
-- chosen. In a restored database transactions are numbered anew.
SELECT swept_to, next_to, next_at,
       next_xid <= pg_snapshot_xmax(pg_current_snapshot()) AND next_xid > pg_snapshot_xmin(pg_current_snapshot()) AS waiting
FROM alur.watchdog
FOR UPDATE

-- name: sweep
UPDATE alur.watchdog SET swept_to = $1

-- name: choose
UPDATE alur.watchdog SET next_to = $1, next_at = $2, next_xid = pg_current_xact_id()

-- name: gone
-- Of execution_records r: failures that were deleted before anybody was told.
r.why = 'status' AND (r.status IN (-1, -2, -6) OR r.status = -3 AND r.problem = 'timeout')

-- name: fresh
-- The workflows of which something failed after $1 and up to $2, by one probe of
-- the index for each that has failures. What a person started by hand, they see.
WITH RECURSIVE keys AS (
    (SELECT x.key FROM alur.executions x WHERE {failed} ORDER BY x.key LIMIT 1)
    UNION ALL
    SELECT (SELECT x.key FROM alur.executions x WHERE {failed} AND x.key > k.key ORDER BY x.key LIMIT 1)
    FROM keys k WHERE k.key IS NOT NULL)
SELECT k.key
FROM keys k
WHERE k.key IS NOT NULL AND EXISTS (
    SELECT FROM alur.executions x
    WHERE {failed} AND x.key = k.key AND x.ended_at > $1 AND x.ended_at <= $2 AND x.manually IS NOT TRUE)
UNION
SELECT r.key
FROM alur.execution_records r
WHERE {gone} AND r.deleted_at > $1 AND r.ended_at > $1 AND r.ended_at <= $2

-- name: count
-- What failed of workflow $1 after $2 and up to $3, with ids above $5; of up to $4.
SELECT count(*) AS count, min(f.ended_at) AS first_at, max(f.ended_at) AS last_at, coalesce(max(f.id), 0) AS last_id
FROM (
    (SELECT x.ended_at, x.id
     FROM alur.executions x
     WHERE {failed} AND x.key = $1 AND x.ended_at > $2 AND x.ended_at <= $3 AND x.id > $5 AND x.manually IS NOT TRUE
     ORDER BY x.key DESC, x.ended_at DESC, x.id DESC LIMIT $4)
    UNION ALL
    (SELECT r.ended_at, r.id
     FROM alur.execution_records r
     WHERE {gone} AND r.key = $1 AND r.ended_at > $2 AND r.ended_at <= $3 AND r.id > $5
     ORDER BY r.key DESC, r.ended_at DESC, r.id DESC LIMIT $4)) f

-- name: good
-- The newest execution of workflow $1 that completed.
SELECT g.id, g.created_at
FROM (
    (SELECT x.id, x.created_at
     FROM alur.executions x
     WHERE x.key = $1 AND x.status = 1 AND x.status <> 0
     ORDER BY x.key DESC, x.status DESC, x.id DESC LIMIT 1)
    UNION ALL
    (SELECT r.id, r.created_at
     FROM alur.execution_records r
     WHERE r.key = $1 AND r.why = 'status' AND r.status = 1
     ORDER BY r.key DESC, r.id DESC LIMIT 1)) g
ORDER BY g.id DESC
LIMIT 1

-- name: causes
-- Where and why the newest $4 of what failed of workflow $1 after $2 and up to $3
-- did, the most frequent first.
WITH newest AS MATERIALIZED (
    SELECT u.id
    FROM unnest(ARRAY(
        SELECT x.id FROM alur.executions x
        WHERE {failed} AND x.key = $1 AND x.ended_at > $2 AND x.ended_at <= $3 AND x.manually IS NOT TRUE
        ORDER BY x.key DESC, x.ended_at DESC, x.id DESC LIMIT $4)) u (id)),
each AS MATERIALIZED (
    SELECT x.id, x.ended_at, j.node_id, j.id AS job_id, c.node_key, c.problem, c.cause
    FROM newest n
    CROSS JOIN LATERAL (
        SELECT x.id, x.ended_at, x.reason FROM alur.executions x WHERE x.id = n.id LIMIT 1) x
    {cause}
    UNION ALL
    (SELECT r.id, r.ended_at, NULL, NULL, '', coalesce(r.problem, ''), md5(coalesce(r.problem, ''))
     FROM alur.execution_records r
     WHERE {gone} AND r.key = $1 AND r.ended_at > $2 AND r.ended_at <= $3
     ORDER BY r.key DESC, r.ended_at DESC, r.id DESC LIMIT $4)),
groups AS (
    SELECT node_key, cause, count(*) AS count, (array_agg(id ORDER BY ended_at DESC, id DESC))[1] AS id
    FROM each
    GROUP BY node_key, cause)
SELECT g.count, e.id AS execution_id, e.job_id, e.problem, e.ended_at, coalesce(n.title, '') AS node_title
FROM groups g
JOIN each e ON e.id = g.id
LEFT JOIN alur.flow_nodes n ON n.id = e.node_id
ORDER BY g.count DESC, e.ended_at DESC, g.id DESC
LIMIT $5

-- name: flows
-- The current versions of some workflows, by key or by the id of a version.
SELECT w.key, w.id, w.title, w.options
FROM alur.workflows w
WHERE w.current AND (w.key = ANY ($1) OR w.key IN (SELECT v.key FROM alur.workflows v WHERE v.id = ANY ($2)))

-- name: versions
SELECT id, key FROM alur.workflows WHERE id = ANY ($1)

-- name: states
SELECT key, failing_since, last_id, untold_from, mailed_at, warned_at
FROM alur.alerts

-- name: save_state
INSERT INTO alur.alerts (key, failing_since, last_id, untold_from, mailed_at, warned_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (key) DO UPDATE
SET failing_since = excluded.failing_since, last_id = excluded.last_id, untold_from = excluded.untold_from,
    mailed_at = excluded.mailed_at, warned_at = excluded.warned_at

-- name: drop_state
DELETE FROM alur.alerts WHERE key = $1

-- name: troubles
SELECT id, key, seen_at, told_at, gone_at, over_at, again, title, over, need, told_to
FROM alur.troubles

-- name: see
-- What is there now. What comes back within its quiet time is the same trouble as
-- before; when people have heard that it is over, they are to be told again.
INSERT INTO alur.troubles AS t (id, key, seen_at)
SELECT u.id, u.key, $3
FROM unnest(CAST($1 AS text[]), CAST($2 AS text[])) u (id, key)
ON CONFLICT (id) DO UPDATE
SET gone_at = NULL, over_at = NULL, again = t.again OR t.over_at IS NOT NULL,
    seen_at = CASE WHEN t.over_at IS NULL THEN t.seen_at ELSE excluded.seen_at END,
    told_at = CASE WHEN t.over_at IS NULL THEN t.told_at END
WHERE t.gone_at IS NOT NULL

-- name: tell
UPDATE alur.troubles t
SET told_at = $1, title = u.title, over = u.over, need = u.need, dismissal = u.dismissal
FROM unnest(CAST($2 AS text[]), CAST($3 AS text[]), CAST($4 AS text[]), CAST($5 AS smallint[]), CAST($6 AS text[])) u (id, title, over, need, dismissal)
WHERE t.id = u.id

-- name: told_to
UPDATE alur.troubles SET told_to = array_append(told_to, $1) WHERE id = ANY ($2) AND NOT $1 = ANY (told_to)

-- name: leave
-- What is not among the ids $1 any more has gone. Of what begins like one of $2, not
-- all is among them.
UPDATE alur.troubles t
SET gone_at = $3
WHERE gone_at IS NULL AND NOT t.id = ANY ($1)
  AND NOT EXISTS (SELECT FROM unnest(CAST($2 AS text[])) p (prefix) WHERE starts_with(t.id, p.prefix))

-- name: forget
-- What has gone and nobody is to hear of: they were not told, it has happened and
-- has no end, somebody has dismissed it, or they have heard long before $1.
DELETE FROM alur.troubles t
WHERE t.gone_at IS NOT NULL AND (t.told_at IS NULL OR t.over = '' OR t.over_at <= $1 OR EXISTS (
    SELECT FROM alur.dismissals d WHERE d.kind || ' ' || d.subject = t.dismissal AND d.dismissed_at >= t.seen_at))

-- name: end
UPDATE alur.troubles SET over_at = $2 WHERE id = ANY ($1)

-- name: owner
-- Who answers for workflow $1: the person $2 if they own it, else the first owner.
SELECT coalesce(m.user_id, 0) AS user_id, coalesce(m.role_name, '') AS role
FROM alur.workflow_members m
LEFT JOIN alur.users u ON u.id = m.user_id
WHERE m.workflow_key = $1 AND m.level = 'owner' AND (m.user_id IS NULL OR u.active)
ORDER BY m.user_id IS NOT DISTINCT FROM CAST($2 AS bigint) DESC, m.id
LIMIT 1

-- name: people
-- Active people with a mail address among $1, and those who have one of the roles $2.
SELECT u.id, u.nickname, u.email
FROM alur.users u
WHERE u.active AND u.email <> '' AND (u.id = ANY ($1) OR u.role = ANY ($2) OR EXISTS (
    SELECT FROM alur.roles_users r WHERE r.user_id = u.id AND r.role_name = ANY ($2)))
ORDER BY u.id
LIMIT $3
