-- +goose Up
-- What ran out of time has failed too. What did so before is no news.
UPDATE alur.executions SET dismissed_at = now() WHERE status = -3 AND reason = 'timeout';
DROP INDEX alur.executions_open_failures;
CREATE INDEX executions_open_failures ON alur.executions (key, ended_at, id)
    WHERE (status IN (-1, -2, -6) OR status = -3 AND reason = 'timeout') AND (dismissed_at IS NULL OR dismissed_at < ended_at);

-- What was deleted at once, by its state, before anybody could be told of it, and
-- what a row of failures ends with.
CREATE INDEX execution_records_failed ON alur.execution_records (key, ended_at, id)
    WHERE why = 'status' AND (status IN (-1, -2, -6) OR status = -3 AND problem = 'timeout');
CREATE INDEX execution_records_good ON alur.execution_records (key, id) WHERE why = 'status' AND status = 1;

-- One row: up to when failures were looked at; see package alert. Its lock makes
-- it one process at a time, due_at one pace.
CREATE TABLE alur.watchdog (
    single      boolean PRIMARY KEY DEFAULT true CHECK (single),
    due_at      timestamptz NOT NULL DEFAULT 'epoch',
    swept_to    timestamptz NOT NULL DEFAULT now(), -- failures that ended up to then were looked at
    -- The next border, and the transaction that chose it: once all older ones are
    -- over, no failure below it can turn up.
    next_to     timestamptz NOT NULL DEFAULT now(),
    next_xid    xid8 NOT NULL DEFAULT '0',
    next_at     timestamptz NOT NULL DEFAULT now(),
    CHECK (next_to >= swept_to)
);
INSERT INTO alur.watchdog DEFAULT VALUES;

-- What people were told of a workflow, or of the server.
CREATE TABLE alur.alerts (
    key           text PRIMARY KEY,                 -- of the workflow; '' for the server
    failing_since timestamptz,                      -- null: it works, or too little failed
    last_id       bigint NOT NULL DEFAULT 0,        -- the newest execution that failed meanwhile
    untold_from   timestamptz,                      -- failures that ended after that are to be told; null: none are
    mailed_at     timestamptz,                      -- the last mail about failures …
    warned_at     timestamptz                       -- … and about other troubles
);

-- What needs attention beside failures, as long as it does.
CREATE TABLE alur.troubles (
    id         text PRIMARY KEY,                    -- kind and subject, as on the page
    key        text NOT NULL,                       -- of the workflow; '' for the server
    seen_at    timestamptz NOT NULL,
    told_at    timestamptz                          -- null: not yet
);

-- Processes that ended while they held executions, which others took over.
CREATE TABLE alur.lost_processes (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lost_at    timestamptz NOT NULL DEFAULT now(),
    executions integer NOT NULL
);

ALTER TABLE alur.dismissals DROP CONSTRAINT dismissals_kind_check,
    ADD CONSTRAINT dismissals_kind_check CHECK (kind IN ('waiting', 'quiet', 'skipped', 'mail', 'lost'));
