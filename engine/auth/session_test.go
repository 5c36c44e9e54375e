package auth_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/fault"
)

func TestResolve(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		kind auth.Kind
		do   func(t *testing.T, s *auth.Store, c *clock, token string) string // returns the token to show
		want string
	}{
		{"a session", auth.Web, nil, "ok"},
		{"empty", auth.Web, func(*testing.T, *auth.Store, *clock, string) string { return "" }, "EMPTY_TOKEN"},
		{"made up", auth.Web, func(*testing.T, *auth.Store, *clock, string) string { return "eyJhbGciOi" }, "INVALID_TOKEN"},
		{"changed", auth.Web, func(_ *testing.T, _ *auth.Store, _ *clock, token string) string {
			return token[:len(token)-3] + "AAA"
		}, "INVALID_TOKEN"},
		{"a cookie as a header", auth.API, nil, "INVALID_TOKEN"},
		{"almost idle", auth.Web, func(_ *testing.T, _ *auth.Store, c *clock, token string) string {
			c.add(12*time.Hour - time.Second)
			return token
		}, "ok"},
		{"idle", auth.Web, func(_ *testing.T, _ *auth.Store, c *clock, token string) string {
			c.add(12 * time.Hour)
			return token
		}, "EXPIRED_SESSION"},
		{"used each hour for 30 days", auth.Web, func(t *testing.T, s *auth.Store, c *clock, token string) string {
			for range 30*24 - 1 {
				c.add(time.Hour)
				if _, err := s.Resolve(t.Context(), auth.Web, token, auth.Client{}); err != nil {
					t.Fatalf("at %s: %v", c.Now(), err)
				}
			}
			c.add(time.Hour)
			return token
		}, "EXPIRED_SESSION"},
		{"signed out", auth.Web, func(t *testing.T, s *auth.Store, _ *clock, token string) string {
			session, err := s.Resolve(t.Context(), auth.Web, token, auth.Client{})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.SignOut(t.Context(), session); err != nil {
				t.Fatal(err)
			}
			return token
		}, "BLOCKED_TOKEN"},
		{"deactivated", auth.Web, func(t *testing.T, s *auth.Store, _ *clock, token string) string {
			session, err := s.Resolve(t.Context(), auth.Web, token, auth.Client{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Deactivate(t.Context(), auth.System, session.Actor.UserID); err != nil {
				t.Fatal(err)
			}
			return token
		}, "BLOCKED_TOKEN"},
		{"reset", auth.Web, func(t *testing.T, s *auth.Store, _ *clock, token string) string {
			session, err := s.Resolve(t.Context(), auth.Web, token, auth.Client{})
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := s.Reset(t.Context(), auth.System, session.Actor.UserID, nil); err != nil {
				t.Fatal(err)
			}
			return token
		}, "BLOCKED_TOKEN"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, c := newStore(t)
			create(t, s, auth.NewUser{Username: "ann"})
			token := signIn(t, s, "ann")
			if tc.do != nil {
				token = tc.do(t, s, c, token)
			}
			session, err := s.Resolve(t.Context(), tc.kind, token, auth.Client{})
			if code(err) != tc.want {
				t.Fatalf("Resolve: %v, want %s", err, tc.want)
			}
			if err != nil && !fault.Is(err, fault.Unsigned) {
				t.Errorf("Resolve: %v is %v, want unsigned", err, fault.Of(err))
			}
			if err == nil && session.Actor.Name != "ann" {
				t.Errorf("the session belongs to %+v", session.Actor)
			}
		})
	}
}

