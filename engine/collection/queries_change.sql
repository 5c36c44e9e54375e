-- name: insert
INSERT INTO alur.record_changes (id, collection_name, record_id, kind, at, user_id, via, execution_id, title, fields)
SELECT u.id, u.collection, u.record, u.kind, $7, $8, $9, $10, u.title, CAST(u.fields AS jsonb)
FROM unnest(CAST($1 AS bigint[]), CAST($2 AS text[]), CAST($3 AS text[]), CAST($4 AS smallint[]), CAST($5 AS text[]), CAST($6 AS text[]))
    u (id, collection, record, kind, title, fields)

-- name: select
-- The workflow's title is that of the version that ran; '' when it is gone.
SELECT h.id, h.record_id, h.kind, h.at, h.user_id, coalesce(p.nickname, '') AS person, h.via, h.execution_id,
       coalesce(w.title, '') AS workflow, h.title, h.fields
FROM alur.record_changes h
LEFT JOIN alur.users p ON p.id = h.user_id
LEFT JOIN alur.executions x ON x.id = h.execution_id
LEFT JOIN alur.workflows w ON w.id = x.workflow_id

-- name: of_record
WHERE h.collection_name = $1 AND h.record_id = $2 AND h.id < $3
ORDER BY h.id DESC
LIMIT $4

-- name: deleted
-- Only the last deletion of each record counts, and none of those that are there again.
WHERE h.collection_name = $1 AND h.kind = 4 AND h.id < $2
  AND NOT EXISTS (SELECT FROM {table} t WHERE t.{key} = CAST(h.record_id AS {type}))
  AND NOT EXISTS (SELECT FROM alur.record_changes later
      WHERE later.collection_name = h.collection_name AND later.record_id = h.record_id AND later.id > h.id)
ORDER BY h.id DESC
LIMIT $3

-- name: deletion
WHERE h.collection_name = $1 AND h.kind = 4 AND h.id = $2

-- name: forget
-- The oldest first: ids grow with time.
DELETE FROM alur.record_changes
WHERE id = ANY (ARRAY(SELECT id FROM alur.record_changes WHERE id < $1 ORDER BY id LIMIT $2))

-- name: forget_collection
DELETE FROM alur.record_changes
WHERE collection_name = $1

-- name: hold_files
INSERT INTO alur.attachment_pasts (attachment_id, change_id)
SELECT a.id, u.change
FROM unnest(CAST($1 AS bigint[]), CAST($2 AS bigint[])) u (file, change)
JOIN alur.attachments a ON a.id = u.file
ON CONFLICT DO NOTHING

-- name: file_names
SELECT CAST(id AS text) AS id, name
FROM alur.attachments
WHERE id = ANY (CAST($1 AS bigint[]))

-- name: loose
SELECT a.id
FROM alur.attachments a
WHERE a.id = ANY ($1) AND NOT EXISTS (SELECT FROM alur.attachment_pasts p WHERE p.attachment_id = a.id)
