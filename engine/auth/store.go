package auth

import (
	"cmp"
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"alur/engine/audit"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/snowflake"
)

//go:embed queries.sql
var queriesText string

var queries = pg.LoadQueries(queriesText)

// Store keeps people, sessions and one-time links. Use one per process and
// database: it holds the cache of sessions.
type Store struct {
	DB   *pg.DB
	IDs  *snowflake.Source
	Now  func() time.Time
	Cost Cost // of hashing a password; zero for DefaultCost, cheaper only in tests

	cache   sessionCache
	hasRoot atomic.Bool                   // once there is a root there always is one
	zone    atomic.Pointer[time.Location] // the server's; nil: not read yet
	swept   atomic.Int64                  // second of the last sweep
	book    atomic.Pointer[book]          // the roles; nil: not read yet
}

// now is s.Now in the resolution that the database keeps.
func (s *Store) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

// Filter says which users to list.
type Filter struct {
	Query    string // part of a name or address; "" for all
	Role     Role   // "" for all
	Page     int    // from 1; 0 means 1
	PageSize int    // 0 means 50; at most 500
}

// List returns the users of f's page, active ones first, and how many there are
// on all pages.
func (s *Store) List(ctx context.Context, a Actor, f Filter) (users []User, total int, err error) {
	if err := a.Require(ManageUsers); err != nil {
		return nil, 0, err
	}
	f.Page = max(f.Page, 1)
	if f.PageSize <= 0 {
		f.PageSize = 50
	}
	f.PageSize = min(f.PageSize, 500)
	f.Query = strings.TrimSpace(f.Query)
	if hasControl(f.Query) {
		return nil, 0, nil // no name has it, and PostgreSQL refuses some
	}
	if err := s.DB.GetContext(ctx, &total, queries.Get("count users"), f.Query, f.Role); err != nil {
		return nil, 0, fmt.Errorf("count users: %w", err)
	}
	err = s.DB.SelectContext(ctx, &users, queries.Get("users"), f.Query, f.Role, f.PageSize, (f.Page-1)*f.PageSize)
	if err != nil {
		return nil, 0, fmt.Errorf("list users: %w", err)
	}
	return users, total, nil
}

// Get returns one user: to managers anybody, to others themselves only.
func (s *Store) Get(ctx context.Context, a Actor, id int64) (User, error) {
	if err := a.Require(UseRecords); err != nil {
		return User{}, err
	}
	if a.UserID != id && !a.Can(ManageUsers) {
		return User{}, errNoUser
	}
	return s.user(ctx, s.DB, id)
}

// ByAccount returns the active person with this email address or user name.
func (s *Store) ByAccount(ctx context.Context, a Actor, account string) (User, error) {
	if err := a.Require(ManageUsers); err != nil {
		return User{}, err
	}
	id, _, err := s.byAccount(ctx, account)
	if err != nil {
		return User{}, err
	}
	return s.user(ctx, s.DB, id) // 0 is nobody
}

func (s *Store) user(ctx context.Context, q pg.Q, id int64) (User, error) {
	return s.one(ctx, q, "user", id)
}

func (s *Store) one(ctx context.Context, q pg.Q, query string, id int64) (u User, err error) {
	switch err := q.GetContext(ctx, &u, queries.Get(query), id); {
	case errors.Is(err, sql.ErrNoRows):
		return User{}, errNoUser
	case err != nil:
		return User{}, fmt.Errorf("read user %d: %w", id, err)
	}
	return u, nil
}

// Create makes a user. Without a password they cannot sign in until they set
// one through a link; see [Store.Invite].
func (s *Store) Create(ctx context.Context, a Actor, in NewUser) (u User, err error) {
	in, password, err := s.prepare(ctx, a, in)
	if err != nil {
		return User{}, err
	}
	err = s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		if u, err = s.insert(ctx, tx, in, password); err != nil {
			return err
		}
		return a.Note(ctx, tx, audit.People, s.now(), "Made the account of "+u.described()+".")
	})
	return u, err
}

// prepare asks for the right, checks in, and hashes its password outside of any
// transaction.
func (s *Store) prepare(ctx context.Context, a Actor, in NewUser) (_ NewUser, password string, err error) {
	if err := a.Require(ManageUsers); err != nil {
		return in, "", err
	}
	in = in.tidy()
	p := in.problems()
	b, err := s.fresh(ctx)
	if err != nil {
		return in, "", err
	}
	in.Role = b.orDefault(in.Role)
	roles := append([]Role{in.Role}, in.More...)
	levels, err := a.above(ctx, s.DB, nil, roles)
	if err != nil {
		return in, "", err
	}
	for _, r := range roles {
		if msg := b.roleProblem(a, r, levels); msg != "" {
			p["role"] = msg
		}
	}
	if err := fault.Fields(p); err != nil {
		return in, "", err
	}
	if in.Password != "" {
		if password, err = hashPassword(ctx, in.Password, s.Cost); err != nil {
			return in, "", err
		}
	}
	return in, password, nil
}

