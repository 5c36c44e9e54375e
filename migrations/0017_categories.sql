-- +goose Up
-- Labels that people sort workflows by. Each version has its own; lists go by
-- those of the current one.
CREATE TABLE alur.workflow_categories (
    id         bigint PRIMARY KEY,
    title      text NOT NULL CHECK (title <> ''),
    color      text NOT NULL DEFAULT 'default',
    sort       bigint NOT NULL,                     -- the order that people gave them
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE alur.workflow_category_relations (
    workflow_id bigint NOT NULL REFERENCES alur.workflows ON DELETE CASCADE,
    category_id bigint NOT NULL REFERENCES alur.workflow_categories ON DELETE CASCADE,
    PRIMARY KEY (workflow_id, category_id)
);
CREATE INDEX workflow_category_relations_category ON alur.workflow_category_relations (category_id);
