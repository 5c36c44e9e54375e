// Package link makes and looks up the tokens in mailed links, by which a person
// decides a task without signing in.
//
// A token is 256 random bits with a checksum, bound to one person and one task,
// and lives for at most 14 days. The database holds its SHA-256 only, so a copy
// of the database opens nothing; what looks a token up is that hash, so there is
// no comparison to time. A newer link for the same person and task voids the
// older ones.
//
// A link is one use because the task is: deciding it is a conditional update of
// the task, and whoever comes later, by the same link or another, is shown how
// it came out. That is why looking up never fails for a used, expired or voided
// link; see [Link.Usable].
package link
