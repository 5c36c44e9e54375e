-- +goose Up
CREATE TABLE alur.workflows (
    id            bigint PRIMARY KEY,
    key           text NOT NULL,
    title         text NOT NULL DEFAULT '',
    enabled       boolean NOT NULL DEFAULT false,
    description   text NOT NULL DEFAULT '',
    type          text NOT NULL,
    trigger_title text NOT NULL DEFAULT '',
    config        jsonb NOT NULL DEFAULT '{}',
    invalid       boolean NOT NULL DEFAULT false,
    current       boolean CHECK (current),          -- true or null: unique (key, current)
    sync          boolean NOT NULL DEFAULT false,
    options       jsonb NOT NULL DEFAULT '{"timeout": 0}',
    revision      bigint NOT NULL DEFAULT 1,        -- rises with every change of the row or its nodes
    settings_revision bigint NOT NULL DEFAULT 1,    -- the revision that last changed the row itself
    created_by_id bigint REFERENCES alur.users ON DELETE SET NULL,
    updated_by_id bigint REFERENCES alur.users ON DELETE SET NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (key, current),
    CHECK (NOT enabled OR current)
);
CREATE INDEX workflows_enabled ON alur.workflows (type) WHERE enabled;

CREATE TABLE alur.flow_nodes (
    id            bigint PRIMARY KEY,
    key           text NOT NULL,
    title         text NOT NULL DEFAULT '',
    workflow_id   bigint NOT NULL REFERENCES alur.workflows ON DELETE CASCADE,
    upstream_id   bigint REFERENCES alur.flow_nodes DEFERRABLE INITIALLY DEFERRED,
    downstream_id bigint REFERENCES alur.flow_nodes DEFERRABLE INITIALLY DEFERRED,
    branch_index  integer,
    type          text NOT NULL,
    config        jsonb NOT NULL DEFAULT '{}',
    revision      bigint NOT NULL DEFAULT 1,        -- the workflow's revision that last changed this node's settings
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (workflow_id, key)
);
CREATE INDEX flow_nodes_upstream ON alur.flow_nodes (upstream_id);

-- How many executions of a workflow (all versions) and of a version there ever
-- were: the deleted ones, counted here, and those that are there. Only deletion
-- writes a counter, so no two creates ever meet on a counter's row.
CREATE TABLE alur.workflow_stats (
    key     text PRIMARY KEY,
    deleted bigint NOT NULL DEFAULT 0
);
CREATE TABLE alur.workflow_version_stats (
    id      bigint PRIMARY KEY REFERENCES alur.workflows ON DELETE CASCADE,
    deleted bigint NOT NULL DEFAULT 0
);

-- An execution is its own queue entry (shared design, "How an execution runs").
-- status stays NULL while it is queued and while a worker holds it, so a claim
-- touches no index; to clients a NULL with started_at reads as 0 (started).
-- status 0 here means: waiting for somebody to call wake.
CREATE TABLE alur.executions (
    id           bigint PRIMARY KEY,
    workflow_id  bigint NOT NULL,                   -- no foreign key: history outlives its workflow
    key          text NOT NULL,
    event_key    text,
    context      jsonb NOT NULL,
    status       smallint,
    reason       text,
    fence        bigint NOT NULL DEFAULT 0,         -- rises with every claim; finishing is conditional on it
    attempts     smallint NOT NULL DEFAULT 0,       -- claims since it last moved on
    segments     integer NOT NULL DEFAULT 0,        -- flushed parts; 0: there are no jobs yet
    lease_until  timestamptz,
    worker       bigint,
    wake         bigint[],                          -- jobs that were answered while it waited or ran, oldest first
    stack        bigint[],
    parent_id    bigint,
    manually     boolean,
    output       jsonb,
    created_by   bigint,                            -- the person whose change started it
    created_at   timestamptz NOT NULL DEFAULT now(),
    started_at   timestamptz,
    expires_at   timestamptz,
    ended_at     timestamptz
) WITH (fillfactor = 60);
CREATE INDEX executions_claim ON alur.executions (workflow_id, id) WHERE status IS NULL;
CREATE UNIQUE INDEX executions_event_key ON alur.executions (event_key) WHERE event_key IS NOT NULL;
CREATE INDEX executions_key ON alur.executions (key, id);
CREATE INDEX executions_failed ON alur.executions (id) WHERE status < 0;
CREATE INDEX executions_waiting ON alur.executions (id) WHERE status = 0;

CREATE TABLE alur.jobs (
    id           bigint NOT NULL,
    execution_id bigint NOT NULL,                   -- no foreign key: its check would cost more than the row
    node_id      bigint NOT NULL,
    node_key     text NOT NULL,
    upstream_id  bigint,
    status       smallint NOT NULL,
    branch       integer,                           -- the branch that was entered, for going on after a crash
    meta         jsonb,
    input        jsonb,                             -- what the node was given, after its variables were filled in
    result       jsonb,
    log          text,
    attempt      smallint NOT NULL DEFAULT 1,
    started_at   timestamptz NOT NULL,
    ended_at     timestamptz,
    PRIMARY KEY (execution_id, id)
);
CREATE UNIQUE INDEX jobs_id ON alur.jobs (id);

-- Triggers that started nothing, with the reason in words.
CREATE TABLE alur.skipped_triggers (
    id          bigint PRIMARY KEY,
    workflow_id bigint NOT NULL,
    key         text NOT NULL,
    reason      text NOT NULL,                      -- one word: stack_limit, trigger
    detail      text NOT NULL,
    stack       bigint[],
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX skipped_triggers_key ON alur.skipped_triggers (key, id);

-- +goose StatementBegin
CREATE FUNCTION alur.executed(workflow_key text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT deleted FROM alur.workflow_stats WHERE key = workflow_key), 0)
         + (SELECT count(*) FROM alur.executions e WHERE e.key = workflow_key);
$$;
CREATE FUNCTION alur.version_executed(workflow_key text, version bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT deleted FROM alur.workflow_version_stats WHERE id = version), 0)
         + (SELECT count(*) FROM alur.executions e WHERE e.key = workflow_key AND e.workflow_id = version);
$$;
-- A version that has run is frozen: its trigger and nodes cannot change any more.
CREATE FUNCTION alur.frozen(workflow_key text, version bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM alur.workflow_version_stats WHERE id = version AND deleted > 0)
        OR EXISTS (SELECT 1 FROM alur.executions e WHERE e.key = workflow_key AND e.workflow_id = version);
$$;
-- +goose StatementEnd
