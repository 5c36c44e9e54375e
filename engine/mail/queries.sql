-- name: enqueue
-- A mail above the limit for its execution and address is held, not lost.
INSERT INTO alur.mails (id, to_address, to_name, subject, text_body, html_body, execution_id, task_id, due_at, created_at, status, error)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $9,
       CASE WHEN m.many THEN 'held' ELSE 'queued' END,
       CASE WHEN m.many THEN 'Held, because this execution has already sent ' || CAST($10 AS integer) || ' mails to this address within an hour.' END
FROM (
    SELECT count(*) >= CAST($10 AS integer) AS many
    FROM alur.mails
    WHERE execution_id = $7 AND to_address = $2 AND created_at > CAST($9 AS timestamptz) - interval '1 hour'
) m

-- name: list
SELECT id, to_name, to_address, subject, execution_id, task_id, status, attempts, error, due_at, created_at, sent_at
FROM alur.mails
WHERE ($1 = '' OR status = $1)
  AND (subject ILIKE $2 OR to_address ILIKE $2 OR to_name ILIKE $2)
ORDER BY id DESC
LIMIT $3 OFFSET $4

-- name: get
SELECT id, to_name, to_address, subject, text_body, html_body, execution_id, task_id, status, attempts, error, due_at, created_at, sent_at
FROM alur.mails
WHERE id = $1

-- name: resend
UPDATE alur.mails
SET status = 'queued', attempts = 0, due_at = $2, lease_until = NULL, error = NULL
WHERE id = $1 AND status IN ('held', 'failed')

-- name: resend_failed
UPDATE alur.mails
SET status = 'queued', attempts = 0, due_at = $2, lease_until = NULL, error = NULL
WHERE id = ANY (ARRAY(
    SELECT id
    FROM alur.mails
    WHERE status = 'failed' AND status IN ('failed', 'held') AND id <= $1
    ORDER BY status DESC, id DESC
    LIMIT $3
    FOR UPDATE SKIP LOCKED))

-- name: hold
-- What nobody sent for a day is probably over.
UPDATE alur.mails
SET status = 'held', error = 'Held, because it was due for more than a day before a mail server could take it. Send it by hand if it still matters.'
WHERE status = 'queued' AND due_at < $1 AND attempts = 0

-- name: claim
UPDATE alur.mails
SET fence = fence + 1, attempts = attempts + 1, lease_until = $2
WHERE id = ANY (ARRAY(
    SELECT id
    FROM alur.mails
    WHERE status = 'queued' AND due_at <= $1 AND (lease_until IS NULL OR lease_until < $1)
    ORDER BY due_at, id
    LIMIT $3
    FOR UPDATE SKIP LOCKED))
RETURNING id, to_name, to_address, subject, text_body, html_body, status, attempts, due_at, created_at, fence

-- name: renew
UPDATE alur.mails
SET lease_until = $3
WHERE id = $1 AND fence = $2 AND status = 'queued'

-- name: sent
-- The links in a delivered mail belong to its reader alone.
UPDATE alur.mails
SET status = 'sent', sent_at = $3, error = NULL, lease_until = NULL,
    text_body = regexp_replace(text_body, '(alur_[a-z]+_)[0-9A-Za-z_-]+', '\1…', 'g'),
    html_body = regexp_replace(html_body, '(alur_[a-z]+_)[0-9A-Za-z_-]+', '\1…', 'g')
WHERE id = $1 AND fence = $2 AND status = 'queued'

-- name: failed
UPDATE alur.mails
SET status = $3, error = $4, due_at = $5, lease_until = NULL
WHERE id = $1 AND fence = $2 AND status = 'queued'

-- name: release
-- Given back unsent, as if never claimed.
UPDATE alur.mails
SET lease_until = NULL, attempts = attempts - 1
WHERE id = $1 AND fence = $2 AND status = 'queued'
