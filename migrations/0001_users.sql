-- +goose Up
CREATE SCHEMA IF NOT EXISTS alur;

CREATE TABLE alur.settings (
    key        text PRIMARY KEY,
    value      jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE alur.users (
    id            bigint PRIMARY KEY,
    nickname      text NOT NULL CHECK (nickname <> ''),
    username      text CHECK (username ~ '^[^@<>"''/]{1,50}$'),
    email         text,
    password      text,                             -- argon2id; null until an invitation is used
    role          text NOT NULL DEFAULT 'member' CHECK (role IN ('root', 'admin', 'member')),
    active        boolean NOT NULL DEFAULT true,
    time_zone     text,                             -- IANA name; null for the server's
    last_login_at timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CHECK (email IS NOT NULL OR username IS NOT NULL)
);
CREATE UNIQUE INDEX users_email ON alur.users (lower(email));
CREATE UNIQUE INDEX users_username ON alur.users (lower(username));

-- Sessions of browsers and of API clients. Only the SHA-256 of a token is kept.
CREATE TABLE alur.sessions (
    token_hash bytea PRIMARY KEY,
    user_id    bigint NOT NULL REFERENCES alur.users ON DELETE CASCADE,
    kind       text NOT NULL CHECK (kind IN ('web', 'api')),
    created_at timestamptz NOT NULL,
    used_at    timestamptz NOT NULL,                -- idle time counts from here; written at most once a minute
    expires_at timestamptz NOT NULL,                -- absolute end
    revoked_at timestamptz,                         -- signed out, or ended by somebody
    ip         text NOT NULL DEFAULT '',
    agent      text NOT NULL DEFAULT ''
);
CREATE INDEX sessions_user ON alur.sessions (user_id);

-- One-time links that set a password: the setup link, invitations and resets.
CREATE TABLE alur.access_links (
    token_hash bytea PRIMARY KEY,
    purpose    text NOT NULL CHECK (purpose IN ('setup', 'invite', 'reset')),
    user_id    bigint REFERENCES alur.users ON DELETE CASCADE,  -- null for setup
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    CHECK ((purpose = 'setup') = (user_id IS NULL))
);

-- Failed sign-ins, for the rate limit across all processes.
CREATE TABLE alur.login_failures (
    subject   text NOT NULL,                        -- "user:<id>", "account:<hash of an unknown name>" or "ip:<address>"
    failed_at timestamptz NOT NULL
);
CREATE INDEX login_failures_subject ON alur.login_failures (subject, failed_at);
