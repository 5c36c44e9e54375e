-- +goose Up
-- One person's share in a decision. API name: workflowManualTasks.
CREATE TABLE alur.tasks (
    id            bigint PRIMARY KEY,
    execution_id  bigint NOT NULL REFERENCES alur.executions ON DELETE CASCADE,
    job_id        bigint NOT NULL,
    node_id       bigint NOT NULL,
    node_key      text NOT NULL,
    workflow_id   bigint NOT NULL,
    workflow_key  text NOT NULL,
    user_id       bigint NOT NULL REFERENCES alur.users,
    title         text NOT NULL CHECK (title <> ''),
    -- 0 open, 1 passed, -5 refused, -4 closed because somebody else decided,
    -- -3 stopped. An open task whose execution has ended reads as -3.
    status        smallint NOT NULL DEFAULT 0 CHECK (status IN (0, 1, -3, -4, -5)),
    form          jsonb NOT NULL,                   -- what is asked and shown, as it was when the task was made
    result        jsonb,
    decided_at    timestamptz,
    channel       text CHECK (channel IN ('app', 'link', 'api')),  -- how the person decided
    ip            text NOT NULL DEFAULT '',
    agent         text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CHECK ((status = 0) = (decided_at IS NULL)),
    CHECK ((status IN (1, -5)) = (channel IS NOT NULL)),
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
    voided_at  timestamptz,                         -- a newer link took its place
    CHECK (expires_at <= created_at + interval '14 days')
);
CREATE INDEX links_task ON alur.links (task_id);

-- The outbox: written in the transaction that wants the mail, sent by workers.
CREATE TABLE alur.mails (
    id           bigint PRIMARY KEY,                -- also the Message-ID
    to_address   text NOT NULL CHECK (to_address !~ '[[:cntrl:]]'),
    to_name      text NOT NULL DEFAULT '' CHECK (to_name !~ '[[:cntrl:]]'),
    subject      text NOT NULL CHECK (subject !~ '[[:cntrl:]]'),
    text_body    text NOT NULL,
    html_body    text NOT NULL DEFAULT '',
    execution_id bigint,
    task_id      bigint,
    -- queued: waits for a worker with a mail server; held: kept back, see error.
    status       text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'sent', 'failed', 'held')),
    attempts     smallint NOT NULL DEFAULT 0,
    fence        bigint NOT NULL DEFAULT 0,         -- rises with every claim; writing the outcome is conditional on it
    lease_until  timestamptz,
    due_at       timestamptz NOT NULL,
    error        text,                              -- why it was held, or what the last attempt met
    created_at   timestamptz NOT NULL,
    sent_at      timestamptz,
    CHECK ((status = 'sent') = (sent_at IS NOT NULL))
);
CREATE INDEX mails_due ON alur.mails (due_at, id) WHERE status = 'queued';
CREATE INDEX mails_execution ON alur.mails (execution_id, to_address) WHERE execution_id IS NOT NULL;
