-- +goose Up
-- What {{$env.NAME}} stands for. A secret's value is sealed with the key of the
-- server, see engine/secret; value and sealed are never both there.
CREATE TABLE alur.environment_variables (
    name          text PRIMARY KEY,
    type          text NOT NULL DEFAULT 'default' CHECK (type IN ('default', 'secret')),
    value         text,
    sealed        bytea,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    updated_by_id bigint REFERENCES alur.users ON DELETE SET NULL,
    CHECK ((type = 'secret') = (sealed IS NOT NULL)),
    CHECK ((type = 'default') = (value IS NOT NULL))
);
