// Package audit keeps who did what, when, from where and through which channel
// (promises.md S13): sign-ins, people, roles, keys, what is published, defined,
// exported and decided.
//
// An entry is written in the transaction of what it is about, so that neither is
// there without the other; a failed sign-in has a transaction of its own. Rows
// are only ever added: a trigger refuses everything else.
//
// Where a request comes from travels in its context ([With]), so that no call in
// between has to hand it on. What workflows change in records is not repeated
// here: their executions say it, step by step.
//
// The package knows nothing of people and rights, so that package auth can use
// it.
package audit
