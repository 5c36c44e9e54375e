-- name: recent
SELECT status, CAST(extract(epoch FROM created_at - $2) AS double precision) AS after, ended_at - started_at AS took
FROM alur.executions
WHERE id >= $1 AND created_at >= $2
ORDER BY id DESC
LIMIT $3

-- name: recent_reached
-- The same of some workflows, each by itself, as the index holds them.
SELECT x.status, CAST(extract(epoch FROM x.created_at - $2) AS double precision) AS after, x.ended_at - x.started_at AS took
FROM ({reached}) m
CROSS JOIN LATERAL (
    SELECT x.id, x.status, x.created_at, x.started_at, x.ended_at
    FROM alur.executions x
    WHERE (x.key, x.id) >= (m.workflow_key, $1) AND (x.key, x.id) < (m.workflow_key, 9223372036854775807) AND x.created_at >= $2
    ORDER BY x.key DESC, x.id DESC
    LIMIT $3) x
ORDER BY x.id DESC
LIMIT $3

-- name: figures
-- The newest executions of a period, summed up by hour since its start, with the
-- median of all in each row. The limit keeps a day of millions quick.
WITH recent AS MATERIALIZED ({recent})
SELECT width_bucket(after, 0, 90000, 25) - 1 AS hour,
       count(*) FILTER (WHERE status > 0) AS completed,
       count(*) FILTER (WHERE status IN (-1, -2, -6)) AS failed,
       count(*) AS total,
       (SELECT extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY took)) FROM recent WHERE took IS NOT NULL) AS median
FROM recent
GROUP BY 1
ORDER BY 1

-- name: figures_open
SELECT count(*)
FROM alur.executions
WHERE (status IS NULL OR status = 0) AND {reach key}
