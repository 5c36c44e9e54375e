-- +goose Up
-- Collections whose formulas have changed: their records are worked out again, a
-- batch after the other (engine/collection).
CREATE TABLE alur.formula_runs (
    collection_name text PRIMARY KEY REFERENCES alur.collections ON DELETE CASCADE,
    after_key       text,                           -- key of the last record that was; null: none yet
    done            bigint NOT NULL DEFAULT 0,      -- records that were
    records         bigint NOT NULL                 -- how many there were when it began
);
