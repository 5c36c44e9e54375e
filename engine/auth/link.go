package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"alur/engine/audit"
	"alur/engine/fault"
	"alur/engine/pg"
)

const (
	setupTime  = time.Hour
	inviteTime = 7 * 24 * time.Hour
	resetTime  = time.Hour

	// keepLinks is how long a link that is over still says why.
	keepLinks = 30 * 24 * time.Hour
)

// Purpose is what a one-time link is for.
type Purpose string

const (
	ForSetup  Purpose = "setup"
	ForInvite Purpose = "invite"
	ForReset  Purpose = "reset"
)

func (p Purpose) prefix() string {
	switch p {
	case ForSetup:
		return setupPrefix
	case ForInvite:
		return invitePrefix
	}
	return resetPrefix
}

// Path returns where a link with token leads, below the base address.
func (p Purpose) Path(token string) string { return "/" + string(p) + "/" + token }

// Link is a one-time link that was made just now.
type Link struct {
	Purpose   Purpose
	Token     string // shown once; only its hash is kept
	ExpiresAt time.Time
}

// Path returns where the link leads, below the base address.
func (l Link) Path() string { return l.Purpose.Path(l.Token) }

// Deliver passes a new link on, in the transaction that makes it: a mail to the
// outbox, for example. Nil delivers nothing.
type Deliver func(ctx context.Context, tx *pg.Tx, u User, l Link) error

type linkRow struct {
	Purpose   Purpose    `db:"purpose"`
	UserID    *int64     `db:"user_id"`
	ExpiresAt time.Time  `db:"expires_at"`
	UsedAt    *time.Time `db:"used_at"`
}

func (s *Store) newLink(ctx context.Context, tx *pg.Tx, p Purpose, userID *int64) (Link, error) {
	token, h := newToken(p.prefix())
	life := map[Purpose]time.Duration{ForSetup: setupTime, ForInvite: inviteTime, ForReset: resetTime}[p]
	l := Link{Purpose: p, Token: token, ExpiresAt: s.now().Add(life)}
	if _, err := tx.ExecContext(ctx, queries.Get("insert link"), h[:], p, userID, s.now(), l.ExpiresAt); err != nil {
		return Link{}, fmt.Errorf("make a link: %w", err)
	}
	return l, nil
}

// Invite creates a user without a password and a link (7 days) to set one.
func (s *Store) Invite(ctx context.Context, a Actor, in NewUser, deliver Deliver) (u User, l Link, err error) {
	in.Password = ""
	in, _, err = s.prepare(ctx, a, in)
	if err != nil {
		return User{}, Link{}, err
	}
	err = s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		if u, err = s.insert(ctx, tx, in, ""); err != nil {
			return err
		}
		if err := a.Note(ctx, tx, audit.People, s.now(), "Invited "+u.described()+"."); err != nil {
			return err
		}
		l, err = s.linkFor(ctx, tx, u, deliver)
		return err
	})
	return u, l, err
}

// Reset makes a link to set a password: to set a new one (1 hour), or for who
// has none yet, the invitation again (7 days). Older links stop working and
// the person's sessions end.
func (s *Store) Reset(ctx context.Context, a Actor, id int64, deliver Deliver) (u User, l Link, err error) {
	if err := a.Require(ManageUsers); err != nil {
		return User{}, Link{}, err
	}
	if a.UserID == id {
		return User{}, Link{}, fault.New(fault.Forbidden, "Change your own password on your account page.")
	}
	err = s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		if u, err = s.lockUser(ctx, tx, a, id); err != nil {
			return err
		}
		if !u.Active {
			return fault.New(fault.Conflict, u.Nickname+" is deactivated. Reactivate the account first.")
		}
		if err := s.endAccess(ctx, tx, id); err != nil {
			return err
		}
		if err := a.Note(ctx, tx, audit.People, s.now(), "Made a link to set a password for "+u.described()+"."); err != nil {
			return err
		}
		l, err = s.linkFor(ctx, tx, u, deliver)
		return err
	})
	return u, l, err
}

func (s *Store) linkFor(ctx context.Context, tx *pg.Tx, u User, deliver Deliver) (Link, error) {
	p := ForInvite
	if u.HasPassword {
		p = ForReset
	}
	l, err := s.newLink(ctx, tx, p, &u.ID)
	if err != nil {
		return Link{}, err
	}
	if deliver != nil {
		if err := deliver(ctx, tx, u, l); err != nil {
			return Link{}, err
		}
	}
	return l, nil
}

