package node

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Fields finds what is not in the catalogue (any more). Fields that a workflow
// cannot see do not exist for it.
type Fields struct{ Catalogue }

// Path says which step of a dotted path from collection is no field; "" when all
// are. It ends at an operator ("user.age.$gt"), at a variable, and inside of
// values that are no relation.
func (f Fields) Path(collection, path string) string {
	for name := range strings.SplitSeq(path, ".") {
		if name == "" || name[0] == '$' || strings.Contains(name, "{{") {
			return ""
		}
		field, problem := f.Field(collection, name)
		if problem != "" || field.Target == "" {
			return problem
		}
		collection = field.Target
	}
	return ""
}

// Field finds a field of a collection, or says that it is not there.
func (f Fields) Field(collection, name string) (Variable, string) {
	all, ok := f.Catalogue.Fields(collection)
	if !ok {
		return Variable{}, fmt.Sprintf("There is no collection “%s”.", collection)
	}
	i := slices.IndexFunc(all, func(v Variable) bool { return v.Path == name })
	if i < 0 {
		return Variable{}, fmt.Sprintf("“%s” has no field “%s”. Choose another or remove it.", collection, name)
	}
	return all[i], ""
}

// Paths returns the first problem of several paths.
func (f Fields) Paths(collection string, paths []string) string {
	for _, path := range paths {
		if problem := f.Path(collection, path); problem != "" {
			return problem
		}
	}
	return ""
}

// Filter returns the first problem of a filter's field names.
func (f Fields) Filter(collection string, filter any) string {
	switch filter := filter.(type) {
	case []any:
		for _, part := range filter {
			if problem := f.Filter(collection, part); problem != "" {
				return problem
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(filter)) {
			if problem := f.condition(collection, key, filter[key]); problem != "" {
				return problem
			}
		}
	}
	return ""
}

func (f Fields) condition(collection, key string, value any) string {
	switch {
	case key == "$and" || key == "$or" || key == "$not":
		return f.Filter(collection, value)
	case key == "" || key[0] == '$':
		return ""
	}
	if problem := f.Path(collection, key); problem != "" {
		return problem
	}
	if target := f.target(collection, key); target != "" {
		return f.Filter(target, value)
	}
	return ""
}

// target is the collection that a path of fields ends in; "" when it ends in a
// value or an operator.
func (f Fields) target(collection, path string) string {
	for name := range strings.SplitSeq(path, ".") {
		field, problem := f.Field(collection, name)
		if problem != "" {
			return ""
		}
		collection = field.Target
	}
	return collection
}