// TestResolveOtherProcess: a revoked session lives on elsewhere for less than
// two seconds, and the table is not asked in between.
func TestResolveOtherProcess(t *testing.T) {
	t.Parallel()
	here, c := newStore(t)
	there := storeOn(here.DB, c, 2)
	create(t, here, auth.NewUser{Username: "ann"})
	token := signIn(t, here, "ann")
	session, err := there.Resolve(t.Context(), auth.Web, token, auth.Client{})
	if err != nil {
		t.Fatal(err)
	}
	if err := here.SignOut(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	if _, err := here.Resolve(t.Context(), auth.Web, token, auth.Client{}); code(err) != "BLOCKED_TOKEN" {
		t.Errorf("here, at once: %v, want BLOCKED_TOKEN", err)
	}
	c.add(time.Second)
	ended, cancel := context.WithCancel(t.Context())
	cancel() // no query gets through
	if _, err := there.Resolve(ended, auth.Web, token, auth.Client{}); err != nil {
		t.Errorf("there, a second later: %v; want it remembered", err)
	}
	c.add(time.Second)
	if _, err := there.Resolve(t.Context(), auth.Web, token, auth.Client{}); code(err) != "BLOCKED_TOKEN" {
		t.Errorf("there, two seconds later: %v, want BLOCKED_TOKEN", err)
	}
}

// TestRevokeWhileResolving: an answer read before a sign-out is not remembered
// after it.
func TestRevokeWhileResolving(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	create(t, s, auth.NewUser{Username: "ann"})
	for range 20 {
		token := signIn(t, s, "ann")
		session, err := s.Resolve(t.Context(), auth.Web, token, auth.Client{})
		if err != nil {
			t.Fatal(err)
		}
		stop, done := make(chan struct{}), make(chan struct{})
		for range 4 {
			go func() {
				defer func() { done <- struct{}{} }()
				for {
					select {
					case <-stop:
						return
					default:
						_, _ = s.Resolve(context.Background(), auth.Web, token, auth.Client{})
					}
				}
			}()
		}
		if err := s.SignOut(t.Context(), session); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Resolve(t.Context(), auth.Web, token, auth.Client{}); code(err) != "BLOCKED_TOKEN" {
			t.Errorf("after the sign-out: %v, want BLOCKED_TOKEN", err)
		}
		close(stop)
		for range 4 {
			<-done
		}
	}
}

func TestUseIsRecordedOnceAMinute(t *testing.T) {
	t.Parallel()
	s, c := newStore(t)
	create(t, s, auth.NewUser{Username: "ann"})
	token := signIn(t, s, "ann")
	opened := c.Now()
	usedAt := func() time.Time {
		t.Helper()
		if _, err := s.Resolve(t.Context(), auth.Web, token, auth.Client{}); err != nil {
			t.Fatal(err)
		}
		var used time.Time
		if err := s.DB.GetContext(t.Context(), &used, "SELECT used_at FROM alur.sessions"); err != nil {
			t.Fatal(err)
		}
		return used
	}
	c.add(59 * time.Second)
	if got := usedAt(); !got.Equal(opened) {
		t.Errorf("used at %s after 59 s, want %s", got, opened)
	}
	c.add(2 * time.Second)
	if got := usedAt(); !got.Equal(c.Now()) {
		t.Errorf("used at %s after 61 s, want %s", got, c.Now())
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	s, c := newStore(t)
	u := create(t, s, auth.NewUser{Username: "ann"})
	bob := create(t, s, auth.NewUser{Username: "bob"})
	var tokens []string
	for _, from := range []auth.Client{{IP: "10.0.0.1", Agent: "Firefox"}, {IP: "10.0.0.2", Agent: strings.Repeat("ü", 200) + "\xff\x00"}, {}} {
		c.add(time.Second)
		token, _, err := s.SignIn(t.Context(), auth.Web, "ann", password, from)
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, token)
	}
	list, err := s.Sessions(t.Context(), u.Actor(), u.ID)
	if err != nil || len(list) != 3 || list[2].IP != "10.0.0.1" || list[2].Agent != "Firefox" {
		t.Fatalf("sessions are %+v, %v; want three, the oldest last", list, err)
	}
	if err := s.EndSession(t.Context(), bob.Actor(), list[0].ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("end somebody else's session: %v, want not found", err)
	}
	if err := s.EndSession(t.Context(), u.Actor(), list[2].ID); err != nil {
		t.Fatal(err)
	}
	if err := s.EndSession(t.Context(), u.Actor(), list[2].ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("end it again: %v, want not found", err)
	}
	current, err := s.Resolve(t.Context(), auth.Web, tokens[2], auth.Client{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.EndOtherSessions(t.Context(), u.Actor(), current); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"BLOCKED_TOKEN", "BLOCKED_TOKEN", "ok"} {
		if _, err := s.Resolve(t.Context(), auth.Web, tokens[i], auth.Client{}); code(err) != want {
			t.Errorf("session %d: %v, want %s", i, err, want)
		}
	}
	for _, token := range tokens {
		var n int
		if err := s.DB.GetContext(t.Context(), &n, "SELECT count(*) FROM alur.sessions WHERE position($1 IN sessions::text) > 0", token); err != nil || n > 0 {
			t.Errorf("a token stands in the table (%d, %v)", n, err)
		}
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	s, c := newStore(t)
	u := create(t, s, auth.NewUser{Username: "ann"})
	signIn(t, s, "ann")
	if _, _, err := s.Reset(t.Context(), auth.System, u.ID, nil); err != nil {
		t.Fatal(err)
	}
	_, _, _ = s.SignIn(t.Context(), auth.Web, "nobody", password, auth.Client{IP: "10.0.0.1"})
	c.add(60 * 24 * time.Hour)
	signIn(t, s, "ann")
	for table, want := range map[string]int{"sessions": 1, "access_links": 0, "login_failures": 0} {
		var n int
		if err := s.DB.GetContext(t.Context(), &n, "SELECT count(*) FROM alur."+table); err != nil || n != want {
			t.Errorf("%s holds %d rows, %v; want %d", table, n, err, want)
		}
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	create(t, s, auth.NewUser{Email: "ann@example.com", Username: "ann"})
	gone := create(t, s, auth.NewUser{Username: "gone"})
	if _, err := s.Deactivate(t.Context(), auth.System, gone.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Invite(t.Context(), auth.System, auth.NewUser{Username: "invited"}, nil); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, account, password, want string }{
		{"address", "ann@example.com", password, "ok"},
		{"address in capitals, with spaces", " ANN@Example.COM ", password, "ok"},
		{"user name", "Ann", password, "ok"},
		{"wrong password", "ann", "a herd of green camels", "WRONG_PASSWORD"},
		{"unknown", "eve@example.com", password, "WRONG_PASSWORD"},
		{"deactivated", "gone", password, "WRONG_PASSWORD"},
		{"invited, no password yet", "invited", "", "WRONG_PASSWORD"},
		{"empty", "", "", "WRONG_PASSWORD"},
		{"zero bytes", "ann\x00", "a\x00", "WRONG_PASSWORD"},
		{"endless", strings.Repeat("a", 1<<20), strings.Repeat("p", 1<<20), "WRONG_PASSWORD"},
	}
	var said string
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			token, u, err := s.SignIn(t.Context(), auth.API, tc.account, tc.password, auth.Client{IP: "10.0.0.1"})
			if code(err) != tc.want {
				t.Fatalf("SignIn: %v, want %s", err, tc.want)
			}
			if err == nil && (u.LastLoginAt == nil || !strings.HasPrefix(token, "alur_api_")) {
				t.Errorf("signed in %+v with %.10s…", u, token)
			}
			if err != nil && said != "" && err.Error() != said {
				t.Errorf("said %q, before %q: it tells accounts apart", err, said)
			}
			if err != nil {
				said = err.Error()
			}
		})
	}
}

func TestSignInLimit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		tries   int                  // failing, ten seconds apart
		account func(try int) string // of a failing try
		from    func(try int) string // and its address
		then    func(*clock)         // before the last try, with the right password
		want    string               // of the last try by ann from 10.0.0.1
		says    string
	}{
		{"four for one account", 4, always("ann"), differentAddress, nil, "ok", ""},
		{"five for one account", 5, always("ann"), differentAddress, nil, "TOO_MANY_TRIES", "15 minutes"},
		{"five by two of its names", 5, func(i int) string { return []string{"ann", "ANN@example.com"}[i%2] }, differentAddress, nil, "TOO_MANY_TRIES", "15 minutes"},
		{"five, a second early", 5, always("ann"), differentAddress, func(c *clock) { c.add(15*time.Minute - 51*time.Second) }, "TOO_MANY_TRIES", "1 minute."},
		{"five, and the first is old", 5, always("ann"), differentAddress, func(c *clock) { c.add(15*time.Minute - 50*time.Second) }, "ok", ""},
		{"29 from one address", 29, differentAccount, always("10.0.0.1"), nil, "ok", ""},
		{"30 from one address", 30, differentAccount, always("10.0.0.1"), nil, "TOO_MANY_TRIES", "10 minutes"},
		{"30 from another", 30, differentAccount, always("10.0.0.2"), nil, "ok", ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, c := newStore(t)
			create(t, s, auth.NewUser{Username: "ann", Email: "ann@example.com"})
			for i := range tc.tries {
				_, _, err := s.SignIn(t.Context(), auth.Web, tc.account(i), "wrong", auth.Client{IP: tc.from(i)})
				if code(err) != "WRONG_PASSWORD" {
					t.Fatalf("try %d: %v, want WRONG_PASSWORD", i, err)
				}
				c.add(10 * time.Second)
			}
			if tc.then != nil {
				tc.then(c)
			}
			_, _, err := s.SignIn(t.Context(), auth.Web, "ann", password, auth.Client{IP: "10.0.0.1"})
			if code(err) != tc.want || err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("the last try: %v, want %s with %q", err, tc.want, tc.says)
			}
		})
	}
}

