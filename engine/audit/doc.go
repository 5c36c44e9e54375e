// Package audit keeps who did what, when, from where and through which channel
// (promises.md S13): sign-ins and sign-outs, people, roles, keys, what is
// published, defined, exported and decided, and what workflows change.
//
// An entry is written in the transaction of what it is about, so that neither is
// there without the other; a failed sign-in has a transaction of its own.
//
// Where a request comes from travels in its context ([With]), so that no call in
// between has to hand it on.
//
// # Workflows
//
// What an execution changes in records is counted where records are written, by
// way of the context too ([Tallying], [Count]), and one entry says it all: how many
// records of which collections, which version, which execution. Its own journal
// has the details. The entry is written by the very statement that writes the
// journal, for all executions of a batch: it costs a row of about 200 bytes with three
// entries in indexes, and no round trip. What counts as one is what
// commits at once: an execution that waits for a person in between, or that is
// written in parts because it takes long, has an entry for each part, since an
// entry is never changed.
//
// # Only added to
//
// Triggers refuse UPDATE, DELETE and TRUNCATE, whoever asks. The role that owns the
// table can drop them, though, and that is the role the server connects with. An
// administrator of the database can take the table away from it, once, as a
// superuser; "alur doctor" names the statements ([Protect]) as long as nobody did.
// Entries are kept for good: nothing says after which time they are not needed.
//
// The package knows nothing of people and rights, so that package auth can use
// it.
package audit
