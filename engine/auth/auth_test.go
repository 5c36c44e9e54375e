package auth_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/snowflake"
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// cheap makes hashing quick; TestDefaultCost uses the real cost.
var cheap = auth.Cost{Memory: 64, Passes: 1, Threads: 1}

const password = "a herd of green llamas"

func newStore(t *testing.T) (*auth.Store, *clock) {
	t.Helper()
	c := &clock{t: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
	return storeOn(pgtest.New(t), c, 1), c
}

func storeOn(db *pg.DB, c *clock, worker int) *auth.Store {
	return &auth.Store{DB: db, IDs: snowflake.New(worker, c.Now), Now: c.Now, Cost: cheap}
}

func create(t *testing.T, s *auth.Store, in auth.NewUser) auth.User {
	t.Helper()
	if in.Password == "" {
		in.Password = password
	}
	u, err := s.Create(t.Context(), auth.System, in)
	if err != nil {
		t.Fatalf("create %+v: %v", in, err)
	}
	return u
}

func signIn(t *testing.T, s *auth.Store, account string) string {
	t.Helper()
	token, _, err := s.SignIn(t.Context(), auth.Web, account, password, auth.Client{})
	if err != nil {
		t.Fatalf("sign in %s: %v", account, err)
	}
	return token
}

// code returns err's code, or its kind when it has none.
func code(err error) string {
	if err == nil {
		return "ok"
	}
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Code != "" {
		return e.Code
	}
	return fault.Of(err).String()
}

// problem returns what err says about a field.
func problem(err error, field string) string {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.Fields[field]
	}
	return ""
}

// race runs fn n times at once and returns how many gave no error; all others
// must be of one of the kinds.
func race(t *testing.T, n int, fn func() error, kinds ...fault.Kind) int {
	t.Helper()
	start := make(chan struct{})
	errs := make(chan error, n)
	for range n {
		go func() {
			<-start
			errs <- fn()
		}()
	}
	close(start)
	won := 0
next:
	for range n {
		err := <-errs
		if err == nil {
			won++
			continue
		}
		for _, k := range kinds {
			if fault.Is(err, k) {
				continue next
			}
		}
		t.Errorf("a loser got %v, want one of %v", err, kinds)
	}
	return won
}

func TestDefaultCost(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	s.Cost = auth.Cost{}
	create(t, s, auth.NewUser{Email: "ann@example.com"})
	var stored string
	if err := s.DB.GetContext(t.Context(), &stored, "SELECT password FROM alur.users"); err != nil {
		t.Fatal(err)
	}
	if want := "$argon2id$v=19$m=65536,t=3,p=1$"; !strings.HasPrefix(stored, want) {
		t.Errorf("the password is stored as %.40s…, want %s…", stored, want)
	}
	signIn(t, s, "ANN@example.com")
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	create(t, s, auth.NewUser{Email: "ann@example.com", Username: "ann"})
	admin := create(t, s, auth.NewUser{Email: "adm@example.com", Role: auth.Admin}).Actor()
	member := create(t, s, auth.NewUser{Email: "bob@example.com"}).Actor()
	tests := []struct {
		name  string
		actor auth.Actor
		in    auth.NewUser
		field string // "" for an error without fields
		kind  fault.Kind
	}{
		{"nobody", auth.Actor{}, auth.NewUser{Email: "x@example.com"}, "", fault.Unsigned},
		{"member", member, auth.NewUser{Email: "x@example.com"}, "", fault.Forbidden},
		{"root by an administrator", admin, auth.NewUser{Email: "x@example.com", Role: auth.Root}, "role", fault.Invalid},
		{"unknown role", admin, auth.NewUser{Email: "x@example.com", Role: "boss"}, "role", fault.Invalid},
		{"no account", admin, auth.NewUser{Nickname: "X"}, "email", fault.Invalid},
		{"not an address", admin, auth.NewUser{Email: "x"}, "email", fault.Invalid},
		{"address with a name", admin, auth.NewUser{Email: "X <x@example.com>"}, "email", fault.Invalid},
		{"address twice", admin, auth.NewUser{Email: "Ann@Example.com"}, "email", fault.Invalid},
		{"user name twice", admin, auth.NewUser{Username: "ANN"}, "username", fault.Invalid},
		{"user name with at", admin, auth.NewUser{Username: "a@b"}, "username", fault.Invalid},
		{"long name", admin, auth.NewUser{Username: "x", Nickname: strings.Repeat("é", 101)}, "nickname", fault.Invalid},
		{"zero byte", admin, auth.NewUser{Username: "x", Nickname: "a\x00b"}, "nickname", fault.Invalid},
		{"short password", admin, auth.NewUser{Username: "x", Password: "kjh2 87asd"}, "password", fault.Invalid},
		{"unknown zone", admin, auth.NewUser{Username: "x", TimeZone: "Mars/North"}, "timeZone", fault.Invalid},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			_, err := s.Create(t.Context(), tc.actor, tc.in)
			if !fault.Is(err, tc.kind) {
				t.Fatalf("Create: %v, want %v", err, tc.kind)
			}
			if tc.field != "" && problem(err, tc.field) == "" {
				t.Errorf("Create: %v says nothing about %s", err, tc.field)
			}
		})
	}
}

