// Package cmd is the program alur: its subcommands, its settings, and the
// wiring of the parts. It makes no decisions of its own about workflows, data
// or pages.
//
// A company's own program imports its node and trigger types and calls [Main]:
//
//	package main
//
//	import (
//		"alur/cmd"
//		_ "example.com/ourcompany/nodes"
//	)
//
//	func main() { cmd.Main() }
//
// Package node tells how to write them, and cmd/example-nodes is such a program.
//
// The subcommand script-worker is not for people: servers start it, without an
// environment, to run scripts and calculations away from themselves; see package
// script.
//
// # Promises
//
//   - What is wrong with the settings or the machine is said in one sentence
//     that ends with what to do, and the exit code is 1. A wrong use of the
//     command line is 2.
//   - SIGTERM and SIGINT stop in order: no new requests and claims, up to 25 s
//     for what is under way, then the database. A second signal stops at once.
//   - The one-time setup link goes to standard output; the log goes to standard
//     error.
package cmd
