// Command example-nodes is the program of a company called Acme: Alur with node
// types, a trigger type and a function of expressions of its own. It stands in a
// module of its own, as a company's program does; package alur/engine/node tells
// how to make one.
package main

import (
	_ "acme.example/alur/forms"
	"acme.example/alur/nodes"
	_ "acme.example/alur/triggers"
	"alur/cmd"
)

func main() { cmd.Main(nodes.Own) }
