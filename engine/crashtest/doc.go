// Package crashtest starts the real program and kills it, for tests of what must
// survive: the server, its private PostgreSQL, and both.
//
// The program is built once and shared by all test processes of a run. What a
// test starts ends with the test, whatever happens in between.
package crashtest
