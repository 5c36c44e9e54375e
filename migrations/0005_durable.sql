-- +goose Up
-- A step that goes on by itself when its time has come: a delay, or a wait with
-- a deadline of its own. Firing deletes the row and answers the job.
CREATE TABLE alur.timers (
    job_id       bigint PRIMARY KEY,
    execution_id bigint NOT NULL,
    due_at       timestamptz NOT NULL,
    status       smallint NOT NULL                  -- what the job comes to then
);
CREATE INDEX timers_due ON alur.timers (due_at, job_id);
CREATE INDEX timers_execution ON alur.timers (execution_id);

-- The concurrency limit of a workflow: whoever runs its executions holds one of
-- its slots, numbered from 1, for as long as it renews the lease.
CREATE TABLE alur.slots (
    workflow_id bigint NOT NULL,
    slot        smallint NOT NULL,
    worker      bigint NOT NULL,
    lease_until timestamptz NOT NULL,
    PRIMARY KEY (workflow_id, slot)
) WITH (fillfactor = 60);
CREATE INDEX slots_worker ON alur.slots (worker);

-- A remote step that was begun and whose outcome is not known yet: after a crash
-- it is begun again, with the same key. Such a job has status 0, as one that
-- waits for an answer.
ALTER TABLE alur.jobs ADD COLUMN running boolean;

CREATE INDEX executions_expire ON alur.executions (expires_at)
    WHERE expires_at IS NOT NULL AND (status IS NULL OR status = 0);
CREATE INDEX executions_parent ON alur.executions (parent_id) WHERE parent_id IS NOT NULL;

-- Statuses move along these lines only: queued and running (null), waiting (0),
-- ended (all others); what has ended holds no lease and does not begin again.
UPDATE alur.executions SET ended_at = coalesce(ended_at, started_at, created_at) WHERE status <> 0;
UPDATE alur.jobs SET ended_at = coalesce(ended_at, started_at) WHERE status <> 0;
ALTER TABLE alur.executions
    ADD CONSTRAINT executions_status CHECK (status BETWEEN -6 AND 1),
    ADD CONSTRAINT executions_ended CHECK ((ended_at IS NOT NULL) = (status IS NOT NULL AND status <> 0)),
    ADD CONSTRAINT executions_lease CHECK (lease_until IS NULL OR status IS NULL);
ALTER TABLE alur.jobs
    ADD CONSTRAINT jobs_ended CHECK ((ended_at IS NOT NULL) = (status <> 0)),
    ADD CONSTRAINT jobs_running CHECK (running IS NULL OR status = 0);
