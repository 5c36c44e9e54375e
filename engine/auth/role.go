package auth

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lib/pq"

	"alur/engine/audit"
	"alur/engine/fault"
	"alur/engine/pg"
)

//go:embed queries_role.sql
var roleText string

var roleQueries = pg.LoadQueries(roleText)

// RoleDefinition is a role with its rules.
type RoleDefinition struct {
	Name        Role           `json:"name"`
	Title       string         `json:"title"` // 1 to 100 characters
	Description string         `json:"description"`
	Actions     []string       `json:"actions"`  // on collections without rules of their own: "view", "view:own"
	Snippets    []string       `json:"snippets"` // patterns of management rights, see Snippets
	Default     bool           `json:"default"`  // new people get it
	Options     map[string]any `json:"options"`  // what clients keep with it
	Resources   []Resource     `json:"resources"`
	CreatedAt   time.Time      `json:"createdAt"`
	UpdatedAt   time.Time      `json:"updatedAt"`

	// Above: may do more than the one who listed the roles, who so may neither give
	// nor change it. The owner's role is above everybody.
	Above bool `json:"-"`
}

// Resource is a role's rules for one collection.
type Resource struct {
	ID         int64            `json:"id"`
	Collection string           `json:"collection"`
	OwnRules   bool             `json:"ownRules"` // false: the rules are kept, and the role's actions count
	Actions    []ResourceAction `json:"actions"`
}

// ResourceAction allows one action on the records of a collection.
type ResourceAction struct {
	ID      int64           `json:"id"`
	Name    Action          `json:"name"`
	Fields  []string        `json:"fields"`  // nil: all, also those that come later
	ScopeID *int64          `json:"scopeId"` // nil: all records
	Filter  json.RawMessage `json:"filter"`  // of the scope
}

// BuiltIn reports whether d is always there: its name and the role itself stay.
func (d RoleDefinition) BuiltIn() bool { return d.Name.builtIn() }

// Resource returns d's rules for a collection; nil when the role's actions count.
func (d RoleDefinition) Resource(collection string) *Resource {
	for i := range d.Resources {
		if r := &d.Resources[i]; r.Collection == collection && r.OwnRules {
			return r
		}
	}
	return nil
}

// Grant is what the role allows on a collection.
func (d RoleDefinition) Grant(collection string, act Action) Grant {
	return d.rights().grant(collection, act)
}

