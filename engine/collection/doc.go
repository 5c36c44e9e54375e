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
// # Which change is whose
//
// A listener hears of one change for each record that a write created, updated or
// deleted, in this order: the records that values of relations to one held, the
// record itself, those of its relations to many. An update counts for every record
// that matched, also for one that was the same before.
//
//   - Records written for another one are [Change.Nested]: objects in the values of a
//     relation; records whose key a relation to many sets or empties; rows of a through
//     collection, created by a link and deleted by its end. A record to one that is
//     only linked does not change itself. Of the record that holds the relation the
//     change names it in [Change.Linked] when it leads elsewhere than before.
//   - An association of the API changes as it is addressed: posts/1/comments:create
//     creates a comment, which is no nested one; add, set, remove and toggle update the
//     post, with its links nested ([Store.Relate]). So does “Add to …” on a record's
//     page.
//   - [Store.UpdateBulk] changes many in one go, and the database deletes records, or
//     empties a key of theirs, when one that they belong to is deleted. These are
//     [Change.Bulk], and only heard of by who asked ([Listener.Starts]).
//   - Of a move in an order of its own the moved record changes, not those that make
//     room. Formulas that are worked out again change nothing, nor does a rehearsal.
//   - A restored record is created. An import creates and updates record by record.
//   - SQL of others is not heard of.
//
// A change of more than 500 records is told in parts of 500 when its caller wants no
// records back. Which ones it is about is settled before the first changes. Listeners
// that act at once ([Listener.Long]) are told when the last has changed.
//
// # Searches in large collections
//
// To look for a word in the texts of 1,000,000 records takes 0.45 s when all of
// them are read. [Store.Upkeep] therefore makes one index of trigrams (pg_trgm, which
// comes with PostgreSQL and which the owner of a database may switch on) over all
// texts of a collection from 200,000 records on; a rare word is found in 3 ms then,
// by every operator that looks for a part of a text, on pages and in the API. One
// index has all columns: those that a person may not see are not asked, which an
// index over all texts as one would not allow. It is made CONCURRENTLY, so nobody
// waits, and made anew when texts come or go; its fields cannot be changed for as long
// (90 s for 1,000,000 records of 100 letters). Below 200,000 records there is none,
// because it costs those who write more than it gives those who read.
//
// What it costs writers (measured; records of 100 random letters, the worst case):
// 0.02 ms a record became 0.06 ms. What is new waits in a list of the index; at the
// usual size of the list one writer in 2,500 took the whole of it into the index, in
// 0.4 s, and without a list each record cost 1 ms. So the list is larger, and Upkeep
// empties it every 10 s, beside everything else. A collection that is written to all
// the time and never searched does without by its option searchIndex: false. Without
// the extension everything works as before, and slowly.
//
// # Formulas
//
// A formula is worked out when its record is written. When it is changed, or added to
// records that are there, Upkeep goes through them, 500 in a transaction, so that
// nobody waits: 1,000,000 records take a few minutes. How far it is, [Store.Formulas]
// says.
//
// # Variables in filters
//
// Filters have a reader of {{…}} of their own beside alur/engine/expr. Templates there
// fill in what is missing with nothing, or with a default that the text names
// ({{path:default}}), since a workflow goes on without a value. In a filter that
// somebody sends, and in the filter of a right, a name that nobody knows must be an
// error, a default would be a way around it, and what a name stands for is looked up
// only when it is there. And a filter comes with each request: it is walked once here,
// where a template is compiled from JSON first.
//
// The package knows nothing of workflows, HTTP or pages.
package collection