// Peek returns whom an invite or reset link is for and until when it works,
// without using it. Its errors say why a link does not work: fault.NotFound or
// fault.Gone.
func (s *Store) Peek(ctx context.Context, p Purpose, token string) (u User, expiresAt time.Time, err error) {
	r, err := s.link(ctx, s.DB, "link", p, token, hashOf(token))
	if err != nil {
		return User{}, time.Time{}, err
	}
	if r.UserID == nil {
		return User{}, r.ExpiresAt, nil
	}
	u, err = s.user(ctx, s.DB, *r.UserID)
	return u, r.ExpiresAt, err
}

// link reads a link that can be used now; more are the arguments of query.
func (s *Store) link(ctx context.Context, q pg.Q, query string, p Purpose, token string, h hash, more ...any) (r linkRow, err error) {
	unknown := fault.New(fault.NotFound, "This link is not known here. Check that it was copied whole, or ask for a new one.")
	if !looksLike(token, p.prefix()) {
		return r, unknown
	}
	switch err := q.GetContext(ctx, &r, queries.Get(query), append([]any{h[:]}, more...)...); {
	case errors.Is(err, sql.ErrNoRows):
		return r, unknown
	case err != nil:
		return r, fmt.Errorf("read a link: %w", err)
	}
	if len(more) > 0 {
		return r, nil // used by the statement itself
	}
	switch {
	case r.UsedAt != nil:
		return r, fault.New(fault.Gone, "This link was used or replaced by a newer one. Sign in, or ask an administrator for a new link.")
	case !s.now().Before(r.ExpiresAt):
		return r, fault.New(fault.Gone, "This link has expired. Ask an administrator for a new one.")
	}
	return r, nil
}

// use marks a link as used; of several at once one succeeds.
func (s *Store) use(ctx context.Context, tx *pg.Tx, p Purpose, token string) (linkRow, error) {
	r, err := s.link(ctx, tx, "use link", p, token, hashOf(token), s.now())
	if fault.Is(err, fault.NotFound) {
		// Say why, now that somebody else may have been faster.
		if _, why := s.link(ctx, tx, "link", p, token, hashOf(token)); why != nil {
			return r, why
		}
	}
	return r, err
}

// Accept sets the password of the person that an invite or reset link is for,
// ends their other sessions and links, and opens a session.
func (s *Store) Accept(ctx context.Context, p Purpose, token, password string, from Client) (session string, u User, err error) {
	if p != ForInvite && p != ForReset {
		return "", User{}, fault.New(fault.NotFound, "There is no such link.")
	}
	// Before hashing, so that only holders of a link cause that work.
	u, _, err = s.Peek(ctx, p, token)
	if err != nil {
		return "", User{}, err
	}
	if msg := passwordProblem(password, ownWords(u.Nickname, u.Username, u.Email)...); msg != "" {
		return "", User{}, fault.Fields(map[string]string{"password": msg})
	}
	stored, err := hashPassword(ctx, password, s.Cost)
	if err != nil {
		return "", User{}, err
	}
	err = s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		// The person before the link, as all others do: no deadlock.
		if u, err = s.one(ctx, tx, "lock user", u.ID); err != nil {
			return err
		}
		if !u.Active {
			return fault.New(fault.Gone, "This account was deactivated. Ask an administrator.")
		}
		if _, err := s.use(ctx, tx, p, token); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, queries.Get("set password"), u.ID, stored, s.now()); err != nil {
			return fmt.Errorf("set the password of user %d: %w", u.ID, err)
		}
		if err := s.endAccess(ctx, tx, u.ID); err != nil {
			return err
		}
		if err := tx.GetContext(ctx, &u.ID, queries.Get("signed in"), u.ID, stored, s.now()); err != nil {
			return fmt.Errorf("sign in user %d: %w", u.ID, err)
		}
		if _, err := tx.ExecContext(ctx, queries.Get("forget failures"), fmt.Sprintf("user:%d", u.ID)); err != nil {
			return fmt.Errorf("forget failed sign-ins: %w", err)
		}
		if session, err = s.open(ctx, tx, Web, u.ID, from); err != nil {
			return err
		}
		if u, err = s.user(ctx, tx, u.ID); err != nil {
			return err
		}
		return u.Actor().Note(ctx, tx, audit.SignIn, s.now(), "Set a password by a link and signed in.")
	})
	if err != nil {
		return "", User{}, err
	}
	return session, u, nil
}

