-- +goose Up
-- What is searched of executions, written in the background: engine/search.
CREATE TABLE alur.execution_texts (
    id       bigint PRIMARY KEY,                    -- the execution's
    key      text NOT NULL,                         -- of its workflow
    open     boolean NOT NULL,                      -- it was not over when this was written
    segments integer NOT NULL,                      -- its executions.segments then
    subjects bigint[] NOT NULL,                     -- its rows in execution_subjects
    body     text NOT NULL                          -- the values of its data in small letters, one on a line
);
CREATE INDEX execution_texts_open ON alur.execution_texts (id) WHERE open;

-- Which executions somebody or something has to do with. A subject is the hash of a
-- person's id, or of a collection's name and a record's key.
CREATE TABLE alur.execution_subjects (
    subject      bigint NOT NULL,
    execution_id bigint NOT NULL,
    PRIMARY KEY (subject, execution_id)
);

-- The hashes of all short pieces of the texts with ids from lo to below hi. Blocks
-- do not overlap.
CREATE TABLE alur.execution_blocks (
    lo    bigint PRIMARY KEY,
    hi    bigint NOT NULL,
    grams smallint[] NOT NULL,
    CHECK (lo < hi)
);
-- Rows are taken into the index many at a time: one by one costs ten times as much.
-- Until then they are read one after the other, so they must be few.
CREATE INDEX execution_blocks_grams ON alur.execution_blocks USING gin (grams) WITH (fastupdate = on, gin_pending_list_limit = 2048);
-- Counting the pieces would read all of the table, and no plan needs it.
ALTER TABLE alur.execution_blocks ALTER COLUMN grams SET STATISTICS 0;

-- One row: how far the index is. Its lock makes it one process at a time.
CREATE TABLE alur.execution_search (
    single    boolean PRIMARY KEY DEFAULT true CHECK (single),
    due_at    timestamptz NOT NULL DEFAULT 'epoch',
    seen_to   bigint NOT NULL,
    packed_to bigint NOT NULL,
    filled_to bigint NOT NULL,                      -- those from before this are taken in from here downwards; 0: all are
    swept_to  bigint NOT NULL,
    open_at   bigint NOT NULL DEFAULT 0
);
-- Above counted_to, some may still turn up.
INSERT INTO alur.execution_search (seen_to, packed_to, filled_to, swept_to)
SELECT counted_to, counted_to + 1, counted_to + 1, counted_to FROM alur.housekeeping;
