package views

import "alur/static"

var sprite = static.Path("icons.svg")

// iconURL addresses one symbol. A name that is not in the sprite would show
// nothing; TestIcons finds such names.
func iconURL(name string) string { return sprite + "#" + name }
