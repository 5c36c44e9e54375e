-- name: add
INSERT INTO alur.attachments (id, title, extname, filename, size, mimetype, storage, created_by_id, created_at, updated_at, checked_at, loose_since)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9, $9)

-- name: added_today
SELECT count(*)
FROM alur.attachments
WHERE created_by_id = $1 AND created_at > $2

-- name: lock
SELECT id, filename, storage
FROM alur.attachments
WHERE id = ANY ($1)
ORDER BY id
FOR UPDATE

-- name: due
-- Those that nobody has looked at for a while. Whoever is about to hold one has it
-- locked.
SELECT id, filename, storage, loose_since
FROM alur.attachments
WHERE checked_at <= $1
ORDER BY checked_at
LIMIT $2
FOR UPDATE SKIP LOCKED

-- name: checked
-- $2 are those of $1 that nothing holds.
UPDATE alur.attachments
SET checked_at = $3, loose_since = CASE WHEN id = ANY ($2) THEN coalesce(loose_since, $3) END
WHERE id = ANY ($1)

-- name: delete
DELETE FROM alur.attachments
WHERE id = ANY ($1)

-- name: known
SELECT substr(filename, 1, 32)
FROM alur.attachments
WHERE filename >= $1 AND filename < $2

-- name: put_part
INSERT INTO alur.attachment_bytes (name, part, bytes, created_at)
VALUES ($1, $2, $3, $4)

-- name: part
SELECT bytes
FROM alur.attachment_bytes
WHERE name = $1 AND part = $2

-- name: length
-- Null for a file that is not there.
SELECT sum(length(bytes))
FROM alur.attachment_bytes
WHERE name = $1

-- name: remove
DELETE FROM alur.attachment_bytes
WHERE name = $1

-- name: old
SELECT name
FROM alur.attachment_bytes
WHERE name >= $1 AND name < $2 AND part = 0 AND created_at < $3