// insert writes a checked user; password is a hash or "".
func (s *Store) insert(ctx context.Context, tx *pg.Tx, in NewUser, password string) (User, error) {
	id := in.ID
	if id == 0 {
		id = s.IDs.Next()
	}
	_, err := tx.ExecContext(ctx, queries.Get("insert user"),
		id, in.Nickname, in.Username, in.Email, password, in.Role, in.TimeZone, s.now())
	if err != nil {
		return User{}, fmt.Errorf("create user: %w", taken(err))
	}
	if err := s.giveRoles(ctx, tx, id, in.More); err != nil {
		return User{}, err
	}
	return s.user(ctx, tx, id)
}

// giveRoles sets the further roles of a person.
func (s *Store) giveRoles(ctx context.Context, tx *pg.Tx, id int64, roles []Role) error {
	if _, err := tx.ExecContext(ctx, roleQueries.Get("clear roles of"), id); err != nil {
		return fmt.Errorf("set the roles of user %d: %w", id, err)
	}
	for i, r := range roles {
		// Each a little later: their order is that of time.
		if _, err := tx.ExecContext(ctx, roleQueries.Get("add role"), id, r, s.now().Add(time.Duration(i)*time.Microsecond)); err != nil {
			return fmt.Errorf("set the roles of user %d: %w", id, err)
		}
	}
	return nil
}

// taken words the violation of a unique index.
func taken(err error) error {
	switch {
	case !pg.IsUnique(err):
		return err
	case pg.Constraint(err) == "users_pkey":
		return fault.Fields(map[string]string{"id": "Somebody has this id already. Leave it out for a new one."})
	case pg.Constraint(err) == "users_email":
		return fault.Fields(map[string]string{"email": "Somebody with this email address is already here. Look in the list of users."})
	}
	return fault.Fields(map[string]string{"username": "Somebody has this user name already. Choose another."})
}

// Update changes a user: managers anybody, others their own name and time zone.
// Nobody changes a root account but its owner. A new role or password ends the
// person's sessions, so that no old session has new rights.
func (s *Store) Update(ctx context.Context, a Actor, id int64, c Change) (User, error) {
	if err := a.mayUpdate(id, c); err != nil {
		return User{}, err
	}
	return s.change(ctx, a, id, s.updating(ctx, a, id, c))
}

// UpdateAll is Update for several people, all or none; active says besides whether
// they may sign in, unless it is nil. They come back in the order of ids.
func (s *Store) UpdateAll(ctx context.Context, a Actor, ids []int64, c Change, active *bool) (changed []User, err error) {
	sets := make([]func(*pg.Tx, *User) error, len(ids))
	for i, id := range ids {
		if err := a.mayUpdate(id, c); err != nil {
			return nil, fault.OfOne(err, len(ids), "Person", id)
		}
		sets[i] = s.updating(ctx, a, id, c)
	}
	err = s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		changed = nil
		for i, id := range ids {
			u, err := s.changeIn(ctx, tx, a, id, sets[i])
			if err == nil && active != nil && *active != u.Active {
				var turn func(*pg.Tx, *User) error
				if turn, err = s.turning(ctx, a, id, *active); err == nil {
					u, err = s.changeIn(ctx, tx, a, id, turn)
				}
			}
			if err != nil {
				return fault.OfOne(err, len(ids), "Person", id)
			}
			changed = append(changed, u)
		}
		return nil
	})
	return changed, err
}

// mayUpdate is the rule of [Store.Update], as far as a alone decides it.
func (a Actor) mayUpdate(id int64, c Change) error {
	if !a.Can(ManageUsers) {
		if err := a.Require(UseRecords); err != nil {
			return err
		}
		if a.UserID != id {
			return errNoUser
		}
		if c.Username != nil || c.Email != nil || c.Role != nil || c.More != nil {
			return a.Require(ManageUsers)
		}
	}
	if c.Password != nil && a.UserID == id {
		return fault.Fields(map[string]string{"password": "Change your own password on your account page."})
	}
	return nil
}

