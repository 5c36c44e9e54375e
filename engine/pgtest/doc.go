// Package pgtest gives tests databases on a real PostgreSQL: fresh, migrated,
// and dropped at the end of the test.
//
// All test processes of a user share one throw-away cluster. The first one
// starts a keeper, which is the same test program run again in the background;
// it ends with its server and its files half a minute after the last test
// process. Databases are copies of a template that is migrated once for each
// state of the migrations.
//
// Importing the package from a main program would make that program a possible
// keeper; only tests import it.
package pgtest
