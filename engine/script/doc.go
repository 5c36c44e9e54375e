// Package script runs what people have written, JavaScript and expressions for
// the libraries math.js and Formula.js, in child processes that cannot take the
// server along.
//
// A [Pool] starts children: this program again, as "alur script-worker", which
// is [Work]. A child has an empty environment, the directory /, no descriptors
// but its three pipes and Go's own, a process group of its own and no way to gain
// privileges; the kernel limits it, and it dies with its parent. Only JSON crosses
// the pipes.
//
// # Isolation
//
// A child that has run a script of one key runs only scripts of that key, each in
// a runtime of its own. So a script can neither see another workflow's data nor
// change what the next run of its own finds. Expressions of all workflows share
// children, as they have no globals to leave anything in: the runtime of
// Formula.js is frozen, math.js has lost the functions that change it.
//
// # Limits
//
//	                 scripts            expressions      kept by
//	time             5 s, at most 60    2 s of work      interrupt; SIGKILL 0.5 s later
//	memory           128 MB             256 MB           RLIMIT_DATA, beyond what the program has at its start
//	stack            64 MB, 4,000 calls 64 MB, 1,000     debug.SetMaxStack, goja
//	processor time   6 minutes in a child's life         RLIMIT_CPU; it takes no more work after 4
//	files            16 descriptors, nothing written     RLIMIT_NOFILE, RLIMIT_FSIZE, RLIMIT_CORE
//	source           64 kB              16,000 bytes     checked before
//	arguments        1 MB, 64 deep      16 MB            checked before
//	result           1 MB, 64 deep      16 MB            checked in the child; frames by the parent
//	log              256 kB, then cut                    checked in the child
//	at once          [Options.Workers], all but one for  places; who waits gives up with its context
//	                 one key; others take turns
//
// A script that meets a limit gives an [Error] that names it. What the kernel or
// the parent ends costs that run only: the pool takes the next child.
//
// # Language
//
// What goja knows of ECMAScript, as the body of an async function: arguments are
// globals, return gives the result, await works. There are no timers, files or
// network, so a promise that is not settled when the script ends never will be,
// which is an error. console writes the log. require knows lodash, dayjs with
// plugins, uuid, and crypto: the part of Node.js's that hashes, with Go's
// implementation.
//
// # Processes
//
// Nothing is started before the first script or expression that needs it. From
// then on one blank child waits, so that a new key costs no start. Children stay
// for five minutes after their last use, a few of each kind. Expressions have
// places and children of their own, so that scripts do not hold them up; each
// library has a second child, so that nobody waits long when one is killed.
//
// # Why
//
// goja in the server's process is no sandbox: 'x'.repeat(2**40), a deeply nested
// JSON text or a backtracking pattern ends or hangs the process, and nothing in Go
// can stop that. RLIMIT_AS is of no use with Go, which reserves address space
// freely; RLIMIT_DATA counts what is written. It is set relative to the start
// because a program with cgo has 8 MB of stack for each thread.
//
// The interrupt comes before the kill so that the log of a slow script is not
// lost. A thread of its own starts the children, since the kernel's parent-death
// signal follows the thread, not the process; it also passes on no_new_privs.
//
// No seccomp filter and no Landlock: goja makes no system calls, a filter for
// Go's runtime has to be kept up with every release of Go, and there is no small,
// well-kept package for it.
package script
