package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lib/pq"

	"alur/engine/audit"
	"alur/engine/fault"
	"alur/engine/pg"
)

const (
	maxFields = 500 // of one action
	maxScopes = 500
	maxFilter = 16 << 10 // bytes of a scope's filter
)

// PutResource sets a role's rules for a collection, as a whole. The collection
// must be one that people made.
func (s *Store) PutResource(ctx context.Context, a Actor, name Role, res Resource) (Resource, error) {
	err := s.changeRole(ctx, a, name, fmt.Sprintf("Set the rules of the role %s for “%s”.", name, res.Collection), func(tx *pg.Tx, _ *RoleDefinition) error {
		seen := map[Action]bool{}
		for _, act := range res.Actions {
			switch {
			case !act.Name.known():
				return fault.Fields(map[string]string{"actions": fmt.Sprintf("There is no action “%s”. Use %s.", clip(string(act.Name), 40), actionNames())})
			case seen[act.Name]:
				return fault.Fields(map[string]string{"actions": fmt.Sprintf("“%s” is there twice. List each action once.", act.Name)})
			case len(act.Fields) > maxFields:
				return fault.Fields(map[string]string{"actions": fmt.Sprintf("List at most %d fields, or none for all.", maxFields)})
			}
			seen[act.Name] = true
		}
		var id int64
		err := tx.GetContext(ctx, &id, roleQueries.Get("put resource"), s.IDs.Next(), name, res.Collection, res.OwnRules)
		if pg.IsForeignKey(err) {
			return fault.Fields(map[string]string{"name": "There is no collection of this name whose records people may be given rights on."})
		}
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, roleQueries.Get("clear actions"), id); err != nil {
			return err
		}
		for _, act := range res.Actions {
			var fields any
			if act.Fields != nil {
				fields = pq.StringArray(act.Fields)
			}
			scope := act.ScopeID
			if !act.Name.Reaches() {
				scope = nil
			}
			_, err := tx.ExecContext(ctx, roleQueries.Get("insert action"), s.IDs.Next(), id, act.Name, fields, scope)
			if pg.IsForeignKey(err) {
				return fault.Fields(map[string]string{"actions": "There is no such scope. Choose one from the list."})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Resource{}, fmt.Errorf("set the rules of %s for %s: %w", name, res.Collection, err)
	}
	d, err := s.RoleNamed(ctx, a, name)
	if err != nil {
		return Resource{}, err
	}
	for _, r := range d.Resources {
		if r.Collection == res.Collection {
			return r, nil
		}
	}
	return Resource{}, errNoRole // deleted meanwhile
}

// DropResource removes a role's rules for a collection: the role's actions count
// again.
func (s *Store) DropResource(ctx context.Context, a Actor, name Role, collection string) error {
	err := s.changeRole(ctx, a, name, fmt.Sprintf("Took the role %s its own rules for “%s”.", name, collection), func(tx *pg.Tx, _ *RoleDefinition) error {
		_, err := tx.ExecContext(ctx, roleQueries.Get("delete resource"), name, collection)
		return err
	})
	if err != nil {
		return fmt.Errorf("drop the rules of %s for %s: %w", name, collection, err)
	}
	return nil
}

// DropResources is DropResource for rules by their ids, all or none, and returns how
// many there were.
func (s *Store) DropResources(ctx context.Context, a Actor, ids []int64) (gone int, err error) {
	err = s.changeRoles(ctx, a, "", func(tx *pg.Tx, b *book) error {
		gone = 0
		for _, d := range b.list {
			for _, r := range d.Resources {
				if !slices.Contains(ids, r.ID) {
					continue
				}
				err := s.changeRoleIn(ctx, tx, a, b, d.Name, func(*RoleDefinition) error {
					_, err := tx.ExecContext(ctx, roleQueries.Get("delete resource"), d.Name, r.Collection)
					return err
				})
				if err == nil {
					err = a.Note(ctx, tx, audit.Roles, s.now(), fmt.Sprintf("Took the role %s its own rules for “%s”.", d.Name, r.Collection))
				}
				if err != nil {
					return fault.OfOne(err, len(ids), "Rules", r.ID)
				}
				gone++
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("drop the rules of roles: %w", err)
	}
	return gone, nil
}

// NamedScope is a filter that rules choose by name.
type NamedScope struct {
	ID         int64           `db:"id"`
	Key        string          `db:"key"`        // "all" and "own" are built in; unique, made when empty
	Name       string          `db:"name"`       // 1 to 100 characters
	Collection string          `db:"collection"` // "" for every collection
	Filter     json.RawMessage `db:"filter"`     // spec/platform.md §5, with variables
}

// BuiltIn reports whether n is always there.
func (n NamedScope) BuiltIn() bool { return n.ID == ScopeAll || n.ID == ScopeOwn }

// Scopes lists the filters that rules can choose.
func (s *Store) Scopes(ctx context.Context, a Actor) ([]NamedScope, error) {
	if err := a.Require(ManageRoles); err != nil {
		return nil, err
	}
	var list []NamedScope
	if err := s.DB.SelectContext(ctx, &list, roleQueries.Get("scopes")); err != nil {
		return nil, fmt.Errorf("list scopes: %w", err)
	}
	return list, nil
}

func (n *NamedScope) check() error {
	n.Name = strings.TrimSpace(n.Name)
	p := map[string]string{}
	if c := utf8.RuneCountInString(n.Name); c == 0 || c > 100 || hasControl(n.Name) {
		p["name"] = "Write a name of 1 to 100 characters."
	}
	if len(n.Key) > 100 || hasControl(n.Key) {
		p["key"] = "Write at most 100 characters, or leave it out."
	}
	var filter map[string]any
	switch {
	case len(n.Filter) > maxFilter:
		p["scope"] = "A filter holds at most 16 kB."
	case json.Unmarshal(n.Filter, &filter) != nil || filter == nil:
		p["scope"] = "Write the filter as a JSON object, like {\"status\": \"open\"}."
	}
	return fault.Fields(p)
}

// CreateScope makes a scope. Check its filter against the collection first.
func (s *Store) CreateScope(ctx context.Context, a Actor, n NamedScope) (NamedScope, error) {
	n.ID = s.IDs.Next()
	if n.Key == "" {
		n.Key = strconv.FormatInt(n.ID, 36)
	}
	err := s.changeScopes(ctx, a, fmt.Sprintf("Made the scope “%s”.", n.Name), func(tx *pg.Tx, list []NamedScope) error {
		if err := n.check(); err != nil {
			return err
		}
		if len(list) >= maxScopes {
			return fault.New(fault.Invalid, fmt.Sprintf("There are %d scopes, which is the most. Delete one that no role needs.", maxScopes))
		}
		_, err := tx.ExecContext(ctx, roleQueries.Get("insert scope"), n.ID, n.Key, n.Name, n.Collection, string(n.Filter), s.now())
		return scopeRefused(err)
	})
	if err != nil {
		return NamedScope{}, fmt.Errorf("create a scope: %w", err)
	}
	return n, nil
}

func scopeRefused(err error) error {
	switch {
	case pg.IsUnique(err):
		return fault.Fields(map[string]string{"key": "There is a scope with this key already. Choose another."})
	case pg.IsForeignKey(err):
		return fault.Fields(map[string]string{"resourceName": "There is no such collection."})
	}
	return err
}

// UpdateScope changes a scope and with it all rules that chose it; built-in
// ones stay. Whoever changes it must be able to reach what they open.
func (s *Store) UpdateScope(ctx context.Context, a Actor, n NamedScope) (NamedScope, error) {
	err := s.changeScope(ctx, a, n.ID, "Changed", func(tx *pg.Tx) error {
		if err := n.check(); err != nil {
			return err
		}
		if err := s.mayRescope(ctx, tx, a, n.ID); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, roleQueries.Get("update scope"), n.ID, n.Name, n.Collection, string(n.Filter), s.now())
		return scopeRefused(err)
	})
	if err != nil {
		return NamedScope{}, fmt.Errorf("change scope %d: %w", n.ID, err)
	}
	return n, nil
}

// mayRescope refuses to change a scope that limits a itself: a wider filter
// would be more rights. What a scope limits for others, a must reach without it.
func (s *Store) mayRescope(ctx context.Context, tx *pg.Tx, a Actor, id int64) error {
	b, err := readBook(ctx, tx)
	if err != nil {
		return err
	}
	for _, d := range b.list {
		for _, res := range d.Resources {
			for _, act := range res.Actions {
				if act.ScopeID != nil && *act.ScopeID == id && !a.Grant(res.Collection, act.Name).Any {
					return errAbove
				}
			}
		}
	}
	return nil
}

func scopeToChange(list []NamedScope, id int64) (NamedScope, error) {
	for _, n := range list {
		switch {
		case n.ID == id && n.BuiltIn():
			return n, fault.New(fault.Forbidden, "This scope is built in and stays as it is.")
		case n.ID == id:
			return n, nil
		}
	}
	return NamedScope{}, fault.New(fault.NotFound, "There is no such scope.")
}

// DeleteScope deletes a scope that no rule chooses.
func (s *Store) DeleteScope(ctx context.Context, a Actor, id int64) error {
	err := s.changeScope(ctx, a, id, "Deleted", func(tx *pg.Tx) error {
		_, err := tx.ExecContext(ctx, roleQueries.Get("delete scope"), id)
		if pg.IsForeignKey(err) {
			return fault.Wrap(fault.Conflict, "A role uses this scope. Choose another one there first.", err)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("delete scope %d: %w", id, err)
	}
	return nil
}

// changeScope runs fn for a scope that may be changed, and notes what was done by
// the name that it had.
func (s *Store) changeScope(ctx context.Context, a Actor, id int64, did string, fn func(*pg.Tx) error) error {
	return s.changeScopes(ctx, a, "", func(tx *pg.Tx, list []NamedScope) error {
		n, err := scopeToChange(list, id)
		if err != nil {
			return err
		}
		if err := fn(tx); err != nil {
			return err
		}
		return a.Note(ctx, tx, audit.Roles, s.now(), fmt.Sprintf("%s the scope “%s”.", did, n.Name))
	})
}

func (s *Store) changeScopes(ctx context.Context, a Actor, did string, fn func(*pg.Tx, []NamedScope) error) error {
	return s.changeRoles(ctx, a, did, func(tx *pg.Tx, _ *book) error {
		var list []NamedScope
		if err := tx.SelectContext(ctx, &list, roleQueries.Get("scopes")); err != nil {
			return err
		}
		return fn(tx, list)
	})
}

// Until is when a right that is given for a time at now ends: "1d", "30d" or
// "never"; nil for never.
func Until(now time.Time, life string) (*time.Time, error) {
	if life == "never" || life == "" {
		return nil, nil
	}
	days, err := strconv.Atoi(strings.TrimSuffix(life, "d"))
	if err != nil || days < 1 || days > 3650 {
		return nil, fault.Fields(map[string]string{"expiresIn": "Write the days like 30d, at most 3650d, or never."})
	}
	end := now.AddDate(0, 0, days)
	return &end, nil
}
