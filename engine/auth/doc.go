// Package auth knows who asks and what they may do: people, their passwords,
// sessions and one-time links, and the three built-in roles.
//
// What they may do with all of something a [Right] says, with the records of a
// collection a [Grant], and with single workflows a [Level]; see [Reach].
//
// Whoever calls the engine passes an [Actor]; every call that can be refused
// asks it with [Actor.Require]. Handlers get the actor from [Store.Resolve].
//
// # What it promises
//
//   - Only SHA-256 hashes of tokens are stored. A token is shown once.
//   - A revoked session is refused at once by the process that revoked it and
//     within two seconds by all others ([sessionCache]).
//   - A one-time link is used once, however many try at the same moment.
//   - Sign-in does the same work for an unknown account as for a known one, and
//     of the tries that run at the same time no more than five wrong ones get
//     an answer.
//   - At most two passwords are hashed at the same time, 64 MiB each, so a flood
//     of sign-ins waits instead of eating the memory.
//   - A root is changed only by themself and by the operator of the server
//     (cmd "alur user"), and the last one stays.
//
// # Why no session library
//
// alexedwards/scs keeps a bag of data per session and loads and saves it around
// each request. Our sessions hold no data: what we need is to list and end them
// by person, two kinds of clients, an idle and an absolute end, and an actor
// without a query for most requests. The table alur.sessions and six statements
// do that in less code than a store adapter would take.
package auth