func always(s string) func(int) string { return func(int) string { return s } }
func differentAddress(i int) string    { return fmt.Sprintf("10.1.0.%d", i) }
func differentAccount(i int) string    { return fmt.Sprintf("user%d", i) }

func TestSignInForgetsFailures(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	create(t, s, auth.NewUser{Username: "ann"})
	for range 3 {
		for range 4 {
			if _, _, err := s.SignIn(t.Context(), auth.Web, "ann", "wrong", auth.Client{}); code(err) != "WRONG_PASSWORD" {
				t.Fatal(err)
			}
		}
		signIn(t, s, "ann")
	}
}

// TestSignInRace: of 32 wrong tries at once five learn that they were wrong,
// in two processes together.
func TestSignInRace(t *testing.T) {
	t.Parallel()
	here, c := newStore(t)
	there := storeOn(here.DB, c, 2)
	create(t, here, auth.NewUser{Username: "ann"})
	stores := make(chan *auth.Store, 32)
	for range 16 {
		stores <- here
		stores <- there
	}
	wrong := race(t, 32, func() error {
		_, _, err := (<-stores).SignIn(context.Background(), auth.Web, "ann", "wrong", auth.Client{IP: "10.0.0.1"})
		if code(err) == "WRONG_PASSWORD" {
			return nil
		}
		return err
	}, fault.Overloaded)
	if wrong != 5 {
		t.Errorf("%d tries were told that the password is wrong, want 5", wrong)
	}
}

