-- +goose Up
-- The index has more pieces of each text now, so it is written anew: the newest
-- executions first.
TRUNCATE alur.execution_texts, alur.execution_subjects, alur.execution_blocks;
DELETE FROM alur.execution_search;

-- Up to chased_to, none is missing that was committed late; the same goes for
-- mark_id when all transactions below mark_xid are over.
ALTER TABLE alur.execution_search
    ADD COLUMN chased_to bigint NOT NULL DEFAULT 0,
    ADD COLUMN mark_id bigint NOT NULL DEFAULT 0,
    ADD COLUMN mark_xid bigint NOT NULL DEFAULT 0;
INSERT INTO alur.execution_search (seen_to, packed_to, filled_to, swept_to, chased_to, mark_id)
SELECT counted_to, counted_to + 1, counted_to + 1, counted_to, counted_to, counted_to FROM alur.housekeeping;