// SetupDone reports whether there is a root account. Once there is one it
// costs no query.
func (s *Store) SetupDone(ctx context.Context) (bool, error) {
	if s.hasRoot.Load() {
		return true, nil
	}
	var has bool
	if err := s.DB.GetContext(ctx, &has, queries.Get("has root")); err != nil {
		return false, fmt.Errorf("look for the first administrator: %w", err)
	}
	if has {
		s.hasRoot.Store(true)
	}
	return has, nil
}

// NewSetupLink makes a link (1 hour, one use) to the page that makes the first
// administrator. Earlier ones stay open until they expire or one is used: each
// process that starts prints its own.
func (s *Store) NewSetupLink(ctx context.Context) (l Link, err error) {
	err = s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		if err := s.firstRoot(ctx, tx); err != nil {
			return err
		}
		l, err = s.newLink(ctx, tx, ForSetup, nil)
		return err
	})
	return l, err
}

// firstRoot fails when there is a root, and keeps others from making one until
// the end of tx.
func (s *Store) firstRoot(ctx context.Context, tx *pg.Tx) error {
	if err := s.lock(ctx, tx, "roots"); err != nil {
		return err
	}
	var has bool
	if err := tx.GetContext(ctx, &has, queries.Get("has root")); err != nil {
		return fmt.Errorf("look for the first administrator: %w", err)
	}
	if has {
		return fault.New(fault.Gone, "This server is already set up. Sign in instead.")
	}
	return nil
}

// Setup makes the first administrator, a root, by a setup link, sets the
// server's time zone to theirs, and opens a session.
func (s *Store) Setup(ctx context.Context, token string, in NewUser, from Client) (session string, u User, err error) {
	if _, _, err := s.Peek(ctx, ForSetup, token); err != nil {
		return "", User{}, err
	}
	zone := strings.TrimSpace(in.TimeZone)
	in.TimeZone, in.Role = "", Root // the administrator's zone is the server's
	in = in.tidy()
	p := in.problems()
	if in.Email == "" {
		p["email"] = "Enter your email address. You sign in with it."
	}
	if in.Password == "" {
		p["password"] = passwordProblem("")
	}
	if zone != "" && !knownZone(zone) {
		p["timeZone"] = "Choose a time zone from the list."
	}
	if err := fault.Fields(p); err != nil {
		return "", User{}, err
	}
	stored, err := hashPassword(ctx, in.Password, s.Cost)
	if err != nil {
		return "", User{}, err
	}
	err = s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		if err := s.firstRoot(ctx, tx); err != nil {
			return err
		}
		if _, err := s.use(ctx, tx, ForSetup, token); err != nil {
			return err
		}
		if u, err = s.insert(ctx, tx, in, stored); err != nil {
			return err
		}
		if zone != "" {
			if _, err := tx.ExecContext(ctx, queries.Get("set zone"), zone, s.now()); err != nil {
				return fmt.Errorf("set the time zone: %w", err)
			}
		}
		if _, err := tx.ExecContext(ctx, queries.Get("void setup links"), s.now()); err != nil {
			return fmt.Errorf("void setup links: %w", err)
		}
		if err := tx.GetContext(ctx, &u.ID, queries.Get("signed in"), u.ID, stored, s.now()); err != nil {
			return fmt.Errorf("sign in user %d: %w", u.ID, err)
		}
		if session, err = s.open(ctx, tx, Web, u.ID, from); err != nil {
			return err
		}
		return u.Actor().Note(ctx, tx, audit.SignIn, s.now(), "Set this server up and signed in.")
	})
	if err != nil {
		return "", User{}, err
	}
	s.hasRoot.Store(true)
	return session, u, nil
}

// EnsureRoot makes the first administrator of an unattended install and reports
// whether it did: nothing happens when there is a root already.
func (s *Store) EnsureRoot(ctx context.Context, in NewUser) (made bool, err error) {
	if done, err := s.SetupDone(ctx); done || err != nil {
		return false, err
	}
	in.Role = Root
	in, stored, err := s.prepare(ctx, System, in)
	if err != nil {
		return false, err
	}
	if stored == "" {
		return false, fault.Fields(map[string]string{"password": passwordProblem("")})
	}
	err = s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		if err := s.firstRoot(ctx, tx); err != nil {
			return err
		}
		_, err := s.insert(ctx, tx, in, stored)
		return err
	})
	if fault.Is(err, fault.Gone) {
		return false, nil // another process was faster
	}
	return err == nil, err
}
