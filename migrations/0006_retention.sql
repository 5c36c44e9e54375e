-- +goose Up
-- How many executions of a workflow (all versions) and of a version there ever
-- were: those with an id up to housekeeping.counted_to and the later ones that
-- were deleted, counted here, and the later ones that are there. Housekeeping
-- moves the border; no create ever writes a counter.
ALTER TABLE alur.workflow_stats RENAME COLUMN deleted TO counted;
ALTER TABLE alur.workflow_version_stats RENAME COLUMN deleted TO counted;

-- One row: what goes on in the background of all processes together. Its lock
-- makes it one process at a time, due_at one pace.
CREATE TABLE alur.housekeeping (
    single      boolean PRIMARY KEY DEFAULT true CHECK (single),
    due_at      timestamptz NOT NULL DEFAULT 'epoch',
    last_key    text NOT NULL DEFAULT '',           -- workflow whose history was looked at last
    counted_to  bigint NOT NULL DEFAULT 0,
    -- The next border, and the transaction that chose it: once all older ones are
    -- over, no execution below it can turn up.
    next_to     bigint NOT NULL DEFAULT 0,
    next_xid    xid8 NOT NULL DEFAULT '0',
    CHECK (next_to >= counted_to)
);
INSERT INTO alur.housekeeping DEFAULT VALUES;

-- One line about each execution that was deleted.
CREATE TABLE alur.execution_records (
    id          bigint PRIMARY KEY,                 -- the execution's
    workflow_id bigint NOT NULL,
    key         text NOT NULL,
    status      smallint NOT NULL,
    problem     text,                               -- why it ended so, in words, at most 300 characters
    steps       integer NOT NULL,
    created_by  bigint,
    created_at  timestamptz NOT NULL,
    started_at  timestamptz,
    ended_at    timestamptz,
    deleted_at  timestamptz NOT NULL,
    deleted_by  bigint,                             -- a person; null: housekeeping
    why         text NOT NULL CHECK (why IN ('status', 'age', 'count', 'person'))
);
CREATE INDEX execution_records_key ON alur.execution_records (key, id);
CREATE INDEX execution_records_deleted ON alur.execution_records (deleted_at);

-- Whatever a list is narrowed to, an index holds it in the order of the list, so
-- that a page costs a page and not the table.
CREATE INDEX executions_outcome ON alur.executions (key, status, id) WHERE status <> 0;
CREATE INDEX executions_wrong ON alur.executions (status, id) WHERE status < 0;
CREATE INDEX executions_open ON alur.executions (id) WHERE status IS NULL OR status = 0;
CREATE INDEX executions_version ON alur.executions (workflow_id, id);
DROP INDEX alur.executions_failed, alur.executions_waiting;

-- The five lengths that the list of executions can ask for.
-- +goose StatementBegin
CREATE FUNCTION alur.length(started_at timestamptz, ended_at timestamptz) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN ended_at - started_at >= interval '24 h' THEN 5
                WHEN ended_at - started_at >= interval '1 h' THEN 4
                WHEN ended_at - started_at >= interval '1 min' THEN 3
                WHEN ended_at - started_at >= interval '10 s' THEN 2
                WHEN ended_at - started_at >= interval '1 s' THEN 1
                ELSE 0 END;
$$;
-- +goose StatementEnd
CREATE INDEX executions_long ON alur.executions (alur.length(started_at, ended_at), id, key, status)
    WHERE alur.length(started_at, ended_at) > 0;

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION alur.executed(workflow_key text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT counted FROM alur.workflow_stats WHERE key = workflow_key), 0)
         + (SELECT count(*) FROM alur.executions e
            WHERE e.key = workflow_key AND e.id > (SELECT counted_to FROM alur.housekeeping));
$$;
CREATE OR REPLACE FUNCTION alur.version_executed(workflow_key text, version bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT counted FROM alur.workflow_version_stats WHERE id = version), 0)
         + (SELECT count(*) FROM alur.executions e
            WHERE e.workflow_id = version AND e.id > (SELECT counted_to FROM alur.housekeeping));
$$;
-- A version that has run is frozen: its trigger and nodes cannot change any more.
CREATE OR REPLACE FUNCTION alur.frozen(workflow_key text, version bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM alur.workflow_version_stats WHERE id = version AND counted > 0)
        OR EXISTS (SELECT 1 FROM alur.executions e WHERE e.workflow_id = version);
$$;
-- +goose StatementEnd
