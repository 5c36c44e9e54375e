-- +goose Up
-- Who may do what with one workflow, for all of its versions; see auth.Level.
-- Each level includes those before it.
CREATE TYPE alur.workflow_level AS ENUM ('viewer', 'operator', 'editor', 'owner');
CREATE TABLE alur.workflow_members (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workflow_key  text NOT NULL,                    -- no foreign key: the versions of a workflow share it
    user_id       bigint REFERENCES alur.users ON DELETE CASCADE,
    role_name     text REFERENCES alur.roles ON DELETE CASCADE,
    level         alur.workflow_level NOT NULL,
    created_by_id bigint REFERENCES alur.users ON DELETE SET NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CHECK (num_nonnulls(user_id, role_name) = 1)
);
CREATE UNIQUE INDEX workflow_members_person ON alur.workflow_members (workflow_key, user_id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX workflow_members_role ON alur.workflow_members (workflow_key, role_name) WHERE role_name IS NOT NULL;
CREATE INDEX workflow_members_of_person ON alur.workflow_members (user_id, level, workflow_key) WHERE user_id IS NOT NULL;
CREATE INDEX workflow_members_of_role ON alur.workflow_members (role_name, level, workflow_key) WHERE role_name IS NOT NULL;

-- By what a person has a level on some workflow: '' for themself, and their roles.
-- +goose StatementBegin
CREATE FUNCTION alur.shared_by(person bigint) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY(
        SELECT ''
        WHERE EXISTS (SELECT FROM alur.workflow_members m WHERE m.user_id = person)
        UNION ALL
        SELECT r.name
        FROM (SELECT role AS name FROM alur.users WHERE id = person
              UNION SELECT role_name FROM alur.roles_users WHERE user_id = person) r
        WHERE EXISTS (SELECT FROM alur.workflow_members m WHERE m.role_name = r.name))
$$;
-- +goose StatementEnd

-- Whoever made a workflow, as far as that is known, owns it. Nobody loses
-- anything: those who manage all workflows go on doing so.
INSERT INTO alur.workflow_members (workflow_key, user_id, level)
SELECT DISTINCT ON (key) key, created_by_id, 'owner'
FROM alur.workflows
WHERE created_by_id IS NOT NULL
ORDER BY key, id;
