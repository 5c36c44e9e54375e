-- +goose Up
-- Who had a workflow that was deleted: they go with its last version now.
DELETE FROM alur.workflow_members m
WHERE NOT EXISTS (SELECT FROM alur.workflows w WHERE w.key = m.workflow_key);
