-- name: queue
-- What stands in the queue, by workflow: at most 10,000 of each are counted, and
-- at most 1,000 workflows, each found by one probe of the claim's index. The
-- deepest come first: what is beyond 200 is summed up.
WITH RECURSIVE t AS (
    (SELECT workflow_id, 1 AS n FROM alur.executions WHERE status IS NULL ORDER BY workflow_id LIMIT 1)
    UNION ALL
    SELECT (SELECT e.workflow_id FROM alur.executions e
            WHERE e.status IS NULL AND e.workflow_id > t.workflow_id ORDER BY e.workflow_id LIMIT 1), t.n + 1
    FROM t WHERE t.workflow_id IS NOT NULL AND t.n < 1000)
SELECT coalesce(w.key, 'deleted') AS key,
       CAST(sum(q.queued) AS bigint) AS queued, CAST(sum(q.running) AS bigint) AS running,
       CAST(coalesce(extract(epoch FROM now() - min(q.oldest)), 0) AS double precision) AS oldest
FROM t
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE NOT x.leased) AS queued, count(*) FILTER (WHERE x.leased) AS running,
           min(x.created_at) FILTER (WHERE NOT x.leased) AS oldest
    FROM (SELECT coalesce(e.lease_until > now(), false) AS leased, e.created_at FROM alur.executions e
          WHERE e.status IS NULL AND (e.workflow_id, e.id) > (t.workflow_id, 0) AND e.workflow_id < t.workflow_id + 1
          ORDER BY e.workflow_id, e.id LIMIT 10000) x) q
LEFT JOIN alur.workflows w ON w.id = t.workflow_id
WHERE t.workflow_id IS NOT NULL
GROUP BY 1
ORDER BY queued DESC, key

-- name: rest
-- Executions that wait and mails that are not sent; at most 10,000 of each are counted.
SELECT (SELECT count(*) FROM (SELECT 1 FROM alur.executions WHERE status = 0 LIMIT 10000) x) AS waiting,
       (SELECT count(*) FROM (SELECT 1 FROM alur.mails WHERE status = 'queued' LIMIT 10000) x) AS mails,
       (SELECT count(*) FROM (SELECT 1 FROM alur.timers LIMIT 10000) x) AS timers
