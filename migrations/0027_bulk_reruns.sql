-- +goose Up
-- Requests to run all executions of a filter again, from the newest on; see
-- engine.BulkRerun. Workers do them one execution at a time.
CREATE TABLE alur.bulk_reruns (
    id bigint PRIMARY KEY,
    filter jsonb NOT NULL, -- engine.ExecutionFilter
    list text NOT NULL, -- the address of the list that was seen
    newest boolean NOT NULL, -- on the current version
    failed boolean NOT NULL, -- from the step that failed
    asked_at timestamptz NOT NULL, -- what was run again since is not once more
    below bigint NOT NULL, -- executions from this id on are done
    total integer NOT NULL CHECK (total >= 0), -- how many there were in the beginning
    made integer NOT NULL DEFAULT 0,
    passed integer NOT NULL DEFAULT 0, -- over, since they could not run
    why text NOT NULL DEFAULT '', -- the first of them could not
    status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'done', 'failed', 'stopped')),
    reason text NOT NULL DEFAULT '', -- why it failed
    attempts integer NOT NULL DEFAULT 0, -- since the last progress
    worker bigint,
    lease_until timestamptz,
    role text NOT NULL, -- in which its author asked, __union__ for all of theirs
    created_by_id bigint NOT NULL REFERENCES alur.users ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    UNIQUE (created_by_id, asked_at), -- a form that is sent twice counts once
    CHECK ((ended_at IS NULL) = (status IN ('queued', 'running')))
);

CREATE INDEX bulk_reruns_open ON alur.bulk_reruns (id) WHERE status IN ('queued', 'running');
