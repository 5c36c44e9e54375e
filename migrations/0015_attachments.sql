-- +goose Up
-- Files that people have added, for fields of records to hold. A row is written
-- when its bytes are safe, and goes before them, so whatever has a row can be read.
CREATE TABLE alur.attachments (
    id            bigint PRIMARY KEY,
    title         text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),            -- what it was called, up to the last dot
    extname       text NOT NULL CHECK (extname ~ '^(\.[a-z0-9]{1,10})?$'),          -- from there on: ".png"
    name          text NOT NULL GENERATED ALWAYS AS (title || extname) STORED,
    filename      text NOT NULL UNIQUE CHECK (filename ~ '^[0-9a-f]{32}(\.[a-z0-9]{1,10})?$'), -- what it is called here; nobody can guess it
    url           text NOT NULL GENERATED ALWAYS AS ('/files/' || filename) STORED,
    path          text NOT NULL DEFAULT '',                                         -- clients of the API expect it
    size          bigint NOT NULL CHECK (size >= 0),                                -- bytes
    mimetype      text NOT NULL,                                                    -- by its content
    meta          jsonb NOT NULL DEFAULT '{}',
    storage       text NOT NULL CHECK (storage IN ('disk', 'database')),            -- where its bytes are
    created_by_id bigint REFERENCES alur.users ON DELETE SET NULL,
    created_at    timestamptz(3) NOT NULL,
    updated_at    timestamptz(3) NOT NULL,
    checked_at    timestamptz(3) NOT NULL, -- when housekeeping last looked whether a record holds it
    loose_since   timestamptz(3)           -- since when none is known to; null: one did at checked_at
);
CREATE INDEX attachments_creator ON alur.attachments (created_by_id);
CREATE INDEX attachments_checked ON alur.attachments (checked_at);

-- Files of deleted records, which can be restored while their history is kept.
CREATE TABLE alur.attachment_pasts (
    attachment_id bigint NOT NULL REFERENCES alur.attachments ON DELETE CASCADE,
    change_id     bigint NOT NULL REFERENCES alur.record_changes ON DELETE CASCADE, -- the deletion
    PRIMARY KEY (attachment_id, change_id)
);
CREATE INDEX attachment_pasts_change ON alur.attachment_pasts (change_id);

-- The bytes of files whose storage is the database, in parts, so that none has to
-- be in memory as a whole. No foreign key: they are there before the row.
CREATE TABLE alur.attachment_bytes (
    name       text NOT NULL CHECK (name ~ '^[0-9a-f]{32}$'), -- filename up to its dot
    part       integer NOT NULL CHECK (part >= 0),
    bytes      bytea NOT NULL,
    created_at timestamptz(3) NOT NULL,
    PRIMARY KEY (name, part)
);
ALTER TABLE alur.attachment_bytes ALTER COLUMN bytes SET STORAGE EXTERNAL; -- compressed already, as a rule