func TestCreateFillsIn(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	u := create(t, s, auth.NewUser{Email: " carla.x@example.com "})
	if u.Nickname != "carla.x" || u.Email != "carla.x@example.com" || u.Role != auth.Member || !u.Active || !u.HasPassword {
		t.Errorf("created %+v", u)
	}
}

// TestRights calls everything that changes a person as everybody.
func TestRights(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	actors := map[string]auth.Actor{
		"nobody": {},
		"member": create(t, s, auth.NewUser{Username: "m"}).Actor(),
		"admin":  create(t, s, auth.NewUser{Username: "a", Role: auth.Admin}).Actor(),
		"root":   create(t, s, auth.NewUser{Username: "r", Role: auth.Root}).Actor(),
	}
	member := create(t, s, auth.NewUser{Username: "other m"}).ID
	root := create(t, s, auth.NewUser{Username: "other r", Role: auth.Root}).ID
	name, admin := "New name", auth.Admin
	calls := map[string]func(auth.Actor, int64) error{
		"get": func(a auth.Actor, id int64) error { _, err := s.Get(t.Context(), a, id); return err },
		"rename": func(a auth.Actor, id int64) error {
			_, err := s.Update(t.Context(), a, id, auth.Change{Nickname: &name})
			return err
		},
		"set role": func(a auth.Actor, id int64) error {
			_, err := s.Update(t.Context(), a, id, auth.Change{Role: &admin})
			return err
		},
		"deactivate": func(a auth.Actor, id int64) error { _, err := s.Deactivate(t.Context(), a, id); return err },
		"reactivate": func(a auth.Actor, id int64) error { _, err := s.Reactivate(t.Context(), a, id); return err },
		"reset":      func(a auth.Actor, id int64) error { _, _, err := s.Reset(t.Context(), a, id, nil); return err },
		"sessions":   func(a auth.Actor, id int64) error { _, err := s.Sessions(t.Context(), a, id); return err },
	}
	want := map[string]map[string]map[string]fault.Kind{
		"nobody": {"member": {"*": fault.Unsigned}, "root": {"*": fault.Unsigned}},
		"member": {
			"member": {"*": fault.Forbidden, "get": fault.NotFound, "rename": fault.NotFound, "set role": fault.NotFound, "sessions": fault.NotFound},
			"root":   {"*": fault.Forbidden, "get": fault.NotFound, "rename": fault.NotFound, "set role": fault.NotFound, "sessions": fault.NotFound},
		},
		"admin": {"root": {"*": fault.Forbidden, "get": 0, "sessions": 0}},
		"root":  {"root": {"*": fault.Forbidden, "get": 0, "sessions": 0}},
	}
	for _, call := range []string{"get", "rename", "set role", "deactivate", "reactivate", "reset", "sessions"} {
		for target, id := range map[string]int64{"member": member, "root": root} {
			for who, actor := range actors {
				kind, ok := want[who][target][call]
				if !ok {
					kind = want[who][target]["*"]
				}
				err := calls[call](actor, id)
				if kind == 0 && err != nil || kind != 0 && !fault.Is(err, kind) {
					t.Errorf("%s of a %s by %s: %v, want %v", call, target, who, err, kind)
				}
			}
		}
	}
	for who, actor := range actors {
		_, _, err := s.List(t.Context(), actor, auth.Filter{})
		if ok := who == "admin" || who == "root"; ok != (err == nil) {
			t.Errorf("list by %s: %v", who, err)
		}
	}
}

