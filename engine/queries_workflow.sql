-- name: create
-- current stays null when another version of the key is current.
INSERT INTO alur.workflows (
    id, key, title, description, type, trigger_title, config, options, sync,
    created_by_id, updated_by_id, created_at, updated_at, current)
SELECT $1, $2, $3, $4, $5, $6, $7, CAST('{"timeout": 0}' AS jsonb) || $8, $9, $10, $10, $11, $11,
    CASE WHEN NOT EXISTS (SELECT FROM alur.workflows WHERE key = $2 AND current) THEN true END

-- name: create_stats
WITH shared AS (
    INSERT INTO alur.workflow_stats (key) VALUES ($1) ON CONFLICT DO NOTHING)
INSERT INTO alur.workflow_version_stats (id) VALUES ($2)

-- name: by_id
SELECT w.id, w.key, w.title, w.enabled, w.description, w.type, w.trigger_title, w.config,
    w.current IS NOT NULL AS current, w.sync, w.options, w.revision, w.settings_revision,
    w.created_by_id, w.updated_by_id, w.created_at, w.updated_at,
    CAST(alur.frozen(w.key, w.id) AS integer) AS executed,
    (SELECT count(*) FROM alur.workflows o WHERE o.key = w.key AND o.id <= w.id) AS number
FROM alur.workflows w
WHERE w.id = $1 AND {reach w.key}

-- name: by_key
SELECT w.id, w.key, w.title, w.enabled, w.description, w.type, w.trigger_title, w.config,
    w.current IS NOT NULL AS current, w.sync, w.options, w.revision, w.settings_revision,
    w.created_by_id, w.updated_by_id, w.created_at, w.updated_at,
    CAST(alur.frozen(w.key, w.id) AS integer) AS executed,
    row_number() OVER (ORDER BY w.id) AS number
FROM alur.workflows w
WHERE w.key = $1 AND {reach w.key}
ORDER BY w.id DESC

-- name: nodes
SELECT id, key, title, workflow_id, upstream_id, downstream_id, branch_index, type, config,
    revision, created_at, updated_at
FROM alur.flow_nodes
WHERE workflow_id = $1
ORDER BY id

-- name: node
SELECT id, key, title, workflow_id, upstream_id, downstream_id, branch_index, type, config,
    revision, created_at, updated_at
FROM alur.flow_nodes
WHERE id = $1 AND {reach version workflow_id}

-- name: lock_key
SELECT id
FROM alur.workflows
WHERE key = (SELECT key FROM alur.workflows WHERE id = $1) AND {reach key}
ORDER BY id
FOR NO KEY UPDATE

-- name: update
UPDATE alur.workflows
SET title = $2, description = $3, trigger_title = $4, config = $5, options = $6,
    settings_revision = revision + 1
WHERE id = $1

-- name: touch
UPDATE alur.workflows
SET revision = revision + 1, updated_by_id = $2, updated_at = $3
WHERE id = $1

-- name: disable
UPDATE alur.workflows SET enabled = false WHERE id = $1

-- name: retire
-- The other versions of a key go off and are not current any more.
UPDATE alur.workflows
SET enabled = false, current = NULL
WHERE key = $1 AND id <> $2 AND (enabled OR current)

-- name: enable
UPDATE alur.workflows SET enabled = true, current = true WHERE id = $1

-- name: set_limits
UPDATE alur.workflows
SET options = options - 'priority'
    || jsonb_build_object('timeout', CAST($2 AS bigint), 'concurrency', CAST($3 AS integer), 'stackLimit', CAST($4 AS integer))
    || CASE WHEN $5 = 'normal' THEN '{}' ELSE jsonb_build_object('priority', CAST($5 AS text)) END
WHERE key = $1

-- name: set_alerts
-- null leaves them to the server.
UPDATE alur.workflows
SET options = CASE WHEN CAST($2 AS jsonb) = 'null' THEN options - 'alerts' ELSE options || jsonb_build_object('alerts', CAST($2 AS jsonb)) END
WHERE key = $1

-- name: set_owner
-- 0 leaves it open.
UPDATE alur.workflows
SET options = CASE WHEN CAST($2 AS bigint) = 0 THEN options - 'ownerId' ELSE options || jsonb_build_object('ownerId', CAST($2 AS bigint)) END
WHERE key = $1

-- name: server_settings
SELECT value FROM alur.settings WHERE key = $1

-- name: save_server_settings
INSERT INTO alur.settings (key, value, updated_at)
VALUES ($1, $2, $3)
ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at

-- name: take_over
UPDATE alur.workflows SET enabled = $2, current = true WHERE id = $1

