-- +goose Up
-- Changes that other programs made to tables that a workflow watches, until they have
-- started what they start: engine/collection/outside.go.
CREATE TABLE alur.outside_changes (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    schema     text NOT NULL,
    table_name text NOT NULL,
    kind       smallint NOT NULL,               -- 1 created, 2 updated, 4 deleted
    before     jsonb,                           -- the row; null when created
    after      jsonb,                           -- the row; null when deleted
    at         timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Runs with the rights of its owner: who changes a table has none here.
-- +goose StatementBegin
CREATE FUNCTION alur.note_outside_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    INSERT INTO alur.outside_changes (schema, table_name, kind, before, after)
    VALUES (TG_TABLE_SCHEMA, TG_TABLE_NAME, CASE TG_OP WHEN 'INSERT' THEN 1 WHEN 'UPDATE' THEN 2 ELSE 4 END,
            CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION alur.note_outside_change() FROM PUBLIC;
