package auth

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/lib/pq"

	"alur/engine/pg"
)

// Level is what a person or a role may do with one workflow, all of its versions.
// Each level includes those before it; see [alur/engine.Engine.Members].
type Level string

// The levels, from the least to the most.
const (
	Viewer   Level = "viewer"   // see it, its versions, executions and what they hold
	Operator Level = "operator" // and start, cancel and dismiss executions
	Editor   Level = "editor"   // and change it, publish it, delete executions
	Owner    Level = "owner"    // and delete it, and say who may do what
)

// Levels lists the levels from the least to the most.
var Levels = []Level{Viewer, Operator, Editor, Owner}

// Known reports whether l is one of Levels.
func (l Level) Known() bool { return slices.Contains(Levels, l) }

// Includes reports whether who has l has other, too. The zero Level includes
// nothing.
func (l Level) Includes(other Level) bool {
	return l.Known() && slices.Index(Levels, l) >= slices.Index(Levels, other)
}

// Reach is the workflows that somebody may do something with, as a condition on
// rows. Every statement about workflows, executions and what belongs to them asks
// it; there is no second place that knows. The zero Reach is no workflow.
//
// It reads the members when the statement runs, so it is never behind.
type Reach struct {
	every bool
	user  int64
	roles []string
	least Level
}

// Reach is the workflows on which a has at least a level: all of them for those
// who manage workflows. What was given to a person counts in whichever role they
// act, what was given to a role only in that one.
func (a Actor) Reach(least Level) Reach {
	r := Reach{every: a.Can(ManageWorkflows), user: a.UserID, least: least}
	for _, role := range a.actingIn() {
		r.roles = append(r.roles, string(role))
	}
	return r
}

// actingIn are the roles in which a acts.
func (a Actor) actingIn() []Role {
	if a.roles == nil {
		return []Role{a.Role}
	}
	return a.roles
}

// Every reports whether r is all workflows, so that nothing needs to be asked.
func (r Reach) Every() bool { return r.every }

// Who names whose reach r is: the same for two people with the same reach.
func (r Reach) Who() string {
	if r.every {
		return "everybody"
	}
	return fmt.Sprint(r.user, r.roles, r.least)
}

// statement is one of the statements about members, for r.
func (r Reach) statement(name string, arg func(any) string) string {
	theirs := strings.NewReplacer("{user}", arg(r.user), "{roles}", arg(pq.StringArray(r.roles))).Replace(roleQueries.Get("theirs"))
	return strings.TrimSpace(strings.ReplaceAll(roleQueries.Get(name), "{theirs}", strings.TrimSpace(theirs)))
}

// Keys is a subquery for the keys of the workflows of r, which must not be all.
// arg adds a value to the statement and returns its place, as in $3.
func (r Reach) Keys(arg func(any) string) string {
	if r.every {
		panic("auth: the keys of all workflows were asked for")
	}
	return strings.ReplaceAll(r.statement("reach", arg), "{least}", arg(string(r.least)))
}

// By is what a column says of the workflow that its row belongs to.
type By string

// What a row knows of its workflow.
const (
	ByKey       By = ""          // its key
	ByVersion   By = "version"   // the id of a version
	ByExecution By = "execution" // the id of an execution
)

// Holds is the condition that a row belongs to a workflow of r; "true" for all.
func (r Reach) Holds(by By, column string, arg func(any) string) string {
	if r.every {
		return "true"
	}
	return by.among(column, r.Keys(arg))
}

// among is the condition that a row belongs to one of some workflows. They are
// read once, and not joined: then an index that has the order of a list is used
// for it.
func (by By) among(column, keys string) string {
	switch by {
	case ByVersion:
		column = "(SELECT reached.key FROM alur.workflows reached WHERE reached.id = " + column + ")"
	case ByExecution:
		column = "(SELECT reached.key FROM alur.executions reached WHERE reached.id = " + column + ")"
	}
	return column + " = ANY (ARRAY(" + keys + "))"
}

var reachPlace = regexp.MustCompile(`\{reach (?:(version|execution) )?([a-z_.$0-9]+)\}|\{reached\}`)

// Query puts r into a statement, and what that needs behind args. In the text,
// {reach w.key}, {reach version n.workflow_id} and {reach execution j.execution_id}
// are conditions; {reached} is Keys.
func (r Reach) Query(text string, args ...any) (string, []any) {
	args = slices.Clone(args)
	keys := ""
	text = reachPlace.ReplaceAllStringFunc(text, func(place string) string {
		if r.every && place != "{reached}" {
			return "true"
		}
		if keys == "" { // once, however often it is asked
			keys = r.Keys(func(v any) string {
				args = append(args, v)
				return fmt.Sprintf("$%d", len(args))
			})
		}
		if place == "{reached}" {
			return keys
		}
		m := reachPlace.FindStringSubmatch(place)
		return By(m[1]).among(m[2], keys)
	})
	return text, args
}

// Levels are the highest levels that a has, by the key of the workflow. It is not
// for those who manage all workflows.
func (a Actor) Levels(ctx context.Context, q pg.Q) (map[string]Level, error) {
	var args []any
	query := a.Reach(Viewer).statement("levels", func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	})
	var rows []struct {
		Key   string `db:"workflow_key"`
		Level Level  `db:"level"`
	}
	if err := q.SelectContext(ctx, &rows, query, args...); err != nil {
		return nil, fmt.Errorf("read the levels of user %d: %w", a.UserID, err)
	}
	levels := make(map[string]Level, len(rows))
	for _, r := range rows {
		levels[r.Key] = r.Level
	}
	return levels, nil
}

// above are people and roles who may do more with some workflow than somebody else.
type above struct {
	people map[int64]bool
	roles  map[Role]bool
}

// above finds who among people and roles is above a, who must not give such a role
// nor take over such an account: it would be a way to workflows that a does not
// reach.
func (a Actor) above(ctx context.Context, q pg.Q, people []int64, roles []Role) (above, error) {
	found := above{people: map[int64]bool{}, roles: map[Role]bool{}}
	r := a.Reach(Viewer)
	if r.every {
		return found, nil
	}
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	names := make(pq.StringArray, len(roles))
	for i, name := range roles {
		names[i] = string(name)
	}
	query := strings.NewReplacer("{people}", arg(pq.Int64Array(people)), "{asked}", arg(names)).Replace(r.statement("above", arg))
	var rows []struct {
		Person int64 `db:"person"`
		Role   Role  `db:"role"`
	}
	if err := q.SelectContext(ctx, &rows, query, args...); err != nil {
		return above{}, fmt.Errorf("compare the levels of user %d: %w", a.UserID, err)
	}
	for _, row := range rows {
		if row.Role != "" {
			found.roles[row.Role] = true
			continue
		}
		found.people[row.Person] = true
	}
	return found, nil
}

// LevelOn is the highest level that a has on the workflow called key; "" for none.
// Who manages workflows may do with each what its owners may.
func (a Actor) LevelOn(ctx context.Context, q pg.Q, key string) (Level, error) {
	r := a.Reach(Viewer)
	if r.every {
		return Owner, nil
	}
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	var l Level
	query := r.statement("level", arg)
	if err := q.GetContext(ctx, &l, strings.ReplaceAll(query, "{key}", arg(key)), args...); err != nil {
		return "", fmt.Errorf("read the level of user %d on workflow %q: %w", a.UserID, key, err)
	}
	return l, nil
}
