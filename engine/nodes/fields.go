package nodes

import (
	"fmt"
	"slices"
	"strings"

	"alur/engine/expr"
	"alur/engine/node"
)

// fields finds what is not in the catalogue (any more). Fields that a workflow
// cannot see do not exist for it.
type fields struct{ cat node.Catalogue }

// path says which step of a dotted path from collection is no field; "" when all
// are. It ends at an operator ("user.age.$gt"), at a variable, and inside of
// values that are no relation.
func (f fields) path(collection, path string) string {
	for name := range strings.SplitSeq(path, ".") {
		if name == "" || name[0] == '$' || strings.Contains(name, "{{") {
			return ""
		}
		field, problem := f.field(collection, name)
		if problem != "" || field.Target == "" {
			return problem
		}
		collection = field.Target
	}
	return ""
}

func (f fields) field(collection, name string) (node.Variable, string) {
	all, ok := f.cat.Fields(collection)
	if !ok {
		return node.Variable{}, fmt.Sprintf("There is no collection “%s”.", collection)
	}
	i := slices.IndexFunc(all, func(v node.Variable) bool { return v.Path == name })
	if i < 0 {
		return node.Variable{}, fmt.Sprintf("“%s” has no field “%s”. Choose another or remove it.", collection, name)
	}
	return all[i], ""
}

// paths returns the first problem of several paths.
func (f fields) paths(collection string, paths []string) string {
	for _, path := range paths {
		if problem := f.path(collection, path); problem != "" {
			return problem
		}
	}
	return ""
}

// filter returns the first problem of a filter's field names.
func (f fields) filter(collection string, filter any) string {
	switch filter := filter.(type) {
	case []any:
		for _, part := range filter {
			if problem := f.filter(collection, part); problem != "" {
				return problem
			}
		}
	case map[string]any:
		for _, key := range sortedKeys(filter) {
			if problem := f.condition(collection, key, filter[key]); problem != "" {
				return problem
			}
		}
	}
	return ""
}

func (f fields) condition(collection, key string, value any) string {
	switch {
	case key == "$and" || key == "$or" || key == "$not":
		return f.filter(collection, value)
	case key == "" || key[0] == '$':
		return ""
	}
	if problem := f.path(collection, key); problem != "" {
		return problem
	}
	if target := f.target(collection, key); target != "" {
		return f.filter(target, value)
	}
	return ""
}

// target is the collection that a path of fields ends in; "" when it ends in a
// value or an operator.
func (f fields) target(collection, path string) string {
	for name := range strings.SplitSeq(path, ".") {
		field, problem := f.field(collection, name)
		if problem != "" {
			return ""
		}
		collection = field.Target
	}
	return collection
}

// values returns the first problem of the names that a record's values have.
func (f fields) values(collection string, values expr.Template) string {
	object, _ := values.Value().(map[string]any)
	for _, name := range sortedKeys(object) {
		if strings.Contains(name, "{{") {
			continue
		}
		if _, problem := f.field(collection, name); problem != "" {
			return problem
		}
	}
	return ""
}
