-- +goose Up
-- Who did what, when, from where. Rows are only ever added.
CREATE TABLE alur.audit_log (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at timestamptz NOT NULL,
    kind       text NOT NULL,                       -- one of engine/audit's kinds
    user_id    bigint,                              -- no foreign key: the log outlives people; null: nobody, or the engine
    person     text NOT NULL DEFAULT '',            -- the name at that time
    channel    text NOT NULL,                       -- page, api, key, link, console, engine
    ip         text NOT NULL DEFAULT '',
    agent      text NOT NULL DEFAULT '',
    text       text NOT NULL CHECK (text <> '')     -- what was done, in a sentence
);
CREATE INDEX audit_log_user ON alur.audit_log (user_id, id);
CREATE INDEX audit_log_kind ON alur.audit_log (kind, id);
-- +goose StatementBegin
CREATE FUNCTION alur.audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only added to' USING ERRCODE = 'insufficient_privilege';
END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON alur.audit_log EXECUTE FUNCTION alur.audit_stays();
REVOKE UPDATE, DELETE, TRUNCATE ON alur.audit_log FROM PUBLIC;
