-- +goose Up

-- Files of records on their way into a collection. The rows of a file are kept
-- here as text while somebody says what they mean, and for the report after.
CREATE TABLE alur.imports (
    id bigint PRIMARY KEY,
    collection text NOT NULL,
    file_name text NOT NULL,
    format text NOT NULL CHECK (format IN ('csv', 'xlsx')),
    from1904 boolean NOT NULL DEFAULT false, -- how a workbook counts days
    heads text[] NOT NULL,
    rows integer NOT NULL CHECK (rows >= 0),
    settings jsonb NOT NULL DEFAULT '{}',
    status text NOT NULL DEFAULT 'new'
        CHECK (status IN ('new', 'queued', 'running', 'checked', 'done', 'failed', 'canceled')),
    dry boolean NOT NULL DEFAULT false, -- only look for problems
    rehearsing boolean NOT NULL DEFAULT false, -- this pass keeps nothing
    position integer NOT NULL DEFAULT 0, -- of the last row that was worked off
    created integer NOT NULL DEFAULT 0,
    updated integer NOT NULL DEFAULT 0,
    skipped integer NOT NULL DEFAULT 0,
    refused integer NOT NULL DEFAULT 0,
    reason text NOT NULL DEFAULT '', -- why it failed
    attempts integer NOT NULL DEFAULT 0, -- since the last progress
    worker bigint,
    lease_until timestamptz,
    role text NOT NULL, -- in which its author began it, __union__ for all of theirs
    created_by_id bigint NOT NULL REFERENCES alur.users ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz
);

CREATE INDEX imports_open ON alur.imports (id) WHERE status IN ('queued', 'running');
CREATE INDEX imports_recent ON alur.imports (created_by_id, collection, id);

CREATE TABLE alur.import_rows (
    import_id bigint NOT NULL REFERENCES alur.imports ON DELETE CASCADE,
    position integer NOT NULL, -- from 1
    row integer NOT NULL, -- as the file counts
    cells text[] NOT NULL,
    problem text, -- in words; null: none is known
    PRIMARY KEY (import_id, position)
);

CREATE INDEX import_rows_problem ON alur.import_rows (import_id, position) WHERE problem IS NOT NULL;
