// Package crashtest starts the real program and kills it, for tests of what must
// survive: the server, its private PostgreSQL, and both.
//
// The tests run in two versions. The short one is part of every run. "make crash"
// sets CRASH to how long random scenarios go on, takes the numbers of the
// promises for the others, prints the seed of its random numbers (CRASH_SEED runs
// it again), and keeps a dump of the database of each test that fails.
//
// The program is built once and shared by all test processes of a run. What a
// test starts ends with the test, whatever happens in between.
package crashtest
