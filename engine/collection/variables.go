package collection

import "strings"

// fill puts values in the place of the variables in the filter of a scope, as in
// {"ownerId": "{{$user.id}}"}. It knows what it needs of the one who asks, and
// reads nothing: a scope stands in every statement.
func (b *builder) fill(filter any) (any, error) {
	return resolved(filter, func(path string) (any, error) {
		a := b.a.Actor
		for _, root := range []string{"$user.", "ctx.state.currentUser.", "currentUser."} {
			switch rest, ok := strings.CutPrefix(path, root); {
			case !ok:
			case rest == "id":
				return float64(a.UserID), nil
			case rest == "nickname":
				return a.Name, nil
			case rest == "email":
				return a.Email, nil
			}
		}
		switch path {
		case "$nRole", "ctx.state.currentRole":
			return string(a.Role), nil
		case "$nDate.now", "$system.now":
			return b.now.UTC().Format(Instant), nil
		}
		if name, ok := strings.CutPrefix(path, "$nDate."); ok {
			if v := namedDate(name, b.now.In(b.a.zone())); v != nil {
				return v, nil
			}
		}
		return nil, badFilter("There is no variable “%s”. Use $user.id, $user.nickname, $user.email, $nRole or $nDate.today.", short(path))
	})
}