var roleForm = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_-]{0,49}$`)

const (
	maxRoles    = 200
	maxSnippets = 100
)

func (d RoleDefinition) problems() map[string]string {
	p := map[string]string{}
	if !roleForm.MatchString(string(d.Name)) {
		p["name"] = "Begin with a letter, and use only letters, digits, - and _; at most 50."
	}
	if n := utf8.RuneCountInString(d.Title); n == 0 || n > 100 || hasControl(d.Title) {
		p["title"] = "Write a name of 1 to 100 characters."
	}
	if utf8.RuneCountInString(d.Description) > 500 || hasControl(d.Description) {
		p["description"] = "Write at most 500 characters, in one line."
	}
	for _, entry := range d.Actions {
		name, own := strings.CutSuffix(entry, ":own")
		if act := Action(name); !act.known() || own && !act.Reaches() {
			p["actions"] = fmt.Sprintf("There is no action “%s”. Use %s, and “:own” after those on records that are there.", clip(entry, 40), actionNames())
		}
	}
	if len(d.Snippets) > maxSnippets {
		p["snippets"] = fmt.Sprintf("List at most %d rights.", maxSnippets)
	}
	for _, s := range d.Snippets {
		if !snippetForm.MatchString(s) {
			p["snippets"] = fmt.Sprintf("“%s” is no right. Write them like pm.users, pm.* or !pm.users.", clip(s, 40))
		}
	}
	return p
}

func actionNames() string {
	names := make([]string, len(Actions))
	for i, a := range Actions {
		names[i] = string(a)
	}
	return strings.Join(names, ", ")
}

var (
	errNoRole = fault.New(fault.NotFound, "There is no such role.")
	errAbove  = fault.New(fault.Forbidden, "This would give rights that you do not have yourself. Ask somebody who has them.")
	errFixed  = fault.New(fault.Forbidden, "The role of the owner stays as it is.")
)

// Roles lists all roles to those who look after people or roles.
func (s *Store) Roles(ctx context.Context, a Actor) ([]RoleDefinition, error) {
	if !a.Can(ManageRoles) {
		if err := a.Require(ManageUsers); err != nil {
			return nil, err
		}
	}
	b, err := s.fresh(ctx)
	if err != nil {
		return nil, err
	}
	list := slices.Clone(b.list)
	names := make([]Role, len(list))
	for i, d := range list {
		names[i] = d.Name
	}
	levels, err := a.above(ctx, s.DB.Side(), nil, names)
	if err != nil {
		return nil, err
	}
	for i, d := range list {
		list[i].Above = d.Name == Root || !a.covers(d.rights()) || levels.roles[d.Name]
	}
	return list, nil
}

// RoleNamed returns one role to those who may list them.
func (s *Store) RoleNamed(ctx context.Context, a Actor, name Role) (RoleDefinition, error) {
	all, err := s.Roles(ctx, a)
	if err != nil {
		return RoleDefinition{}, err
	}
	for _, d := range all {
		if d.Name == name {
			return d, nil
		}
	}
	return RoleDefinition{}, errNoRole
}

// PeoplePerRole counts who has which role, also among further ones.
func (s *Store) PeoplePerRole(ctx context.Context, a Actor) (map[Role]int, error) {
	if _, err := s.Roles(ctx, a); err != nil {
		return nil, err
	}
	var rows []struct {
		Role   Role `db:"role"`
		People int  `db:"people"`
	}
	if err := s.DB.SelectContext(ctx, &rows, roleQueries.Get("people per role")); err != nil {
		return nil, fmt.Errorf("count people per role: %w", err)
	}
	counts := map[Role]int{}
	for _, r := range rows {
		counts[r.Role] = r.People
	}
	return counts, nil
}

// CreateRole makes a role that may do no more than a. Without a name it gets one.
func (s *Store) CreateRole(ctx context.Context, a Actor, d RoleDefinition) (RoleDefinition, error) {
	d.Title, d.Resources = strings.TrimSpace(d.Title), nil
	if d.Name == "" {
		_, h := newToken("")
		d.Name = Role("r_" + h.String()[:11])
	}
	if d.Title == "" {
		d.Title = string(d.Name)
	}
	err := s.changeRoles(ctx, a, fmt.Sprintf("Made the role %s.", d.Name), func(tx *pg.Tx, b *book) error {
		if err := fault.Fields(d.problems()); err != nil {
			return err
		}
		if len(b.list) >= maxRoles {
			return fault.New(fault.Invalid, fmt.Sprintf("There are %d roles, which is the most. Delete one that nobody needs.", maxRoles))
		}
		if !a.covers(d.rights()) {
			return errAbove
		}
		options, err := optionsJSON(d.Options)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, roleQueries.Get("insert role"), d.Name, d.Title, d.Description, texts(d.Actions), texts(d.Snippets), options, s.now())
		if pg.IsUnique(err) {
			return fault.Fields(map[string]string{"name": "There is a role of this name already. Choose another."})
		}
		return err
	})
	if err != nil {
		return RoleDefinition{}, fmt.Errorf("create role %s: %w", d.Name, err)
	}
	return s.RoleNamed(ctx, a, d.Name)
}

// RoleChange says what to change of a role; nil leaves a thing as it is.
type RoleChange struct {
	Title       *string
	Description *string
	Actions     *[]string
	Snippets    *[]string
	Options     map[string]any // laid over what is there
}

// UpdateRole changes a role. Nobody changes one that may do more than they may,
// before or after; the owner's stays as it is.
func (s *Store) UpdateRole(ctx context.Context, a Actor, name Role, c RoleChange) (RoleDefinition, error) {
	err := s.changeRole(ctx, a, name, fmt.Sprintf("Changed the role %s.", name), func(tx *pg.Tx, d *RoleDefinition) error {
		set(&d.Title, c.Title)
		set(&d.Description, c.Description)
		if c.Actions != nil {
			d.Actions = *c.Actions
		}
		if c.Snippets != nil {
			d.Snippets = *c.Snippets
		}
		for k, v := range c.Options {
			if d.Options == nil {
				d.Options = map[string]any{}
			}
			d.Options[k] = v
		}
		if err := fault.Fields(d.problems()); err != nil {
			return err
		}
		options, err := optionsJSON(d.Options)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, roleQueries.Get("update role"), name, d.Title, d.Description, texts(d.Actions), texts(d.Snippets), options, s.now())
		return err
	})
	if err != nil {
		return RoleDefinition{}, fmt.Errorf("change role %s: %w", name, err)
	}
	return s.RoleNamed(ctx, a, name)
}

// texts is an array that is empty rather than null.
func texts(list []string) pq.StringArray { return append(pq.StringArray{}, list...) }

// maxOptions is how much clients may keep with a role.
const maxOptions = 16 << 10

func optionsJSON(m map[string]any) (string, error) {
	if m == nil {
		m = map[string]any{}
	}
	text, err := json.Marshal(m)
	if err == nil && len(text) > maxOptions {
		err = fault.New(fault.Invalid, "The options of a role hold at most 16 kB.")
	}
	return string(text), err
}

// DeleteRole deletes a role with its rules. It is refused while somebody has it
// as their own role, and for the roles that are always there.
func (s *Store) DeleteRole(ctx context.Context, a Actor, name Role) error {
	err := s.changeRole(ctx, a, name, fmt.Sprintf("Deleted the role %s.", name), func(tx *pg.Tx, d *RoleDefinition) error {
		switch {
		case name.builtIn():
			return fault.New(fault.Forbidden, "This role is always there. Take it from the people who should not have it.")
		case d.Default:
			return fault.New(fault.Conflict, "New people get this role. Choose another role for them first.")
		}
		var people int
		if err := tx.GetContext(ctx, &people, roleQueries.Get("people with only"), name); err != nil {
			return err
		}
		if people > 0 {
			who := "One person has"
			if people > 1 {
				who = fmt.Sprintf("%d people have", people)
			}
			return fault.New(fault.Conflict, who+" this role. Give them another one first.")
		}
		_, err := tx.ExecContext(ctx, roleQueries.Get("delete role"), name)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete role %s: %w", name, err)
	}
	return nil
}

// SetDefaultRole chooses the role that new people get.
func (s *Store) SetDefaultRole(ctx context.Context, a Actor, name Role) error {
	err := s.changeRole(ctx, a, name, fmt.Sprintf("Gave new people the role %s.", name), func(tx *pg.Tx, _ *RoleDefinition) error {
		if _, err := tx.ExecContext(ctx, roleQueries.Get("clear default role")); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, roleQueries.Get("set default role"), name)
		return err
	})
	if err != nil {
		return fmt.Errorf("make %s the default role: %w", name, err)
	}
	return nil
}

// changeRoles runs fn alone: roles change one after the other. It notes what was
// done, unless did is "" and fn does. All processes forget what they knew of rights.
func (s *Store) changeRoles(ctx context.Context, a Actor, did string, fn func(*pg.Tx, *book) error) error {
	if err := a.Require(ManageRoles); err != nil {
		return err
	}
	return s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		if err := s.lock(ctx, tx, "roles"); err != nil {
			return err
		}
		b, err := readBook(ctx, tx)
		if err != nil {
			return err
		}
		tx.Notify(Channel, "", notifyWithin)
		tx.OnCommit(func() { s.Forget("") })
		if err := fn(tx, b); err != nil || did == "" {
			return err
		}
		return a.Note(ctx, tx, audit.Roles, s.now(), did)
	})
}

// changeRole is changeRoles for one that is there and does not exceed a, before
// fn and after it.
func (s *Store) changeRole(ctx context.Context, a Actor, name Role, did string, fn func(*pg.Tx, *RoleDefinition) error) error {
	return s.changeRoles(ctx, a, did, func(tx *pg.Tx, b *book) error {
		return s.changeRoleIn(ctx, tx, a, b, name, func(d *RoleDefinition) error { return fn(tx, d) })
	})
}

// changeRoleIn is changeRole as a part of tx.
func (s *Store) changeRoleIn(ctx context.Context, tx *pg.Tx, a Actor, b *book, name Role, fn func(*RoleDefinition) error) error {
	levels, err := a.above(ctx, tx, nil, []Role{name})
	if err != nil {
		return err
	}
	d, ok := b.byName[name]
	switch {
	case !ok:
		return errNoRole
	case name == Root:
		return errFixed
	case !a.covers(d.rights()), levels.roles[name]:
		return errAbove
	}
	if err := fn(&d); err != nil {
		return err
	}
	if b, err = readBook(ctx, tx); err != nil {
		return err
	}
	if now, ok := b.byName[name]; ok && !a.covers(now.rights()) {
		return errAbove
	}
	return nil
}
