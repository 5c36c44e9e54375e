-- +goose Up
-- What workflows change is in the audit log too, so it grows with the executions.
-- Pages read it by time, of a kind or a person if so asked.
ALTER TABLE alur.audit_log
    ADD COLUMN workflow_id  bigint,                 -- the version; no foreign keys: the log outlives both
    ADD COLUMN execution_id bigint;
CREATE INDEX audit_log_time ON alur.audit_log (created_at, id);
CREATE INDEX audit_log_kind_time ON alur.audit_log (kind, created_at, id);
CREATE INDEX audit_log_user_time ON alur.audit_log (user_id, created_at, id) WHERE user_id IS NOT NULL;
DROP INDEX alur.audit_log_user, alur.audit_log_kind;
