-- +goose Up
-- What people may do. A person has a role of their own (users.role) and any
-- number of further ones (roles_users).
CREATE TABLE alur.roles (
    name        text PRIMARY KEY CHECK (name ~ '^[a-zA-Z][a-zA-Z0-9_-]{0,49}$'),
    title       text NOT NULL CHECK (title <> ''),
    description text NOT NULL DEFAULT '',
    actions     text[] NOT NULL DEFAULT '{}',       -- on every collection without rules of its own: "view", "view:own"
    snippets    text[] NOT NULL DEFAULT '{}',       -- management rights: "pm.users", "pm.*", "!pm.users"
    is_default  boolean CHECK (is_default) UNIQUE,  -- true for the one that new people get, else null
    sort        integer NOT NULL DEFAULT 100,
    options     jsonb NOT NULL DEFAULT '{}',        -- what clients keep with a role and we do not read
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
INSERT INTO alur.roles (name, title, description, actions, snippets, is_default, sort) VALUES
    ('root', 'Owner', 'May do everything, and is the only one who can make owners.', '{}', '{}', NULL, 1),
    ('admin', 'Administrator', 'Builds workflows and collections, looks after people.',
        '{create,view,update,destroy,export,importXlsx}', '{ui.*,pm,pm.*}', NULL, 2),
    ('member', 'Member', 'Sees own records and decides own tasks.', '{view:own}', '{!ui.*,!pm,!pm.*}', true, 3);
-- A server that is in use goes on as it was: members worked with all records.
UPDATE alur.roles SET actions = '{create,view,update,destroy}', description = 'Works with records and own tasks.'
WHERE name = 'member' AND EXISTS (SELECT FROM alur.collections);

ALTER TABLE alur.users
    DROP CONSTRAINT users_role_check,
    ADD CONSTRAINT users_role FOREIGN KEY (role) REFERENCES alur.roles;
CREATE INDEX users_role ON alur.users (role);
CREATE TABLE alur.roles_users (
    user_id    bigint NOT NULL REFERENCES alur.users ON DELETE CASCADE,
    role_name  text NOT NULL REFERENCES alur.roles ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, role_name)
);
CREATE INDEX roles_users_role ON alur.roles_users (role_name);

-- Which records an action reaches: those that match a filter.
CREATE TABLE alur.role_scopes (
    id              bigint PRIMARY KEY,
    key             text NOT NULL UNIQUE,
    name            text NOT NULL CHECK (name <> ''),
    collection_name text REFERENCES alur.collections ON DELETE CASCADE,  -- null: for every collection
    filter          jsonb NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
INSERT INTO alur.role_scopes (id, key, name, filter) VALUES
    (1, 'all', 'All records', '{}'),
    (2, 'own', 'Own records', '{"createdById": "{{ctx.state.currentUser.id}}"}');

-- A role's rules for one collection. own_rules false keeps them aside: the
-- role's actions count.
CREATE TABLE alur.role_resources (
    id              bigint PRIMARY KEY,
    role_name       text NOT NULL REFERENCES alur.roles ON DELETE CASCADE,
    collection_name text NOT NULL REFERENCES alur.collections ON DELETE CASCADE,
    own_rules       boolean NOT NULL DEFAULT true,
    UNIQUE (role_name, collection_name)
);
CREATE INDEX role_resources_collection ON alur.role_resources (collection_name);
CREATE TABLE alur.role_actions (
    id          bigint PRIMARY KEY,
    resource_id bigint NOT NULL REFERENCES alur.role_resources ON DELETE CASCADE,
    name        text NOT NULL,
    fields      text[],                             -- null: all fields
    scope_id    bigint REFERENCES alur.role_scopes, -- null: all records
    UNIQUE (resource_id, name)
);
CREATE INDEX role_actions_scope ON alur.role_actions (scope_id);

-- Rises with every change of the tables above, whoever makes it, so that each
-- process sees with the session it reads whether what it knows of roles stands.
CREATE TABLE alur.rights (
    single  boolean PRIMARY KEY DEFAULT true CHECK (single),
    version bigint NOT NULL DEFAULT 1
);
INSERT INTO alur.rights DEFAULT VALUES;
-- +goose StatementBegin
CREATE FUNCTION alur.rights_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE alur.rights SET version = version + 1;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER roles_changed AFTER INSERT OR UPDATE OR DELETE ON alur.roles EXECUTE FUNCTION alur.rights_changed();
CREATE TRIGGER role_scopes_changed AFTER INSERT OR UPDATE OR DELETE ON alur.role_scopes EXECUTE FUNCTION alur.rights_changed();
CREATE TRIGGER role_resources_changed AFTER INSERT OR UPDATE OR DELETE ON alur.role_resources EXECUTE FUNCTION alur.rights_changed();
CREATE TRIGGER role_actions_changed AFTER INSERT OR UPDATE OR DELETE ON alur.role_actions EXECUTE FUNCTION alur.rights_changed();

-- Keys of programs. Only the SHA-256 of a token is kept.
CREATE TABLE alur.api_keys (
    id         bigint PRIMARY KEY,
    name       text NOT NULL CHECK (name <> ''),
    user_id    bigint NOT NULL REFERENCES alur.users ON DELETE CASCADE,
    role_name  text NOT NULL REFERENCES alur.roles ON DELETE CASCADE,
    token_hash bytea NOT NULL UNIQUE,
    hint       text NOT NULL,                       -- how the token ends, to tell keys apart
    created_at timestamptz NOT NULL,
    expires_at timestamptz,                         -- null: never
    used_at    timestamptz,                         -- written at most once a minute, like used_ip
    used_ip    text NOT NULL DEFAULT '',
    revoked_at timestamptz
);
CREATE INDEX api_keys_user ON alur.api_keys (user_id, id);
