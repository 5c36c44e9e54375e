-- +goose Up
-- What fields of the types sequence and sort have counted to. A row is changed in
-- the transaction of the record that takes the number, so a number is neither
-- given twice nor lost when a transaction is undone.
CREATE TABLE alur.counters (
    collection_name text NOT NULL,
    field_name      text NOT NULL,
    scope           text NOT NULL,                  -- sequence: the number of the pattern; sort: the scope's value
    current         bigint NOT NULL,
    started_at      timestamptz NOT NULL,           -- when it last began anew
    PRIMARY KEY (collection_name, field_name, scope)
);
