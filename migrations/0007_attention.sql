-- +goose Up
-- A person has looked at this failure. One that fails again afterwards needs a
-- look again, which is why the two times are compared and nothing is reset.
ALTER TABLE alur.executions ADD dismissed_at timestamptz, ADD dismissed_by bigint;
-- Failures that nobody has looked at, newest of a workflow last.
CREATE INDEX executions_open_failures ON alur.executions (key, ended_at, id)
    WHERE status IN (-1, -2, -6) AND (dismissed_at IS NULL OR dismissed_at < ended_at);
CREATE INDEX mails_troubled ON alur.mails (status, id) WHERE status IN ('failed', 'held');

-- What else a person has seen and wants to hear of again only when more happens:
-- everything of a kind and subject with an id up to mark. Failures, of which
-- there may be very many, are marked on their own rows instead.
CREATE TABLE alur.dismissals (
    kind         text NOT NULL CHECK (kind IN ('waiting', 'quiet', 'skipped', 'mail')),
    subject      text NOT NULL,
    mark         bigint NOT NULL,
    dismissed_by bigint,
    dismissed_at timestamptz NOT NULL,
    PRIMARY KEY (kind, subject)
);
