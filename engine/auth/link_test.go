package auth_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

func TestSetup(t *testing.T) {
	t.Parallel()
	s, c := newStore(t)
	ann := auth.NewUser{Nickname: "Ann", Email: "ann@example.com", Password: password, TimeZone: "Europe/Berlin"}
	if done, err := s.SetupDone(t.Context()); done || err != nil {
		t.Fatalf("SetupDone before: %v, %v", done, err)
	}
	old, err := s.NewSetupLink(t.Context())
	if err != nil || !strings.HasPrefix(old.Path(), "/setup/alur_set_") {
		t.Fatalf("NewSetupLink: %+v, %v", old, err)
	}
	c.add(time.Hour)
	if _, _, err := s.Setup(t.Context(), old.Token, ann, auth.Client{}); !fault.Is(err, fault.Gone) {
		t.Errorf("an hour later: %v, want gone", err)
	}
	link, err := s.NewSetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	spare, err := s.NewSetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Setup(t.Context(), link.Token, auth.NewUser{TimeZone: "x"}, auth.Client{}); problem(err, "email") == "" ||
		problem(err, "password") == "" || problem(err, "timeZone") == "" || problem(err, "nickname") == "" {
		t.Errorf("an empty form: %v, want a problem for each field", err)
	}
	session, u, err := s.Setup(t.Context(), link.Token, ann, auth.Client{})
	if err != nil || u.Role != auth.Root {
		t.Fatalf("Setup: %+v, %v", u, err)
	}
	if got, err := s.Resolve(t.Context(), auth.Web, session, auth.Client{}); err != nil || got.Actor.Role != auth.Root {
		t.Errorf("the session is %+v, %v", got, err)
	}
	if zone, err := s.Zone(t.Context()); err != nil || zone.String() != "Europe/Berlin" {
		t.Errorf("the zone is %v, %v", zone, err)
	}
	if done, err := s.SetupDone(t.Context()); !done || err != nil {
		t.Errorf("SetupDone after: %v, %v", done, err)
	}
	for _, token := range []string{link.Token, spare.Token} {
		if _, _, err := s.Peek(t.Context(), auth.ForSetup, token); !fault.Is(err, fault.Gone) {
			t.Errorf("a setup link after the setup: %v, want gone", err)
		}
	}
	if _, err := s.NewSetupLink(t.Context()); !fault.Is(err, fault.Gone) {
		t.Errorf("another setup link: %v, want gone", err)
	}
}

