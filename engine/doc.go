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
// # Executions
//
// PostgreSQL is the only state and the only coordinator. [Engine.Start] writes
// an execution in the transaction of the change that caused it, so a confirmed
// change has its execution and a rolled-back one has none. [Engine.Work] claims
// executions with a lease and a fence (package queue) and walks them in
// segments:
//
//   - a segment goes on until the execution waits or ends, or a second is over;
//   - what its local nodes change and the journal of its steps are one
//     transaction at REPEATABLE READ, run again on a conflict, so effects happen
//     exactly once and read-decide-write is right under load;
//   - executions of one workflow share a transaction while that goes well, and
//     run one by one when it does not.
//
// Waiting is a row: a task, a due time. An answer ([alur/engine/queue.Answer])
// wakes the execution in the transaction of the answer. A crash leaves leases
// that run out; whatever gets no further, again and again, ends with an error in
// words instead of going round for ever.
package engine
