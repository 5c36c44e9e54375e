package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"alur/engine/audit"
	"alur/engine/fault"
	"alur/engine/pg"
)

const (
	tryWindow    = 15 * time.Minute
	accountTries = 5  // wrong passwords per account and window
	addressTries = 30 // and per address, over all accounts
)

// limit is how many failures a subject may have within tryWindow.
type limit struct {
	subject string
	tries   int
}

// SignIn opens a session for the person with this email address or user name.
// A wrong password and an unknown account are the same error, and take the
// same time. After 5 wrong tries in 15 minutes for one account, or 30 from one
// address, it answers fault.Overloaded until the oldest has passed.
func (s *Store) SignIn(ctx context.Context, kind Kind, account, password string, from Client) (token string, u User, err error) {
	if err := s.sweep(ctx); err != nil {
		return "", User{}, err
	}
	id, stored, err := s.byAccount(ctx, account)
	if err != nil {
		return "", User{}, err
	}
	subject := fmt.Sprintf("user:%d", id)
	if id == 0 {
		subject = "account:" + hashOf(strings.ToLower(strings.TrimSpace(account))).String()
	}
	wrong := &fault.Error{Kind: fault.Unsigned, Code: "WRONG_PASSWORD", Msg: "The account or the password is wrong. Check both and try again."}
	err = s.guess(ctx, subject, password, stored, from, wrong, func(tx *pg.Tx) error {
		switch err := tx.GetContext(ctx, &id, queries.Get("signed in"), id, stored, s.now()); {
		case errors.Is(err, sql.ErrNoRows):
			return wrong // deactivated or changed meanwhile
		case err != nil:
			return fmt.Errorf("sign in user %d: %w", id, err)
		}
		if token, err = s.open(ctx, tx, kind, id, from); err != nil {
			return err
		}
		if u, err = s.user(ctx, tx, id); err != nil {
			return err
		}
		return u.Actor().Note(ctx, tx, audit.SignIn, s.now(), "Signed in.")
	})
	if err != nil {
		return "", User{}, err
	}
	return token, u, nil
}

// ChangePassword sets a's own password, given the old one, and ends all other
// sessions of theirs. Wrong tries count as those of sign-in do.
func (s *Store) ChangePassword(ctx context.Context, a Actor, current Session, old, password string, from Client) error {
	if err := a.Require(UseRecords); err != nil {
		return err
	}
	u, err := s.user(ctx, s.DB, a.UserID)
	if err != nil {
		return err
	}
	if msg := passwordProblem(password, ownWords(u.Nickname, u.Username, u.Email)...); msg != "" {
		return fault.Fields(map[string]string{"newPassword": msg})
	}
	var stored string
	if err := s.DB.GetContext(ctx, &stored, queries.Get("password of"), a.UserID); err != nil {
		return fmt.Errorf("read the password of user %d: %w", a.UserID, err)
	}
	wrong := &fault.Error{Kind: fault.Invalid, Code: "WRONG_PASSWORD", Msg: "This is not your current password.",
		Fields: map[string]string{"oldPassword": "This is not your current password."}}
	next, err := hashPassword(ctx, password, s.Cost)
	if err != nil {
		return err
	}
	keep, _ := parseHash(current.ID)
	return s.guess(ctx, fmt.Sprintf("user:%d", a.UserID), old, stored, from, wrong, func(tx *pg.Tx) error {
		res, err := tx.ExecContext(ctx, queries.Get("set password if unchanged"), a.UserID, stored, next, s.now())
		if err != nil {
			return fmt.Errorf("change the password of user %d: %w", a.UserID, err)
		}
		if n, err := res.RowsAffected(); n == 0 || err != nil {
			return errors.Join(err, fault.New(fault.Conflict, "Your password was changed at the same moment. Sign in with the new one."))
		}
		if _, err := tx.ExecContext(ctx, queries.Get("void links of"), a.UserID, s.now()); err != nil {
			return fmt.Errorf("void links of user %d: %w", a.UserID, err)
		}
		if err := a.Note(ctx, tx, audit.People, s.now(), "Changed the own password."); err != nil {
			return err
		}
		return s.endSessions(ctx, tx, a.UserID, keep)
	})
}

