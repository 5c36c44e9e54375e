package views

import "alur/static"

// iconURL addresses one symbol. A name that is not in the sprite would show
// nothing; TestIcons finds such names.
func iconURL(name string) string { return static.Path("icons.svg") + "#" + name }
