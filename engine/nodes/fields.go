package nodes

import (
	"strings"

	"alur/engine/expr"
	"alur/engine/node"
)

// fields is [node.Fields] for settings with variables.
type fields struct{ node.Fields }

// values returns the first problem of the names that a record's values have.
func (f fields) values(collection string, values expr.Template) string {
	object, _ := values.Value().(map[string]any)
	for _, name := range sortedKeys(object) {
		if strings.Contains(name, "{{") {
			continue
		}
		if _, problem := f.Field(collection, name); problem != "" {
			return problem
		}
	}
	return ""
}
