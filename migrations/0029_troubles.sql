-- +goose Up
-- A trouble that people were told of ends with a mail to them.
ALTER TABLE alur.troubles
    ADD COLUMN title     text NOT NULL DEFAULT '',       -- as it was told …
    ADD COLUMN over      text NOT NULL DEFAULT '',       -- … and how its end is; '': it has happened and has none
    ADD COLUMN need      smallint NOT NULL DEFAULT 0,    -- the right that it takes to hear of it; 0: none
    ADD COLUMN dismissal text NOT NULL DEFAULT '',       -- kind and subject of the dismissal that takes it off the page
    ADD COLUMN told_to   bigint[] NOT NULL DEFAULT '{}', -- people
    ADD COLUMN gone_at   timestamptz,                    -- null: it is there
    ADD COLUMN over_at   timestamptz,                    -- when they were told that it is over
    ADD COLUMN again     boolean NOT NULL DEFAULT false; -- it came back after that

-- What is written here takes room and is undone: whether the database takes changes.
CREATE UNLOGGED TABLE alur.probe (filler bytea NOT NULL);
ALTER TABLE alur.probe ALTER COLUMN filler SET STORAGE EXTERNAL;
