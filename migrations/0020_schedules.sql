-- +goose Up
-- Workflows that start at set times, one row for all versions of a key.
CREATE TABLE alur.schedules (
    key          text PRIMARY KEY,                  -- of the workflow
    workflow_id  bigint UNIQUE REFERENCES alur.workflows ON DELETE SET NULL, -- the version that fires; null: none does
    generation   bigint NOT NULL,                   -- rises whenever all is planned anew; firings of another do not fire
    kept         bigint,                            -- the generation whose overdue firings still count; null: none
    armed_at     timestamptz NOT NULL,              -- when that was
    counts_from  timestamptz NOT NULL,              -- what the sweep finds new fires if its time is not before this
    sweep_at     timestamptz,                       -- when the sweep through the records goes on; null: never
    swept_to     text NOT NULL DEFAULT '',          -- the key of the last record it has seen; '' at its beginning
    sweep_began  timestamptz
);

-- When each of them starts next, of its records or by itself.
CREATE TABLE alur.firings (
    key         text NOT NULL,                      -- no foreign key: a million rows are deleted in parts
    record      text NOT NULL,                      -- primary key of the record; '' for a schedule without
    generation  bigint NOT NULL,
    start_at    timestamptz NOT NULL,               -- as the record said when this was planned
    end_at      timestamptz,
    due_at      timestamptz,                        -- the next planned time; null: none
    fired       bigint NOT NULL DEFAULT 0,          -- how often, for limits per record
    PRIMARY KEY (key, record)
);
CREATE INDEX firings_due ON alur.firings (key, generation, due_at) WHERE due_at IS NOT NULL;
