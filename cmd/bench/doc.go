// Command bench measures the engine beside the floor of the machine it runs on:
// what PostgreSQL and lib/pq do at best with the same rows, in the same minute.
// Only the ratios travel from one machine to another.
//
// It starts a throw-away PostgreSQL (fsync on) and prints one line a figure,
//
//	RESULT <work> <metric> <value> <unit> [floor=<value> ratio=<value>]
//
// on standard output and everything else on standard error. -only runs some
// works; floor is always measured, because the others refer to it.
//
// A rate says little while the machine is busy with something else. The CPU time
// of an execution, which drains print too, stays within a third.
package main
