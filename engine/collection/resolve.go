package collection

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"alur/engine/auth"
	"alur/engine/pg"
)

var (
	placeholder = regexp.MustCompile(`\{\{\s*([^{}]*?)\s*\}\}`)
	rollingDay  = regexp.MustCompile(`^(last|next)(7|30|90)Days$`)
)

// Resolve replaces the variables in a filter that somebody sent: {{$user.id}} and
// what else the person's own record shows, {{$nRole}}, and {{$nDate.today}} with
// the other names of periods (spec/platform.md §5). A variable that does not exist
// is an error: a condition without its value would mean something else.
func (s *Store) Resolve(ctx context.Context, q pg.Q, a Access, filter any) (any, error) {
	return resolved(filter, func(path string) (any, error) { return s.variable(ctx, q, a, path) })
}

// resolved copies v where it holds variables, and returns it as it is otherwise.
func resolved(v any, value func(path string) (any, error)) (any, error) {
	switch x := v.(type) {
	case string:
		return resolvedText(x, value)
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			r, err := resolved(e, value)
			if err != nil {
				return nil, err
			}
			out[i] = r
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(x))
		for k, e := range x {
			r, err := resolved(e, value)
			if err != nil {
				return nil, err
			}
			out[k] = r
		}
		return out, nil
	}
	return v, nil
}

// resolvedText keeps the type of a variable that is the whole text.
func resolvedText(s string, value func(path string) (any, error)) (any, error) {
	if !strings.Contains(s, "{{") {
		return s, nil
	}
	places := placeholder.FindAllStringSubmatchIndex(s, -1)
	if len(places) == 1 && strings.TrimSpace(s) == s[places[0][0]:places[0][1]] {
		return value(s[places[0][2]:places[0][3]])
	}
	var b strings.Builder
	at := 0
	for _, p := range places {
		v, err := value(s[p[2]:p[3]])
		if err != nil {
			return nil, err
		}
		b.WriteString(s[at:p[0]])
		b.WriteString(Format(v))
		at = p[1]
	}
	b.WriteString(s[at:])
	return b.String(), nil
}

func (s *Store) variable(ctx context.Context, q pg.Q, a Access, path string) (any, error) {
	for _, root := range []string{"$user.", "ctx.state.currentUser.", "currentUser."} {
		if rest, ok := strings.CutPrefix(path, root); ok {
			return s.own(ctx, q, a, rest)
		}
	}
	switch path {
	case "$nRole", "ctx.state.currentRole":
		return string(a.Actor.Role), nil
	case "$nDate.now", "$system.now":
		return s.now().UTC().Format(Instant), nil
	}
	if name, ok := strings.CutPrefix(path, "$nDate."); ok {
		if v := namedDate(name, s.now().In(a.zone())); v != nil {
			return v, nil
		}
	}
	return nil, badFilter("There is no variable “%s”.", short(path))
}

// own reads a value of the record of who asks.
func (s *Store) own(ctx context.Context, q pg.Q, a Access, path string) (any, error) {
	if path == "id" {
		return float64(a.Actor.UserID), nil
	}
	rec, err := s.First(ctx, q, Access{Actor: auth.System, Zone: a.Zone}, "users", Query{Filter: a.Actor.UserID, Fields: []string{path}})
	if err != nil {
		return nil, badFilter("There is no variable “%s”.", short("$user."+path))
	}
	var v any = rec
	for step := range strings.SplitSeq(path, ".") {
		v = memberOf(v, step)
	}
	return v, nil
}

// memberOf is a member of an object, or those of the objects in a list.
func memberOf(v any, name string) any {
	switch x := v.(type) {
	case map[string]any:
		return x[name]
	case []any:
		out := make([]any, 0, len(x))
		for _, e := range x {
			out = append(out, memberOf(e, name))
		}
		return out
	}
	return nil
}

// namedDate is the value of a date operator for "today", "lastMonth" or
// "last7Days"; nil when there is none of this name.
func namedDate(name string, now time.Time) any {
	if m := rollingDay.FindStringSubmatch(name); m != nil {
		var days int
		fmt.Sscan(m[2], &days)
		from := now.AddDate(0, 0, 1)
		if m[1] == "last" {
			from = now.AddDate(0, 0, 1-days)
		}
		return []any{from.Format(time.DateOnly), from.AddDate(0, 0, days).Format(time.DateOnly), "[)"}
	}
	relative := map[string]any{"type": name}
	if _, err := relativePeriod(relative, now); err != nil || name == "past" || name == "next" {
		return nil
	}
	return relative
}