// updating writes c to a locked person.
func (s *Store) updating(ctx context.Context, a Actor, id int64, c Change) func(*pg.Tx, *User) error {
	var password string
	return func(tx *pg.Tx, u *User) error {
		old := u.Roles()
		set(&u.Nickname, c.Nickname)
		set(&u.Username, c.Username)
		set(&u.Email, c.Email)
		set(&u.TimeZone, c.TimeZone)
		if c.Role != nil {
			u.Role = *c.Role
		}
		if c.More != nil {
			u.More = nil
			for _, r := range *c.More {
				u.More = append(u.More, string(r))
			}
		}
		in := NewUser{Nickname: u.Nickname, Username: u.Username, Email: u.Email, Role: u.Role, TimeZone: u.TimeZone}
		if c.Password != nil {
			in.Password = *c.Password
		}
		p := in.problems()
		if c.Password != nil && *c.Password == "" {
			p["password"] = passwordProblem("")
		}
		roles := u.Roles()
		if err := s.mayGive(ctx, tx, a, old, roles, p); err != nil {
			return err
		}
		if err := fault.Fields(p); err != nil {
			return err
		}
		if slices.Contains(old, Root) && !slices.Contains(roles, Root) {
			if err := s.otherRoot(ctx, tx, id); err != nil {
				return err
			}
		}
		if c.More != nil {
			if err := s.giveRoles(ctx, tx, id, roles[1:]); err != nil {
				return err
			}
		}
		if c.Password != nil {
			// Hashed once even if the transaction runs again. Holding the row's
			// lock meanwhile hurts nobody: it is one person's.
			if password == "" {
				var err error
				if password, err = hashPassword(ctx, *c.Password, s.Cost); err != nil {
					return err
				}
			}
			if _, err := tx.ExecContext(ctx, queries.Get("set password"), id, password, s.now()); err != nil {
				return fmt.Errorf("set the password of user %d: %w", id, err)
			}
		}
		if !slices.Equal(old, roles) || c.Password != nil {
			return s.endSessions(ctx, tx, id, hash{})
		}
		return nil
	}
}

// mayGive notes in p when a may not give roles that a person does not have yet.
func (s *Store) mayGive(ctx context.Context, tx *pg.Tx, a Actor, old, roles []Role, p map[string]string) error {
	added := slices.DeleteFunc(slices.Clone(roles), func(r Role) bool { return slices.Contains(old, r) })
	if len(added) == 0 {
		return nil
	}
	b, err := s.fresh(ctx)
	if err != nil {
		return err
	}
	levels, err := a.above(ctx, tx, nil, added)
	if err != nil {
		return err
	}
	for _, r := range added {
		if msg := b.roleProblem(a, r, levels); msg != "" {
			p["role"] = msg
		}
	}
	return nil
}

// SetOwnRole makes one of a's roles the own one, in which programs act unless
// they ask for another.
func (s *Store) SetOwnRole(ctx context.Context, a Actor, role Role) (User, error) {
	if err := a.Require(UseRecords); err != nil {
		return User{}, err
	}
	return s.change(ctx, a, a.UserID, func(tx *pg.Tx, u *User) error {
		if !u.has(role) {
			return fault.Fields(map[string]string{"roleName": "Choose one of your own roles."})
		}
		var more []Role
		for _, r := range u.Roles() {
			if r != role {
				more = append(more, r)
			}
		}
		u.Role = role
		return s.giveRoles(ctx, tx, u.ID, more)
	})
}

func set(dst *string, src *string) {
	if src != nil {
		*dst = strings.TrimSpace(*src)
	}
}

// Deactivate keeps a person from signing in and ends their sessions and links.
func (s *Store) Deactivate(ctx context.Context, a Actor, id int64) (User, error) {
	return s.turn(ctx, a, id, false)
}

// Reactivate lets a deactivated person sign in again, with the old password.
func (s *Store) Reactivate(ctx context.Context, a Actor, id int64) (User, error) {
	return s.turn(ctx, a, id, true)
}

func (s *Store) turn(ctx context.Context, a Actor, id int64, active bool) (User, error) {
	turn, err := s.turning(ctx, a, id, active)
	if err != nil {
		return User{}, err
	}
	return s.change(ctx, a, id, turn)
}

// turning lets a locked person sign in or not.
func (s *Store) turning(ctx context.Context, a Actor, id int64, active bool) (func(*pg.Tx, *User) error, error) {
	if err := a.Require(ManageUsers); err != nil {
		return nil, err
	}
	if !active && a.UserID == id {
		return nil, errSelf
	}
	return func(tx *pg.Tx, u *User) error {
		u.Active = active
		if active {
			return nil
		}
		if u.has(Root) {
			if err := s.otherRoot(ctx, tx, id); err != nil {
				return err
			}
		}
		return s.endAccess(ctx, tx, id)
	}, nil
}

// Delete removes a person who has left no traces; others can only be
// deactivated.
func (s *Store) Delete(ctx context.Context, a Actor, id int64) error {
	return s.DeleteAll(ctx, a, []int64{id})
}

// DeleteAll is Delete for several people, all or none.
func (s *Store) DeleteAll(ctx context.Context, a Actor, ids []int64) error {
	if err := a.Require(ManageUsers); err != nil {
		return err
	}
	return s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		for _, id := range ids {
			if err := s.deleteIn(ctx, tx, a, id); err != nil {
				return fault.OfOne(err, len(ids), "Person", id)
			}
		}
		return nil
	})
}

