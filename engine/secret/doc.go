// Package secret keeps what {{$env.NAME}} stands for in workflows: variables in
// the open, and secrets, such as the token of another service.
//
// A secret is sealed with AES-256-GCM before it reaches the database, with a key
// that is not in the database ([Box]), and its name goes into the seal: the value
// of one variable cannot be put under the name of another. No answer, page or
// export ever holds the value of a secret again.
//
// # Masks
//
// Steps see the values; what is kept of a step does not hold them. As soon as a
// step ends, every occurrence of a secret in its input, its result and its log
// becomes [Mask], for the steps after it too: a value means the same before and
// after a wait. So a secret is referred to where it is needed, not passed on from
// step to step. The texts that are looked for are the secret as it is, as in JSON
// and as in a URL. What was worked out of a secret, such as a hash, is not it and
// stays. A server's own log is masked the same way ([Store.Handler]).
//
// Not masked is what a step does in the world: a record that a workflow fills with
// a secret, a mail that it writes one into, a request that it sends.
//
// # Why
//
// A secret has at least four characters: masking "a" would blot out every text.
package secret
