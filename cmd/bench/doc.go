// Command bench measures the engine beside the floor of the machine it runs on:
// what PostgreSQL and lib/pq do at best with the same rows, in the same minute.
// Only the ratios travel from one machine to another.
//
// It starts a throw-away PostgreSQL (fsync on) and prints one line a figure,
//
//	RESULT <work> <metric> <value> <unit> [floor=<value> ratio=<value>]
//
// on standard output and everything else on standard error. Names as arguments
// run some works only: floor is always measured, because the others refer to it.
package main