// TestSetupRace: 32 people hold two setup links; there is one administrator.
func TestSetupRace(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	tokens := make(chan string, 32)
	for range 2 {
		l, err := s.NewSetupLink(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 16 {
			tokens <- l.Token
		}
	}
	won := race(t, 32, func() error {
		token := <-tokens
		_, _, err := s.Setup(context.Background(), token, auth.NewUser{Email: token[9:] + "@example.com", Password: password}, auth.Client{})
		return err
	}, fault.Gone)
	if won != 1 {
		t.Errorf("%d of 32 set the server up, want 1", won)
	}
	if _, total, err := s.List(t.Context(), auth.System, auth.Filter{}); total != 1 || err != nil {
		t.Errorf("there are %d users, %v; want 1", total, err)
	}
}

func TestInvite(t *testing.T) {
	t.Parallel()
	s, c := newStore(t)
	admin := create(t, s, auth.NewUser{Username: "adm", Role: auth.Admin}).Actor()
	delivered := 0
	deliver := func(ctx context.Context, tx *pg.Tx, u auth.User, l auth.Link) error {
		delivered++
		if u.Email != "ann@example.com" || !strings.HasPrefix(l.Path(), "/invite/alur_inv_") {
			t.Errorf("delivered %+v to %+v", l, u)
		}
		return nil
	}
	ann := auth.NewUser{Nickname: "Ann", Email: "ann@example.com"}
	refuse := func(context.Context, *pg.Tx, auth.User, auth.Link) error { return errors.New("outbox full") }
	if _, _, err := s.Invite(t.Context(), admin, ann, refuse); err == nil {
		t.Error("an invitation that was not delivered was made")
	}
	u, first, err := s.Invite(t.Context(), admin, ann, deliver)
	if err != nil || u.HasPassword {
		t.Fatalf("Invite: %+v, %v", u, err)
	}
	_, link, err := s.Reset(t.Context(), admin, u.ID, deliver)
	if err != nil || delivered != 2 {
		t.Fatalf("invite again: %v, delivered %d", err, delivered)
	}
	if _, _, err := s.Peek(t.Context(), auth.ForInvite, first.Token); !fault.Is(err, fault.Gone) {
		t.Errorf("the first link: %v, want gone", err)
	}
	c.add(7*24*time.Hour - time.Second)
	if got, until, err := s.Peek(t.Context(), auth.ForInvite, link.Token); err != nil || got.ID != u.ID || !until.Equal(link.ExpiresAt) {
		t.Errorf("Peek: %+v, %v, %v", got, until, err)
	}
	if _, _, err := s.Accept(t.Context(), auth.ForReset, link.Token, password, auth.Client{}); !fault.Is(err, fault.NotFound) {
		t.Errorf("an invitation as a reset: %v, want not found", err)
	}
	if _, _, err := s.Accept(t.Context(), auth.ForInvite, link.Token, "short", auth.Client{}); problem(err, "password") == "" {
		t.Errorf("a short password: %v", err)
	}
	session, u, err := s.Accept(t.Context(), auth.ForInvite, link.Token, password, auth.Client{})
	if err != nil || !u.HasPassword {
		t.Fatalf("Accept: %+v, %v", u, err)
	}
	if _, err := s.Resolve(t.Context(), auth.Web, session, auth.Client{}); err != nil {
		t.Error(err)
	}
	signIn(t, s, "ann@example.com")
}

func TestResetExpiresAfterAnHour(t *testing.T) {
	t.Parallel()
	s, c := newStore(t)
	u := create(t, s, auth.NewUser{Username: "ann"})
	_, l, err := s.Reset(t.Context(), auth.System, u.ID, nil)
	if err != nil || !strings.HasPrefix(l.Path(), "/reset/alur_rst_") {
		t.Fatalf("Reset: %+v, %v", l, err)
	}
	c.add(time.Hour)
	_, _, err = s.Accept(t.Context(), auth.ForReset, l.Token, "twelve green llamas", auth.Client{})
	if !fault.Is(err, fault.Gone) || !strings.Contains(err.Error(), "expired") {
		t.Errorf("an hour later: %v, want expired", err)
	}
}

func TestLinksOfDeactivated(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	u, l, err := s.Invite(t.Context(), auth.System, auth.NewUser{Username: "ann"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Deactivate(t.Context(), auth.System, u.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Accept(t.Context(), auth.ForInvite, l.Token, password, auth.Client{}); !fault.Is(err, fault.Gone) {
		t.Errorf("Accept: %v, want gone", err)
	}
	if _, _, err := s.Reset(t.Context(), auth.System, u.ID, nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("Reset: %v, want conflict", err)
	}
}

// TestAcceptRace: of 32 who use one link at once, one sets the password.
func TestAcceptRace(t *testing.T) {
	t.Parallel()
	for _, p := range []auth.Purpose{auth.ForInvite, auth.ForReset} {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			s, _ := newStore(t)
			u, l, err := s.Invite(t.Context(), auth.System, auth.NewUser{Username: "ann"}, nil)
			if p == auth.ForReset && err == nil {
				if _, _, err = s.Accept(t.Context(), auth.ForInvite, l.Token, password, auth.Client{}); err == nil {
					_, l, err = s.Reset(t.Context(), auth.System, u.ID, nil)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			won := race(t, 32, func() error {
				_, _, err := s.Accept(context.Background(), p, l.Token, "twelve green llamas", auth.Client{})
				return err
			}, fault.Gone)
			if won != 1 {
				t.Errorf("%d of 32 used the link, want 1", won)
			}
		})
	}
}

func TestEnsureRoot(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	in := auth.NewUser{Email: "ann@example.com", Password: "password1234"}
	if made, err := s.EnsureRoot(t.Context(), in); made || !fault.Is(err, fault.Invalid) {
		t.Errorf("a common password: %v, %v", made, err)
	}
	in.Password = password
	others := storeOn(s.DB, &clock{t: s.Now()}, 2)
	stores := make(chan *auth.Store, 2)
	stores <- s
	stores <- others
	made := make(chan bool, 2)
	race(t, 2, func() error {
		ok, err := (<-stores).EnsureRoot(context.Background(), in)
		made <- ok
		return err
	})
	if a, b := <-made, <-made; a == b {
		t.Errorf("two processes made a root: %v and %v, want one", a, b)
	}
	if ok, err := others.EnsureRoot(t.Context(), auth.NewUser{Email: "bob@example.com", Password: password}); ok || err != nil {
		t.Errorf("again: %v, %v; want nothing to happen", ok, err)
	}
}