func (s *Store) deleteIn(ctx context.Context, tx *pg.Tx, a Actor, id int64) error {
	if a.UserID == id {
		return errSelf
	}
	u, err := s.lockUser(ctx, tx, a, id)
	if err != nil {
		return err
	}
	if u.has(Root) {
		if err := s.otherRoot(ctx, tx, id); err != nil {
			return err
		}
	}
	s.changed(tx, id)
	_, err = tx.ExecContext(ctx, queries.Get("delete user"), id)
	if pg.IsForeignKey(err) {
		return fault.Wrap(fault.Conflict, u.Nickname+" has tasks or records. Deactivate the account instead, so that the history stays true.", err)
	}
	if err != nil {
		return fmt.Errorf("delete user %d: %w", id, err)
	}
	return a.Note(ctx, tx, audit.People, s.now(), "Deleted the account of "+u.described()+".")
}

// change runs fn on the locked user id and writes what it left.
func (s *Store) change(ctx context.Context, a Actor, id int64, fn func(*pg.Tx, *User) error) (u User, err error) {
	err = s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		u, err = s.changeIn(ctx, tx, a, id, fn)
		return err
	})
	return u, err
}

// changeIn is change as a part of tx.
func (s *Store) changeIn(ctx context.Context, tx *pg.Tx, a Actor, id int64, fn func(*pg.Tx, *User) error) (User, error) {
	u, err := s.lockUser(ctx, tx, a, id)
	if err != nil {
		return u, err
	}
	was := u
	if err := fn(tx, &u); err != nil {
		return u, err
	}
	s.changed(tx, id)
	_, err = tx.ExecContext(ctx, queries.Get("update user"),
		id, u.Nickname, u.Username, u.Email, u.Role, u.Active, u.TimeZone, s.now())
	if err != nil {
		return u, fmt.Errorf("change user %d: %w", id, taken(err))
	}
	if u, err = s.user(ctx, tx, id); err != nil {
		return u, err
	}
	return u, a.Note(ctx, tx, audit.People, s.now(), changeWords(was, u))
}

// changeWords says what became of a person.
func changeWords(was, now User) string {
	switch {
	case was.Active && !now.Active:
		return "Deactivated " + now.described() + "."
	case !was.Active && now.Active:
		return "Reactivated " + now.described() + "."
	case !slices.Equal(was.Roles(), now.Roles()):
		return fmt.Sprintf("Changed the roles of %s from %s to %s.", now.Nickname, roleList(was), roleList(now))
	}
	return "Changed the account of " + now.described() + "."
}

func roleList(u User) string {
	var names []string
	for _, r := range u.Roles() {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

// described is u as the audit log calls them.
func (u User) described() string {
	if account := u.Email + u.Username; account != u.Nickname {
		return fmt.Sprintf("%s (%s)", u.Nickname, cmp.Or(u.Email, u.Username))
	}
	return u.Nickname
}

// lockUser reads user id for a change by a, holding the row to the end of tx.
func (s *Store) lockUser(ctx context.Context, tx *pg.Tx, a Actor, id int64) (User, error) {
	u, err := s.one(ctx, tx, "lock user", id)
	if err != nil {
		return User{}, err
	}
	if u.has(Root) && a.UserID != id && !a.IsSystem() {
		return User{}, errRoot
	}
	return u, s.mayChange(ctx, tx, a, u)
}

// otherRoot makes sure that a root remains when id stops being one. The lock
// keeps two roots from leaving at the same moment, each counting on the other.
func (s *Store) otherRoot(ctx context.Context, tx *pg.Tx, id int64) error {
	if err := s.lock(ctx, tx, "roots"); err != nil {
		return err
	}
	var others int
	if err := tx.GetContext(ctx, &others, queries.Get("other roots"), id); err != nil {
		return fmt.Errorf("count roots: %w", err)
	}
	if others == 0 {
		return errLastRoot
	}
	return nil
}

// lock takes a lock named name until the end of tx.
func (s *Store) lock(ctx context.Context, tx *pg.Tx, name string) error {
	if _, err := tx.ExecContext(ctx, queries.Get("lock"), name); err != nil {
		return fmt.Errorf("take the lock %s: %w", name, err)
	}
	return nil
}

// endAccess ends the sessions and open links of a person.
func (s *Store) endAccess(ctx context.Context, tx *pg.Tx, id int64) error {
	if _, err := tx.ExecContext(ctx, queries.Get("void links of"), id, s.now()); err != nil {
		return fmt.Errorf("void links of user %d: %w", id, err)
	}
	return s.endSessions(ctx, tx, id, hash{})
}
