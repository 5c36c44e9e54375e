-- +goose Up
-- An index on an expression over started_at made every claim write into all
-- indexes of the executions; one on a stored column does not.
DROP INDEX alur.executions_long;
ALTER TABLE alur.executions ADD COLUMN length integer GENERATED ALWAYS AS (alur.length(started_at, ended_at)) STORED;
CREATE INDEX executions_long ON alur.executions (length, id, key, status) WHERE length > 0;

-- Who cancelled it.
ALTER TABLE alur.executions ADD stopped_by bigint;

-- +goose Down
ALTER TABLE alur.executions DROP COLUMN stopped_by;
DROP INDEX alur.executions_long;
ALTER TABLE alur.executions DROP COLUMN length;
CREATE INDEX executions_long ON alur.executions (alur.length(started_at, ended_at), id, key, status)
    WHERE alur.length(started_at, ended_at) > 0;
