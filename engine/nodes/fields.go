package nodes

import (
	"fmt"
	"strings"

	"alur/engine/expr"
	"alur/engine/node"
)

// fields is [node.Fields] for settings with variables.
type fields struct{ node.Fields }

// values returns the first problem of the names that a record's values have, or those
// of several.
func (f fields) values(collection string, values any) string {
	list, _ := values.([]any)
	for i, one := range list {
		if problem := f.values(collection, one); problem != "" {
			return fmt.Sprintf("Record %d: %s", i+1, problem)
		}
	}
	object, _ := values.(map[string]any)
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

// oneVariable reports whether a setting is one variable and nothing else.
func oneVariable(v any) bool {
	text, _ := v.(string)
	all := expr.Placeholders(text)
	return len(all) == 1 && all[0].Start == 0 && all[0].End == len(text)
}
