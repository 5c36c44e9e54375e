-- +goose Up
-- The execution that this one runs again.
ALTER TABLE alur.executions ADD COLUMN rerun_of bigint;
CREATE INDEX executions_reruns ON alur.executions (rerun_of, id) WHERE rerun_of IS NOT NULL;