-- name: delete_version
DELETE FROM alur.workflows WHERE id = $1

-- name: delete_all
DELETE FROM alur.workflows WHERE key = $1

-- name: delete_stats
-- As delete_members.
DELETE FROM alur.workflow_stats s
WHERE s.key = $1 AND NOT EXISTS (SELECT FROM alur.workflows w WHERE w.key = $1)

-- name: delete_members
-- What belongs to all versions of a workflow goes with the last of them.
DELETE FROM alur.workflow_members m
WHERE m.workflow_key = $1 AND NOT EXISTS (SELECT FROM alur.workflows w WHERE w.key = $1)

-- name: copy_workflow
INSERT INTO alur.workflows (
    id, key, title, description, type, trigger_title, config, options, sync,
    created_by_id, updated_by_id, created_at, updated_at, current)
SELECT $2, $3, $4, description, type, CASE WHEN key = $3 THEN trigger_title ELSE '' END,
    $7, options, sync, $5, $5, $6, $6, CASE WHEN key <> $3 THEN true END
FROM alur.workflows
WHERE id = $1

-- name: copy_categories
INSERT INTO alur.workflow_category_relations (workflow_id, category_id)
SELECT $2, category_id
FROM alur.workflow_category_relations
WHERE workflow_id = $1

-- name: categorize
-- Versions $1 have the categories $2 and no others.
WITH gone AS (
    DELETE FROM alur.workflow_category_relations
    WHERE workflow_id = ANY ($1) AND NOT category_id = ANY ($2))
INSERT INTO alur.workflow_category_relations (workflow_id, category_id)
SELECT w.id, c.id
FROM alur.workflows w, alur.workflow_categories c
WHERE w.id = ANY ($1) AND c.id = ANY ($2)
ON CONFLICT DO NOTHING

-- name: categories
-- With how many workflows each is on, by their current versions.
SELECT c.id, c.title, c.color, (
    SELECT count(*)
    FROM alur.workflow_category_relations r
    JOIN alur.workflows w ON w.id = r.workflow_id
    WHERE r.category_id = c.id AND w.current) AS workflows
FROM alur.workflow_categories c
ORDER BY c.sort, c.id

-- name: categories_of
SELECT category_id
FROM alur.workflow_category_relations
WHERE workflow_id = $1

-- name: add_node
INSERT INTO alur.flow_nodes (
    id, key, title, workflow_id, upstream_id, downstream_id, branch_index, type, config,
    revision, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)

-- name: link_node
UPDATE alur.flow_nodes SET upstream_id = $2, downstream_id = $3, branch_index = $4 WHERE id = $1

-- name: update_node
UPDATE alur.flow_nodes
SET title = $2, config = $3, updated_at = $4,
    revision = (SELECT revision + 1 FROM alur.workflows WHERE id = workflow_id)
WHERE id = $1

-- name: remove_nodes
DELETE FROM alur.flow_nodes WHERE id = ANY ($1)

-- name: draft
-- The one draft of a key: newer than the current version, off, never run.
SELECT w.id
FROM alur.workflows w
WHERE w.key = $1
    AND w.current IS NULL
    AND NOT alur.frozen(w.key, w.id)
    AND w.id > coalesce((SELECT id FROM alur.workflows WHERE key = $1 AND current), 0)
ORDER BY w.id DESC
LIMIT 1

-- name: week
-- Of the newest executions of workflow w in the last seven days, up to a limit:
-- how many there were and how many did not succeed. Ids grow with time, so $5, the
-- first id of these days, is a time. Key and id are compared and ordered as the
-- index holds them: else the planner may walk the primary key through other
-- workflows.
SELECT n.total, (
    SELECT count(*) FROM alur.executions f
    WHERE f.key = w.key AND f.status IN (-1, -2, -3, -4, -5, -6) AND f.status <> 0 AND f.id >= n.oldest) AS failed
FROM (
    SELECT count(*) AS total, min(id) AS oldest
    FROM (
        SELECT x.id FROM alur.executions x
        WHERE (x.key, x.id) >= (w.key, $5) AND (x.key, x.id) < (w.key, 9223372036854775807)
        ORDER BY x.key DESC, x.id DESC
        LIMIT {limit}) x) n

