package pg

import (
	"strings"

	"github.com/jmoiron/sqlx"
)

// Queries maps the name of a statement to its text.
type Queries map[string]string

// LoadQueries reads statements that each stand under a line "-- name: x". Other
// "--" comments are removed: sqlx reads a colon in them as a parameter. It
// panics on text that breaks these rules, for that is a broken build.
func LoadQueries(text string) Queries {
	qs := Queries{}
	name := ""
	for line := range strings.Lines(text) {
		if n, ok := strings.CutPrefix(line, "-- name:"); ok {
			name = strings.TrimSpace(n)
			if _, twice := qs[name]; twice || name == "" {
				panic("pg: query named twice or not at all: " + name)
			}
			qs[name] = ""
			continue
		}
		line, _, _ = strings.Cut(line, "--")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if name == "" {
			panic("pg: SQL before the first -- name: line: " + line)
		}
		qs[name] += strings.TrimRight(line, "\n ") + "\n"
	}
	return qs
}

// Named turns the statement called name with :parameters into one with $1…;
// arg is a struct with db tags or a map. It panics when there is no such
// statement.
func (qs Queries) Named(name string, arg any) (string, []any, error) {
	query, args, err := sqlx.Named(qs.Get(name), arg)
	if err != nil {
		return "", nil, err
	}
	return sqlx.Rebind(sqlx.DOLLAR, query), args, nil
}

// Get returns the statement called name, and panics when there is none.
func (qs Queries) Get(name string) string {
	q, ok := qs[name]
	if !ok {
		panic("pg: no query named " + name)
	}
	return q
}
