-- +goose Up
-- What people made in the browser. System tables are described in code
-- (engine/collection), by the same types.
CREATE TABLE alur.collections (
    name        text PRIMARY KEY CHECK (name ~ '^[a-zA-Z][a-zA-Z0-9_]{0,62}$'),
    title       text NOT NULL,
    table_name  text NOT NULL UNIQUE,               -- in schema public
    title_field text,                               -- the field a record is called by
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
    title           text NOT NULL,
    column_name     text,                           -- null for hasMany
    options         jsonb NOT NULL DEFAULT '{}',    -- required, unique, default, enum, target, foreignKey, …
    sort            integer NOT NULL DEFAULT 0,
    PRIMARY KEY (collection_name, name)
);
