package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lib/pq"

	"alur/engine/fault"
	"alur/engine/pg"
)

// Channel is where processes tell each other whose rights have changed: the id
// of a person, or "" for everybody's. Whoever listens calls [Store.Forget];
// without it a process notices within two seconds.
const Channel = "alur_rights"

// notifyWithin is how long such signals are collected.
const notifyWithin = 5 * time.Millisecond

// book is all roles at one version. It is never changed, except that what was
// compiled is kept in it.
type book struct {
	version int64
	list    []RoleDefinition
	byName  map[Role]RoleDefinition

	mu       sync.Mutex
	compiled map[string]*Rights // by the names of roles, with commas between
}

func readBook(ctx context.Context, q pg.Q) (*book, error) {
	var row struct {
		Version int64           `db:"version"`
		Roles   json.RawMessage `db:"roles"`
	}
	if err := q.GetContext(ctx, &row, roleQueries.Get("book")); err != nil {
		return nil, fmt.Errorf("read the roles: %w", err)
	}
	b := &book{version: row.Version, byName: map[Role]RoleDefinition{}, compiled: map[string]*Rights{}}
	if err := json.Unmarshal(row.Roles, &b.list); err != nil {
		return nil, fmt.Errorf("read the roles: %w", err)
	}
	for _, d := range b.list {
		b.byName[d.Name] = d
	}
	return b, nil
}

