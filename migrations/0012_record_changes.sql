-- +goose Up
-- What happened to records of collections that keep a history. A row is written
-- in the transaction of the change and never changed. No foreign keys: the lock
-- that each would take on one row of collections costs writers more than they give.
CREATE TABLE alur.record_changes (
    id              bigint PRIMARY KEY,             -- grows with time
    collection_name text NOT NULL,
    record_id       text NOT NULL,                  -- its primary key
    kind            smallint NOT NULL CHECK (kind IN (1, 2, 4)), -- created, updated, deleted
    at              timestamptz(3) NOT NULL,
    user_id         bigint,                         -- null: nobody was signed in
    via             text NOT NULL DEFAULT '',       -- page, api; '' for the system itself
    execution_id    bigint,                         -- that changed it; null: no workflow
    title           text NOT NULL,                  -- what the record was called
    fields          jsonb NOT NULL                  -- updated: {name: [before, after]}; deleted: {name: value}; created: {}
);
CREATE INDEX record_changes_record ON alur.record_changes (collection_name, record_id, id);
CREATE INDEX record_changes_deleted ON alur.record_changes (collection_name, id) WHERE kind = 4;

-- A way to look at the records of a collection that somebody gave a name.
CREATE TABLE alur.record_views (
    id              bigint PRIMARY KEY,
    collection_name text NOT NULL REFERENCES alur.collections ON DELETE CASCADE,
    owner_id        bigint NOT NULL REFERENCES alur.users ON DELETE CASCADE,
    title           text NOT NULL CHECK (length(title) BETWEEN 1 AND 60),
    shared          boolean NOT NULL DEFAULT false, -- everybody who sees the collection sees it
    is_default      boolean NOT NULL DEFAULT false, -- opens first: for its owner, or for everybody when shared
    columns         text[] NOT NULL,                -- paths of fields, in their order; empty: the usual ones
    filter          jsonb NOT NULL,                 -- spec/platform.md §5
    sort            text[] NOT NULL,                -- as in the API: -createdAt
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
CREATE INDEX record_views_collection ON alur.record_views (collection_name, owner_id);

-- The columns that a person has chosen for themselves.
CREATE TABLE alur.record_columns (
    user_id         bigint NOT NULL REFERENCES alur.users ON DELETE CASCADE,
    collection_name text NOT NULL REFERENCES alur.collections ON DELETE CASCADE,
    view_id         bigint NOT NULL,                -- 0: without a view
    columns         text[] NOT NULL,
    PRIMARY KEY (user_id, collection_name, view_id)
);