-- name: list
-- One row per workflow: its current version, its draft, and what its newest
-- executions came to. Only what the order or a filter needs is looked up for
-- workflows of other pages. {listed} is which workflows are in it; of those that
-- are not reached neither settings nor executions show, order or narrow the list.
WITH page AS MATERIALIZED (
    SELECT w.id, {reach w.key} AS reached, row_number() OVER (ORDER BY
        CASE WHEN $6 = 'failed' THEN -week.failed END,
        CASE WHEN $6 = 'last' AND {reach w.key} THEN (
            SELECT x.id FROM alur.executions x
            WHERE (x.key, x.id) > (w.key, 0) AND (x.key, x.id) < (w.key, 9223372036854775807)
            ORDER BY x.key DESC, x.id DESC LIMIT 1) END DESC NULLS LAST,
        CASE WHEN $6 = '-title' THEN lower(w.title) END DESC,
        lower(w.title), w.id) AS place
    FROM alur.workflows w
    LEFT JOIN LATERAL (SELECT k.failed FROM ({week}) k WHERE ($4 OR $6 = 'failed') AND {reach w.key}) week ON true
    WHERE w.current AND {listed}
        AND ($1 = '' OR w.title ILIKE $1 OR w.type ILIKE $1
            OR {reach w.key} AND (w.trigger_title ILIKE $1 OR w.config ->> 'collection' ILIKE $1
                OR EXISTS (SELECT FROM alur.flow_nodes n WHERE n.workflow_id = w.id AND n.title ILIKE $1)))
        AND (CAST($2 AS boolean) IS NULL OR w.enabled = $2)
        AND ($3 = '' OR w.type = $3)
        AND (NOT $4 OR week.failed > 0)
        AND (CAST($9 AS bigint) = 0 OR EXISTS (
            SELECT FROM alur.workflow_category_relations r WHERE r.workflow_id = w.id AND r.category_id = $9))
    ORDER BY place
    LIMIT $7 OFFSET $8)
SELECT w.id, w.key, w.title, w.enabled, w.description, w.type,
    CASE WHEN page.reached THEN w.trigger_title ELSE '' END AS trigger_title,
    CASE WHEN page.reached THEN w.config ELSE '{}' END AS config,
    w.current IS NOT NULL AS current, w.sync, CASE WHEN page.reached THEN w.options ELSE '{}' END AS options, w.revision, w.settings_revision,
    w.created_by_id, w.updated_by_id, w.created_at, w.updated_at,
    CAST(alur.frozen(w.key, w.id) AS integer) AS executed,
    (SELECT count(*) FROM alur.workflows o WHERE o.key = w.key AND o.id <= w.id) AS number,
    coalesce((
        SELECT coalesce(u.nickname, r.title)
        FROM alur.workflow_members m
        LEFT JOIN alur.users u ON u.id = m.user_id
        LEFT JOIN alur.roles r ON r.name = m.role_name
        WHERE m.workflow_key = w.key AND m.level = 'owner'
        ORDER BY CAST(m.user_id AS text) IS NOT DISTINCT FROM w.options ->> 'ownerId' DESC, m.id
        LIMIT 1), '') AS owner,
    (SELECT max(d.id)
        FROM alur.workflows d
        WHERE page.reached AND d.key = w.key AND d.current IS NULL AND d.id > w.id AND NOT alur.frozen(d.key, d.id)) AS draft_id,
    coalesce(week.failed, 0) AS failed_week,
    coalesce(week.total, 0) AS total_week,
    ARRAY(SELECT r.category_id FROM alur.workflow_category_relations r WHERE r.workflow_id = w.id) AS categories,
    runs.runs
FROM page
JOIN alur.workflows w ON w.id = page.id
LEFT JOIN LATERAL (SELECT k.failed, k.total FROM ({week}) k WHERE page.reached) week ON true
CROSS JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object(
        'id', x.id, 'status', x.status, 'at', x.created_at, 'started', x.started_at, 'ended', x.ended_at)
        ORDER BY x.id) AS runs
    FROM (
        SELECT x.id, x.status, x.created_at, x.started_at, x.ended_at
        FROM alur.executions x
        WHERE page.reached AND (x.key, x.id) > (w.key, 0) AND (x.key, x.id) < (w.key, 9223372036854775807)
        ORDER BY x.key DESC, x.id DESC
        LIMIT 20) x) runs
ORDER BY page.place

-- name: names
SELECT key, title
FROM alur.workflows
WHERE current AND {reach key}
ORDER BY lower(title), id
LIMIT $1

-- name: settings
-- The settings of the triggers and nodes of all current workflows.
SELECT w.id, w.title, jsonb_build_array(w.config) || coalesce((
        SELECT jsonb_agg(n.config)
        FROM alur.flow_nodes n
        WHERE n.workflow_id = w.id), '[]') AS configs
FROM alur.workflows w
WHERE w.current
ORDER BY w.title, w.id
