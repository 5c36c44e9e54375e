// Package triggers holds the trigger types, one file each. Importing it
// registers them, as database/sql drivers do.
//
// # Changes of records
//
// A collection trigger starts one execution for each change of a record that it counts
// (package collection says which change is whose), in the transaction of the change. A
// setting says whether nested records count: "nested", true when it says nothing, since
// whoever watches order lines means those that are saved with their order too. Another
// says whether changes in bulk do: "bulk", false when it says nothing. The reference
// raises no event for an update in bulk, and workflows use that on purpose, to write
// without starting each other; so those that were made there go on as they did, and
// the form gives new ones true.
//
// 500 changes at a time take one statement for the condition of each workflow, one for
// its records with their relations, and one that inserts their executions. One write
// starts workflows for at most 100,000 changes. What the chain of executions forbids
// leaves one record for a write, however many changes it was.
//
// # Changes by other programs
//
// What others write into the table, by SQL, is seen by a setting too ("external"). The
// database then has a trigger on the table that writes such rows down in the
// transaction that changes them, and the engine starts what they start when it finds
// them there, in the transaction that takes them away: each starts its workflows once,
// also when nothing ran meanwhile. A synchronous workflow runs after them like another.
// TRUNCATE, and what was changed while no workflow asked for it, is not seen.
//
// A trigger and not a slot of logical replication: that takes a setting of the whole
// server and a right which hosted databases do not give, keeps the log of all tables
// while nobody reads it, and has the old values only of tables changed for it.
//
// # Schedules
//
// When a schedule starts is computed by package schedule; here is what is stored of
// it. A row of firings says when a schedule is due next: one for a schedule at set
// times, one for each record that has a time ahead or has had one. The engine's
// clock, which also lets timers fire, starts what is due: in one transaction the
// executions are written and their rows moved on, under the lock of the schedule,
// so processes and restarts neither lose nor double a time. The key of an event is
// the second net.
//
// A change of a record moves its row in its own transaction. The record is read
// again when its time comes, and a date that differs is only planned. Turning a
// workflow on raises the generation of its schedule: rows of another generation do
// not fire, so on, off and a new version cost nothing however many records there
// are. A sweep then plans all records in parts of 500, and comes back from time to
// time for what was changed by SQL or in bulk; what it finds counts from the sweep
// before, so it starts late and is not lost. What was overdue when a version took
// the place of another still starts.
//
// # Why rows
//
// The alternative is to ask the collection at each look for the records of the next
// minutes. That needs an index on each such field of tables that are not ours, does
// not fit intervals and cron texts, which every past record meets, and loses what is
// committed after the look that would have found it. A row costs writers one
// statement when a date changes, and nothing otherwise. With 1,000,000 records on a
// busy machine of 2 cores a sweep took 56 s and the rows 196 MB; what became due
// meanwhile started within 40 ms, and the process stayed below 50 MB.
//
// # Missed times
//
// A time counts as missed when no server saw to it within a minute. Settings that
// say nothing skip it, as workflows made elsewhere expect, and leave a record of it.
// The form makes new ones with "once": a report that comes late is wanted, a
// hundred of them are not.
package triggers