// byAccount returns who account names and their password hash; zero values when
// there is no such active person.
func (s *Store) byAccount(ctx context.Context, account string) (id int64, stored string, err error) {
	var row struct {
		ID       int64  `db:"id"`
		Password string `db:"password"`
	}
	account = strings.TrimSpace(account)
	if len(account) > 254 || hasControl(account) {
		account = "" // nobody has it, and PostgreSQL refuses some
	}
	err = s.DB.GetContext(ctx, &row, queries.Get("user by account"), account)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, "", fmt.Errorf("look up an account: %w", err)
	}
	return row.ID, row.Password, nil
}

// guess checks password against stored and runs fn in a transaction when it is
// right; otherwise it records a failure of subject and of the address and
// returns wrong.
//
// The limit is asked twice: before, to spare the work, and after the check in
// the transaction that records its outcome, under a lock per subject. Of many
// guesses at the same time, those beyond the limit learn nothing.
func (s *Store) guess(ctx context.Context, subject, password, stored string, from Client, wrong error, fn func(*pg.Tx) error) error {
	limits := []limit{{subject, accountTries}}
	if address := network(from.IP); address != "" {
		limits = append(limits, limit{"ip:" + address, addressTries})
	}
	if err := s.mayTry(ctx, s.DB, limits); err != nil {
		return err
	}
	right, err := checkPassword(ctx, clipPassword(password), stored, s.Cost)
	if err != nil {
		return err
	}
	err = s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		for _, l := range limits { // account before address, always: no deadlock
			if err := s.lock(ctx, tx, l.subject); err != nil {
				return err
			}
		}
		if err := s.mayTry(ctx, tx, limits); err != nil {
			return err
		}
		if right {
			if _, err := tx.ExecContext(ctx, queries.Get("forget failures"), subject); err != nil {
				return fmt.Errorf("forget failed sign-ins: %w", err)
			}
			return fn(tx)
		}
		if err := s.noteRefused(ctx, tx, subject); err != nil {
			return err
		}
		for _, l := range limits {
			if _, err := tx.ExecContext(ctx, queries.Get("insert failure"), l.subject, s.now()); err != nil {
				return fmt.Errorf("record a failed sign-in: %w", err)
			}
		}
		return nil
	})
	if err == nil && !right {
		return wrong
	}
	return err
}

// noteRefused notes a wrong password, for whom it was when that is known.
func (s *Store) noteRefused(ctx context.Context, tx *pg.Tx, subject string) error {
	e := audit.Entry{At: s.now(), Kind: audit.Refused, Text: "Somebody tried to sign in with an account that is not here."}
	if id, err := strconv.ParseInt(strings.TrimPrefix(subject, "user:"), 10, 64); err == nil {
		u, err := s.user(ctx, tx, id)
		if err != nil {
			return err
		}
		e.UserID, e.Person, e.Text = u.ID, u.Nickname, "A wrong password was given for "+u.Nickname+"."
	}
	return audit.Write(ctx, tx, e)
}

// mayTry returns fault.Overloaded with the time to wait when a limit is reached.
func (s *Store) mayTry(ctx context.Context, q pg.Q, limits []limit) error {
	now := s.now()
	for _, l := range limits {
		var decides time.Time
		err := q.GetContext(ctx, &decides, queries.Get("deciding failure"), l.subject, now.Add(-tryWindow), l.tries-1)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return fmt.Errorf("count failed sign-ins: %w", err)
		}
		// Rounded up: whoever comes back then is let in.
		wait := decides.Add(tryWindow).Sub(now)
		minutes := int((wait + time.Minute - 1) / time.Minute)
		unit := "minutes"
		if minutes == 1 {
			unit = "minute"
		}
		return &fault.Error{Kind: fault.Overloaded, Code: "TOO_MANY_TRIES",
			Msg: fmt.Sprintf("Too many wrong passwords. Try again in %d %s.", minutes, unit)}
	}
	return nil
}

// network is the address that counts for the limit: an IPv6 customer has at
// least a /64 of them.
func network(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.String()
		}
	}
	return addr.String()
}

// clipPassword bounds the text to hash. What it cuts was never accepted as a
// password.
func clipPassword(s string) string {
	if len(s) > maxPassword*utf8.UTFMax {
		return s[:maxPassword*utf8.UTFMax]
	}
	return s
}

// cleanText makes s storable as PostgreSQL text.
func cleanText(s string) string {
	return strings.Map(func(r rune) rune {
		if r == 0 || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
}
