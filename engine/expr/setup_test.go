package expr

import "alur/engine/script/scripttest"

func init() { Use(scripttest.Shared()) }