func TestSignInManyAtOnce(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	create(t, s, auth.NewUser{Username: "ann"})
	won := race(t, 32, func() error {
		_, _, err := s.SignIn(context.Background(), auth.Web, "ann", password, auth.Client{IP: "10.0.0.1"})
		return err
	})
	if won != 32 {
		t.Errorf("%d of 32 got in with the right password", won)
	}
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	u := create(t, s, auth.NewUser{Username: "ann", Nickname: "Ann Margarethe"})
	other, token := signIn(t, s, "ann"), signIn(t, s, "ann")
	current, err := s.Resolve(t.Context(), auth.Web, token, auth.Client{})
	if err != nil {
		t.Fatal(err)
	}
	change := func(old, next string) error {
		return s.ChangePassword(t.Context(), u.Actor(), current, old, next, auth.Client{})
	}
	if err := change("wrong", "twelve green llamas"); code(err) != "WRONG_PASSWORD" || problem(err, "oldPassword") == "" {
		t.Errorf("wrong old password: %v", err)
	}
	if err := change(password, "annmargarethe"); problem(err, "newPassword") == "" {
		t.Errorf("own name as password: %v", err)
	}
	if err := change(password, "twelve green llamas"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Resolve(t.Context(), auth.Web, token, auth.Client{}); err != nil {
		t.Errorf("the session that changed it: %v", err)
	}
	if _, err := s.Resolve(t.Context(), auth.Web, other, auth.Client{}); code(err) != "BLOCKED_TOKEN" {
		t.Errorf("the other session: %v, want BLOCKED_TOKEN", err)
	}
	for pw, want := range map[string]string{password: "WRONG_PASSWORD", "twelve green llamas": "ok"} {
		if _, _, err := s.SignIn(t.Context(), auth.Web, "ann", pw, auth.Client{}); code(err) != want {
			t.Errorf("sign in with %q: %v, want %s", pw, err, want)
		}
	}
}

// TestRenew: a program's token is replaced once a day, by one request of many; the
// old one opens for an hour more, and signing out ends both.
func TestRenew(t *testing.T) {
	t.Parallel()
	s, c := newStore(t)
	create(t, s, auth.NewUser{Username: "ann", Password: "a quiet green teapot"})
	resolve := func(token string) (auth.Session, error) {
		return s.Resolve(t.Context(), auth.API, token, auth.Client{})
	}
	open := func() (string, auth.Session) {
		t.Helper()
		token, _, err := s.SignIn(t.Context(), auth.API, "ann", "a quiet green teapot", auth.Client{IP: "192.0.2.1"})
		if err != nil {
			t.Fatal(err)
		}
		session, err := resolve(token)
		if err != nil {
			t.Fatal(err)
		}
		return token, session
	}
	old, session := open()
	if token, err := s.Renew(t.Context(), session); token != "" || err != nil {
		t.Errorf("renewed at once: %q, %v", token, err)
	}
	c.add(24 * time.Hour)
	session, err := resolve(old)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var tokens []string
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			token, err := s.Renew(t.Context(), session)
			if err != nil {
				t.Error(err)
			}
			if token != "" {
				mu.Lock()
				tokens = append(tokens, token)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if len(tokens) != 1 {
		t.Fatalf("%d new tokens, want 1", len(tokens))
	}
	next, err := resolve(tokens[0])
	if err != nil || !next.ExpiresAt.Equal(session.ExpiresAt) {
		t.Errorf("the new session ends at %s, the old one at %s: %v", next.ExpiresAt, session.ExpiresAt, err)
	}
	if list, err := s.Sessions(t.Context(), next.Actor, next.Actor.UserID); err != nil || len(list) != 1 {
		t.Errorf("%d sessions, %v, want 1", len(list), err)
	}
	c.add(time.Hour - time.Second)
	if session, err = resolve(old); err != nil {
		t.Errorf("the old token within the hour: %v", err)
	}
	if token, err := s.Renew(t.Context(), session); token != "" || err != nil {
		t.Errorf("renewed twice: %q, %v", token, err)
	}
	c.add(time.Second)
	if _, err := resolve(old); code(err) != "EXPIRED_TOKEN" {
		t.Errorf("the old token after an hour: %v", err)
	}

	old, _ = open()
	c.add(25 * time.Hour)
	session, err = resolve(old)
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.Renew(t.Context(), session)
	if err != nil || token == "" {
		t.Fatalf("%q, %v", token, err)
	}
	if next, err = resolve(token); err == nil {
		err = s.SignOut(t.Context(), next)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, ended := range []string{old, token} {
		if _, err := resolve(ended); code(err) != "BLOCKED_TOKEN" {
			t.Errorf("after signing out: %v", err)
		}
	}
	old, _ = open()
	c.add(48 * time.Hour)
	if _, err := resolve(old); code(err) != "EXPIRED_SESSION" {
		t.Errorf("unused for two days: %v", err)
	}
}