func TestUpdateOneself(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	u := create(t, s, auth.NewUser{Username: "m"})
	token := signIn(t, s, "m")
	if _, err := s.Resolve(t.Context(), auth.Web, token, auth.Client{}); err != nil {
		t.Fatal(err)
	}
	name, zone, admin := "Mia", "Europe/Berlin", auth.Admin
	if _, err := s.Update(t.Context(), u.Actor(), u.ID, auth.Change{Nickname: &name, TimeZone: &zone}); err != nil {
		t.Fatalf("own name: %v", err)
	}
	session, err := s.Resolve(t.Context(), auth.Web, token, auth.Client{})
	if err != nil || session.Actor.Name != "Mia" || session.Actor.Location(time.UTC).String() != zone {
		t.Errorf("the session is %+v, %v; want the new name and zone at once", session, err)
	}
	if _, err := s.Update(t.Context(), u.Actor(), u.ID, auth.Change{Role: &admin}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("own role: %v, want forbidden", err)
	}
	if _, err := s.Update(t.Context(), u.Actor(), u.ID, auth.Change{Email: &name}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("own address: %v, want forbidden", err)
	}
}

func TestRoleChangeEndsSessions(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	u := create(t, s, auth.NewUser{Username: "m"})
	token := signIn(t, s, "m")
	role := auth.Admin
	if _, err := s.Update(t.Context(), auth.System, u.ID, auth.Change{Role: &role}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Resolve(t.Context(), auth.Web, token, auth.Client{}); code(err) != "BLOCKED_TOKEN" {
		t.Errorf("the old session: %v, want BLOCKED_TOKEN", err)
	}
}

func TestLastRootStays(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	a := create(t, s, auth.NewUser{Username: "a", Role: auth.Root})
	b := create(t, s, auth.NewUser{Username: "b", Role: auth.Root})
	member := auth.Member
	resign := func(u auth.User) error {
		_, err := s.Update(t.Context(), u.Actor(), u.ID, auth.Change{Role: &member})
		return err
	}
	// Both leave at once: one stays, whoever was slower.
	both := make(chan auth.User, 2)
	both <- a
	both <- b
	if won := race(t, 2, func() error { return resign(<-both) }, fault.Conflict); won != 1 {
		t.Fatalf("%d of two roots resigned, want 1", won)
	}
	users, _, err := s.List(t.Context(), auth.System, auth.Filter{Role: auth.Root})
	if err != nil || len(users) != 1 {
		t.Fatalf("roots are %v, %v; want one", users, err)
	}
	if _, err := s.Deactivate(t.Context(), auth.System, users[0].ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("deactivate the last root: %v, want conflict", err)
	}
	if err := s.Delete(t.Context(), auth.System, users[0].ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("delete the last root: %v, want conflict", err)
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	admin := create(t, s, auth.NewUser{Username: "a", Role: auth.Admin})
	u := create(t, s, auth.NewUser{Username: "u"})
	token := signIn(t, s, "u")
	if err := s.Delete(t.Context(), admin.Actor(), admin.ID); !fault.Is(err, fault.Forbidden) {
		t.Errorf("delete oneself: %v, want forbidden", err)
	}
	if err := s.Delete(t.Context(), admin.Actor(), u.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Resolve(t.Context(), auth.Web, token, auth.Client{}); code(err) != "INVALID_TOKEN" {
		t.Errorf("the session of who was deleted: %v, want INVALID_TOKEN", err)
	}
	if err := s.Delete(t.Context(), admin.Actor(), u.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("delete again: %v, want not found", err)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	create(t, s, auth.NewUser{Nickname: "Ann Bauer", Email: "ann@example.com", Role: auth.Admin})
	create(t, s, auth.NewUser{Nickname: "bob", Username: "bob_100%"})
	gone := create(t, s, auth.NewUser{Nickname: "Aaron", Email: "aaron@example.com"})
	if _, err := s.Deactivate(t.Context(), auth.System, gone.ID); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		f     auth.Filter
		want  string
		total int
	}{
		{"all, deactivated last", auth.Filter{}, "Ann Bauer, bob, Aaron", 3},
		{"by name", auth.Filter{Query: "BAUER"}, "Ann Bauer", 1},
		{"by address", auth.Filter{Query: "example.com"}, "Ann Bauer, Aaron", 2},
		{"percent is a letter", auth.Filter{Query: "%"}, "bob", 1},
		{"by role", auth.Filter{Role: auth.Admin}, "Ann Bauer", 1},
		{"second page", auth.Filter{Page: 2, PageSize: 2}, "Aaron", 3},
		{"zero byte", auth.Filter{Query: "a\x00"}, "", 0},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			users, total, err := s.List(t.Context(), auth.System, tc.f)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, u := range users {
				names = append(names, u.Nickname)
			}
			if got := strings.Join(names, ", "); got != tc.want || total != tc.total {
				t.Errorf("got %s (%d in all), want %s (%d)", got, total, tc.want, tc.total)
			}
		})
	}
}
