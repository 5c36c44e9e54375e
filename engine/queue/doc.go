// Package queue hands executions to workers and takes results back: claim,
// lease, fence, answer, timer, stop, slots. The executions table is the queue.
//
// A claim leases executions of one workflow for 30 s and raises their fence.
// Finishing is conditional on the fence, so a worker that lost its lease can no
// longer write. There is one recovery mechanism: a lease that ran out is
// claimable again, and every claim counts as an attempt. [Queue.Rescue] only
// makes the leases of dead processes run out at once.
//
// Every change of a status is conditional on the one before, in one statement,
// so of an answer, a timer, a stop and a finish that meet exactly one wins. The
// order of locks is the same everywhere: timer, execution, job.
//
// # Why
//
// The statements and their traps were measured before they were built; see the
// comments in queries.sql. Claims run with synchronous_commit off: a claim lost
// in a crash of PostgreSQL is claimable again, and a repeated fence still meets
// "status IS NULL".
package queue