// rights is what roles allow together. Roles that are not there allow nothing.
func (b *book) rights(roles []Role) *Rights {
	var key strings.Builder
	for _, r := range roles {
		key.WriteString(string(r))
		key.WriteByte(',')
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.compiled[key.String()]; r != nil {
		return r
	}
	var all []*Rights
	for _, name := range roles {
		if d, ok := b.byName[name]; ok {
			all = append(all, d.rights())
		}
	}
	r := together(all)
	b.compiled[key.String()] = r
	return r
}

// roles returns the book of a version, or of a later one.
func (s *Store) roles(ctx context.Context, version int64) (*book, error) {
	if b := s.book.Load(); b != nil && b.version >= version {
		return b, nil
	}
	b, err := readBook(ctx, s.DB.Side())
	if err != nil {
		return nil, err
	}
	s.book.Store(b)
	return b, nil
}

// fresh returns the book as it is now.
func (s *Store) fresh(ctx context.Context) (*book, error) {
	var version int64
	if err := s.DB.Side().GetContext(ctx, &version, roleQueries.Get("rights version")); err != nil {
		return nil, fmt.Errorf("read the version of the roles: %w", err)
	}
	return s.roles(ctx, version)
}

// Forget drops what is remembered of a person, named by id, or of everybody: a
// signal of [Channel].
func (s *Store) Forget(who string) {
	if id, err := strconv.ParseInt(who, 10, 64); err == nil {
		s.cache.drop(id)
		return
	}
	s.cache.clear()
}

// changed tells all processes, once tx is committed, that what person id may do
// has changed.
func (s *Store) changed(tx *pg.Tx, id int64) {
	tx.OnCommit(func() { s.cache.drop(id) })
	tx.Notify(Channel, strconv.FormatInt(id, 10), notifyWithin)
}

// ActorOf returns u as the one who asks, with all roles together.
func (s *Store) ActorOf(ctx context.Context, u User) (Actor, error) {
	b, err := s.fresh(ctx)
	if err != nil {
		return Actor{}, err
	}
	shared, err := s.sharedBy(ctx, u.ID)
	return u.in(b, u.Roles(), shared), err
}

// sharedBy is by what person id has a Level on some workflow: "" for themself, and
// their roles.
func (s *Store) sharedBy(ctx context.Context, id int64) (by pq.StringArray, err error) {
	if err := s.DB.Side().GetContext(ctx, &by, roleQueries.Get("shared by"), id); err != nil {
		return nil, fmt.Errorf("look for the workflows of user %d: %w", id, err)
	}
	return by, nil
}

// in is u acting in some of their roles; see sharedBy for shared.
func (u User) in(b *book, roles []Role, shared []string) Actor {
	a := u.Actor()
	a.Role = Union
	if len(roles) == 1 {
		a.Role = roles[0]
	}
	return a.in(b, roles, shared)
}

// in is a in these roles.
func (a Actor) in(b *book, roles []Role, shared []string) Actor {
	a.rights, a.roles = b.rights(roles), roles
	a.shared = slices.ContainsFunc(shared, func(by string) bool { return by == "" || slices.Contains(roles, Role(by)) })
	return a
}

// As is session in another one of the person's roles, as X-Role asks for it:
// Union for all of them together. A key keeps its role whatever is asked.
func (s *Store) As(ctx context.Context, session Session, role Role) (Session, error) {
	if role == "" || session.Kind == Key || role == session.Actor.Role {
		return session, nil
	}
	roles := []Role{role}
	if role == Union {
		roles = session.Roles
	} else if !session.has(role) {
		return session, unsigned("ROLE_NOT_FOUND_FOR_USER", "You do not have the role that this request asks for. Leave out X-Role, or send one of your own.")
	}
	b, err := s.roles(ctx, session.version)
	if err != nil {
		return session, err
	}
	session.Actor = session.Actor.in(b, roles, session.shared)
	session.Actor.Role = role
	return session, nil
}

// Acting returns the roles that session acts in, with their rules.
func (s *Store) Acting(ctx context.Context, session Session) ([]RoleDefinition, error) {
	if err := session.Actor.Require(UseRecords); err != nil {
		return nil, err
	}
	b, err := s.roles(ctx, session.version)
	if err != nil {
		return nil, err
	}
	var list []RoleDefinition
	for _, d := range b.list {
		if d.Name == session.Actor.Role || session.Actor.Role == Union && session.has(d.Name) {
			list = append(list, d)
		}
	}
	return list, nil
}

// actor is who a stored session speaks for: in a browser with all roles
// together, a program in the own role, a key in its own.
func (r sessionRow) actor(b *book) (Actor, error) {
	u := r.user()
	switch {
	case r.Kind == Key && !u.has(Role(r.KeyRole)):
		return Actor{}, unsigned("ROLE_NOT_FOUND_FOR_USER", "The person of this key no longer has its role. Make a new key.")
	case r.Kind == Key:
		return u.in(b, []Role{Role(r.KeyRole)}, r.Shared), nil
	case r.Kind == API:
		return u.in(b, []Role{u.Role}, r.Shared), nil
	}
	return u.in(b, u.Roles(), r.Shared), nil
}

// orDefault is role, or the one that new people get when it is "".
func (b *book) orDefault(role Role) Role {
	for _, d := range b.list {
		if role == "" && d.Default {
			return d.Name
		}
	}
	return role
}

// roleProblem is why a may not give role to somebody, "" when they may.
func (b *book) roleProblem(a Actor, role Role, levels above) string {
	d, ok := b.byName[role]
	switch {
	case !ok:
		return "There is no such role. Choose one from the list."
	case role == Root && !a.IsSystem():
		return "A root account is made at the set-up or with: alur user create --role root."
	case !a.covers(d.rights()), levels.roles[role]:
		return fmt.Sprintf("“%s” may do more than you. Ask somebody who has this role.", d.Title)
	}
	return ""
}

// Above tells those of people whom a may not change, since they may do more than a:
// by their rights, or with some workflow.
func (s *Store) Above(ctx context.Context, a Actor, people []User) (map[int64]bool, error) {
	if err := a.Require(ManageUsers); err != nil {
		return nil, err
	}
	return s.exceeding(ctx, s.DB.Side(), a, people)
}

func (s *Store) exceeding(ctx context.Context, q pg.Q, a Actor, people []User) (map[int64]bool, error) {
	b, err := s.fresh(ctx)
	if err != nil {
		return nil, err
	}
	var ids []int64
	var roles []Role
	for _, u := range people {
		ids, roles = append(ids, u.ID), append(roles, u.Roles()...)
	}
	levels, err := a.above(ctx, q, ids, roles)
	if err != nil {
		return nil, err
	}
	exceed := map[int64]bool{}
	for _, u := range people {
		more := u.has(Root) && !a.IsSystem() || !a.covers(b.rights(u.Roles())) || levels.people[u.ID] ||
			slices.ContainsFunc(u.Roles(), func(r Role) bool { return levels.roles[r] })
		if more && u.ID != a.UserID {
			exceed[u.ID] = true
		}
	}
	return exceed, nil
}

// mayChange refuses to touch a person who may do more than a.
func (s *Store) mayChange(ctx context.Context, tx *pg.Tx, a Actor, u User) error {
	exceed, err := s.exceeding(ctx, tx, a, []User{u})
	if err != nil || !exceed[u.ID] {
		return err
	}
	return fault.New(fault.Forbidden, u.Nickname+" may do more than you. Ask somebody with at least the same rights.")
}
