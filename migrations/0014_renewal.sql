-- +goose Up

-- The token of a program's session is replaced once a day. The session that it
-- opened stays open for a while, for requests that are on their way.
ALTER TABLE alur.sessions
    ADD COLUMN renewed_at timestamptz, -- when
    ADD COLUMN renewed_to bytea;       -- token_hash of the session that goes on
