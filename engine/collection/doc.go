// Package collection keeps everything that is stored as records: what people
// define in the browser (real tables in schema public) and our own tables (in
// schema alur), described by the same types and read by the same query builder.
//
// It promises:
//
//   - Identifiers in SQL come from the catalogue and are quoted; every value is a
//     parameter. A name, filter or sort that the catalogue does not know is an
//     error in words and never reaches the database.
//   - Rights are asked here, with [Access.Actor]. What an actor may not see
//     answers as if it did not exist, in filters and sorts too.
//   - Listeners hear of every change inside its transaction ([Listener]), so a
//     trigger and its cause commit together.
//   - Values are checked before they are written, and every problem is reported
//     beside its field ([fault.Error.Fields]).
//
// Names are camelCase in the API and snake_case in the tables, because people
// read these tables with psql and BI tools too. A record is a JSON value: see
// [Record].
//
// The package knows nothing of workflows, HTTP or pages.
package collection
