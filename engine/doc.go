// Package engine defines workflows and runs them. It knows no HTTP and no HTML,
// and of the node types only the contract in package node; a program imports
// the types it wants (engine/nodes, engine/triggers, its own), as it imports
// drivers for database/sql.
//
// # Definitions
//
// A workflow is all versions of one key; at most one of them is enabled. A
// version that has run is frozen: [Engine.Draft] says where changes go, and
// enabling a draft publishes it. [Engine.Check] says what keeps a version from
// running, [Engine.Scope] which variables a node sees.
//
// # Who may do what
//
// Besides those who manage all workflows ([auth.ManageWorkflows]), people and
// roles have a level on single ones ([Engine.Members]), for all versions:
//
//	viewer    sees the workflow with its settings, versions and members, its
//	          executions with their data, events that started nothing, figures,
//	          what needs attention, and the tasks of its executions
//	operator  and starts it by hand, cancels and reruns executions, sends reminders,
//	          dismisses what needs attention
//	editor    and changes settings, nodes, limits and history, tests nodes,
//	          makes, publishes and discards versions, turns it on and off,
//	          deletes executions
//	owner     and deletes the workflow, gives levels and takes them away
//
// Whoever makes a workflow owns it, for which one needs [auth.CreateWorkflows]; a
// copy is a workflow of its own. The last owner stays until there is another one;
// when the person is deleted, those who manage all workflows decide. Who may only
// know which workflows there are ([auth.SeeWorkflows]) sees neither settings nor
// executions. Deleting a workflow takes it from all who had it; its executions stay,
// for those who manage all workflows.
//
// The rule stands in one place, [auth.Reach], and is asked by the statements that
// read or change rows. To who has no level, a workflow does not exist; to who has
// too low a one, a change is Forbidden. What a workflow does is not limited by who
// may see it, and tasks are there for who is asked.
//
// # Executions
//
// PostgreSQL is the only state and the only coordinator. [Engine.Start] writes
// an execution in the transaction of the change that caused it, so a confirmed
// change has its execution and a rolled-back one has none. [Engine.Work] claims
// executions with a lease and a fence (package queue) and walks them in
// segments:
//
//   - a segment goes on until the execution waits or ends, or a second is over,
//     or 15 once it has read or written records: cut between the two, it would
//     write back what another execution has changed meanwhile;
//   - what its local nodes change and the journal of its steps are one
//     transaction at REPEATABLE READ, run again on a conflict, so effects happen
//     exactly once and read-decide-write is right under load;
//   - executions of one workflow share a transaction while that goes well, and
//     run one by one when it does not.
//
// Remote nodes (HTTP, scripts, …) run outside of any transaction: the segment
// ends with their job recorded as running, they are called, and the next segment
// records what they came to. After a crash they are called again with the same
// key. A stop ([Engine.Cancel], a deadline) ends an execution in the database
// first, so exactly one of stop, answer and finish wins; then it reaches whatever
// process runs the execution through the context of the node.
//
// How many executions of one workflow run at the same moment is limited for all
// processes together: each batch and each remote call holds one of the workflow's
// slots ([alur/engine/queue.Queue.TakeSlot]).
//
// Waiting is a row: a task, a timer. An answer ([alur/engine/queue.Answer]) or
// the time ([alur/engine/queue.Fire]) wakes the execution in its own transaction.
// A crash leaves leases that run out; whatever gets no further, again and again,
// ends with an error in words instead of going round for ever. What was begun
// twice without moving on runs alone from then on, so that only the guilty one
// ever reaches that limit.
//
// # Running again
//
// [Engine.Rerun] runs what has ended or waits once more, always as an execution of
// its own that knows which one it runs again. Going on in the old row, as the
// reference does while an execution waits, would write over how it ended, when,
// and why, or leave two runs of the same steps in one journal that nobody can tell
// apart; the figures, the history and whoever looks into a failure next month go
// by what happened. So the old execution stays as it is. Only one that waits is
// stopped, in the same transaction, with the reason "rerun": its tasks close, and
// an answer that comes then is told so. [Rerun] has nothing to overwrite; the
// overwrite of the API is accepted and means nothing.
//
// It begins at the start, at a node, or at the step that did not succeed. Then the
// steps before it are taken over, with what they came to and when; they do not run
// again ([Job.Kept]). Which these are, the journal says, followed from the start as
// a worker follows it after a crash; on the current version by the keys of the
// nodes, and what is new there before the step runs, too. The new execution is
// queued like any other, also of a synchronous workflow, since nobody waits for it;
// its steps have keys of their own, so what they do outside they do again.
//
// Of two who run an execution again at once, one does, and as long as that run has
// not ended there is no other.
//
// All executions of a filter are run again in the background ([BulkRerun]), one
// after the other, the newest first, with the rights that who asked has by then.
//
// # Attention
//
// [Engine.Attention] sees what went wrong or does not get on: failures by step
// and cause, lost and silent runs, people who are waited for, triggers that went
// quiet, mails that do not arrive, a deep queue, a slow database. It reads the
// state as it is and stores nothing; only what people dismissed is.
//
// # Why
//
// PostgreSQL shares the processors with us, and most of what an execution costs
// is spent there: of a hundred calculations 2 ms, and 0.8 ms here. A job's row in
// a list of JSON objects took 20 µs, more than half of them to read the list; in
// arrays it takes 8 (package queue). The second index of the jobs is 2 of these.
// Here no single thing stands out: half is the network and the scheduler, which
// is why executions share a transaction and a flush.
//
// An execution costs PostgreSQL 0.3 ms in a batch of 32 and 1.3 ms alone, so what
// comes in a thin stream waits for the batch of its workflow that is under way.
// With what follows, creates by 16 clients beside their workflows went from 0.13 to
// 0.18 of the floor. A batch
// takes in executions for 50 ms of the clock; with 10 it held five of 32 on a busy
// machine. Records that are created at the same time share a transaction
// ([alur/engine/collection.Store.WriteShared]), and the pool hands out the
// connection that was given back last, whose plans and pages are warm. An index
// over started_at made each claim write into all indexes of the executions; it is
// over a stored column now, and a claim is a HOT update again.
//
// # History
//
// [Engine.Housekeep] deletes ended executions that nobody has to keep any more
// ([History]), a batch in a short transaction, and leaves a line about each
// ([ExecutionRecord]). How often a workflow ran is counted up to a border that
// housekeeping moves, plus what is there above it. Every statement on a table that
// grows reads a stretch of an index: a test looks at all plans, and a new
// statement needs a case there.
package engine
