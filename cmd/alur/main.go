// Command alur is the server and its tools; see package cmd.
package main

import "alur/cmd"

func main() { cmd.Main() }
