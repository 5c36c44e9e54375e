-- +goose Up
-- What people made in the browser. System tables are described in code
-- (engine/collection), by the same types.
CREATE TABLE alur.collections (
    name        text PRIMARY KEY CHECK (name ~ '^[a-zA-Z][a-zA-Z0-9_]{0,62}$'),
    title       text NOT NULL CHECK (title <> ''),
    table_name  text NOT NULL UNIQUE,               -- in schema public
    title_field text NOT NULL DEFAULT '',           -- the field a record is called by; '': its id
    options     jsonb NOT NULL DEFAULT '{}',
    sort        integer NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE alur.fields (
    collection_name text NOT NULL REFERENCES alur.collections ON DELETE CASCADE,
    name            text NOT NULL CHECK (name ~ '^[a-zA-Z][a-zA-Z0-9_]{0,62}$'),
    type            text NOT NULL,                  -- spec/platform.md §6
    interface       text NOT NULL DEFAULT '',
    title           text NOT NULL CHECK (title <> ''),
    column_name     text NOT NULL DEFAULT '',       -- of a belongsTo: the foreign key's; '' for hasMany
    options         jsonb NOT NULL DEFAULT '{}',    -- allowNull, unique, defaultValue, uiSchema, target, foreignKey, …
    sort            integer NOT NULL DEFAULT 0,
    PRIMARY KEY (collection_name, name)
);

-- Rises with every change above, so that a process sees cheaply whether what it
-- remembers still stands. Its row lock puts such changes into a queue.
CREATE TABLE alur.catalogue (
    single  boolean PRIMARY KEY DEFAULT true CHECK (single),
    version bigint NOT NULL DEFAULT 1
);
INSERT INTO alur.catalogue DEFAULT VALUES;
