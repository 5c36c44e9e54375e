// Package queue hands executions to workers and takes results back: claim,
// lease, fence, answer, wake-up. The executions table is the queue.
//
// A claim leases executions of one workflow for 30 s and raises their fence.
// Finishing is conditional on the fence, so a worker that lost its lease can no
// longer write. There is one recovery mechanism: a lease that ran out is
// claimable again, and every claim counts as an attempt. [Queue.Rescue] only
// makes the leases of dead processes run out at once.
//
// # Why
//
// The statements and their traps were measured before they were built; see the
// comments in queries.sql. Claims run with synchronous_commit off: a claim lost
// in a crash of PostgreSQL is claimable again, and a repeated fence still meets
// "status IS NULL".
package queue
