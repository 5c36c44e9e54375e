-- +goose Up
-- One person's share in a decision. API name: workflowManualTasks.
CREATE TABLE alur.tasks (
    id           bigint PRIMARY KEY,
    execution_id bigint NOT NULL REFERENCES alur.executions ON DELETE CASCADE,
    job_id       bigint NOT NULL,
    node_id      bigint NOT NULL,
    node_key     text NOT NULL,
    workflow_id  bigint NOT NULL,
    workflow_key text NOT NULL,
    user_id      bigint NOT NULL REFERENCES alur.users,
    title        text NOT NULL,
    status       smallint NOT NULL DEFAULT 0 CHECK (status IN (0, 1, -3, -4, -5)),
    form         jsonb NOT NULL,                    -- what is asked and shown, as it was when the task was made
    result       jsonb,
    decided_at   timestamptz,
    decided_via  text,                              -- app, link or api, with address and browser
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CHECK ((status = 0) = (decided_at IS NULL)),
    UNIQUE (job_id, user_id)
);
CREATE INDEX tasks_user ON alur.tasks (user_id, status, id);
CREATE INDEX tasks_execution ON alur.tasks (execution_id);

-- Mailed links. Only the SHA-256 of a token is kept (S1).
CREATE TABLE alur.links (
    token_hash bytea PRIMARY KEY,
    task_id    bigint NOT NULL REFERENCES alur.tasks ON DELETE CASCADE,
    user_id    bigint NOT NULL REFERENCES alur.users ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    voided_at  timestamptz
);
CREATE INDEX links_task ON alur.links (task_id);

-- The outbox: written in the transaction that wants the mail, sent by workers.
CREATE TABLE alur.mails (
    id          bigint PRIMARY KEY,                 -- also the Message-ID
    to_address  text NOT NULL,
    to_name     text NOT NULL DEFAULT '',
    subject     text NOT NULL,
    text_body   text NOT NULL,
    html_body   text NOT NULL DEFAULT '',
    execution_id bigint,
    task_id     bigint,
    status      text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'sent', 'failed', 'held')),
    attempts    smallint NOT NULL DEFAULT 0,
    fence       bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    due_at      timestamptz NOT NULL DEFAULT now(),
    error       text,
    created_at  timestamptz NOT NULL DEFAULT now(),
    sent_at     timestamptz
);
CREATE INDEX mails_due ON alur.mails (due_at, id) WHERE status = 'queued';
