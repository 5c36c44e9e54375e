// Command program is alur as a company builds it: the same main, with node types
// of its own. The crash tests run it.
package main

import (
	"alur/cmd"
	_ "alur/engine/crashtest/outside"
)

func main() { cmd.Main() }
