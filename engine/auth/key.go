package auth

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"time"
	"unicode/utf8"

	"alur/engine/audit"
	"alur/engine/fault"
	"alur/engine/pg"
)

//go:embed queries_key.sql
var keyText string

var keyQueries = pg.LoadQueries(keyText)

// maxKeys is how many keys that are not revoked a person may have.
const maxKeys = 100

// APIKey lets a program act as a person in one of their roles. The token is not
// in it.
type APIKey struct {
	ID        int64      `db:"id"`
	Name      string     `db:"name"` // 1 to 100 characters; what the person calls it
	UserID    int64      `db:"user_id"`
	Person    string     `db:"nickname"`
	Role      Role       `db:"role_name"`
	Hint      string     `db:"hint"` // the last characters of the token
	CreatedAt time.Time  `db:"created_at"`
	ExpiresAt *time.Time `db:"expires_at"` // nil: never
	UsedAt    *time.Time `db:"used_at"`    // exact to a minute; nil: never
	UsedIP    string     `db:"used_ip"`
	RevokedAt *time.Time `db:"revoked_at"` // nil: not revoked
}

// Over reports whether k opens nothing any more.
func (k APIKey) Over(now time.Time) bool {
	return k.RevokedAt != nil || k.ExpiresAt != nil && !now.Before(*k.ExpiresAt)
}

// newKey returns a token whose end is a checksum, so that a scanner for leaked
// secrets can tell a key from an accident.
func newKey() (string, hash) {
	token, _ := newToken(keyPrefix)
	token += checksum(token)
	return token, hashOf(token)
}

// checksum is the CRC-32 of token in six characters.
func checksum(token string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum := crc32.ChecksumIEEE([]byte(token))
	var b [6]byte
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = digits[sum%62]
		sum /= 62
	}
	return string(b[:])
}

// looksLikeKey reports whether token could have come from newKey.
func looksLikeKey(token string) bool {
	n := len(token) - 6
	return n > 0 && looksLike(token[:n], keyPrefix) && checksum(token[:n]) == token[n:]
}

// CreateKey makes a key for a in one of their roles; "" is the one they act in.
// life is "30d" or "never". The token is returned here and never again. A key
// makes no keys: it would outlive its own end.
func (s *Store) CreateKey(ctx context.Context, session Session, name string, role Role, life string) (token string, k APIKey, err error) {
	a := session.Actor
	if err := a.Require(UseRecords); err != nil {
		return "", k, err
	}
	if session.Kind == Key {
		return "", k, fault.New(fault.Forbidden, "An API key cannot make API keys. Sign in and make one on your account page.")
	}
	name = strings.TrimSpace(name)
	p := map[string]string{}
	if n := utf8.RuneCountInString(name); n == 0 || n > 100 || hasControl(name) {
		p["name"] = "Write a name of 1 to 100 characters, such as the program that will use the key."
	}
	if role == "" {
		role = session.Roles[0]
	}
	if !session.has(role) {
		p["role"] = "Choose one of your own roles."
	}
	if err := fault.Fields(p); err != nil {
		return "", k, err
	}
	end, err := Until(s.now(), life)
	if err != nil {
		return "", k, err
	}
	token, h := newKey()
	k = APIKey{ID: s.IDs.Next(), Name: name, UserID: a.UserID, Person: a.Name, Role: role, Hint: token[len(token)-6:], CreatedAt: s.now(), ExpiresAt: end}
	err = s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		if err := s.lock(ctx, tx, fmt.Sprintf("keys %d", a.UserID)); err != nil {
			return err
		}
		var n int
		if err := tx.GetContext(ctx, &n, keyQueries.Get("count keys"), a.UserID); err != nil {
			return err
		}
		if n >= maxKeys {
			return fault.New(fault.Invalid, fmt.Sprintf("You have %d API keys, which is the most. Revoke one that is not used.", maxKeys))
		}
		_, err := tx.ExecContext(ctx, keyQueries.Get("insert key"), k.ID, k.Name, k.UserID, k.Role, h[:], k.Hint, k.CreatedAt, k.ExpiresAt)
		if err != nil {
			return err
		}
		return a.Note(ctx, tx, audit.Keys, s.now(), fmt.Sprintf("Made the API key “%s” (…%s) with role %s.", k.Name, k.Hint, k.Role))
	})
	if err != nil {
		return "", APIKey{}, fmt.Errorf("make an API key for user %d: %w", a.UserID, err)
	}
	return token, k, nil
}

// Keys lists a's own keys, or with all everybody's to those who may see them.
// Those that are over come last.
func (s *Store) Keys(ctx context.Context, a Actor, all bool) ([]APIKey, error) {
	need, whose := UseRecords, a.UserID
	if all {
		need, whose = ManageKeys, 0
	}
	if err := a.Require(need); err != nil {
		return nil, err
	}
	keys := []APIKey{}
	if err := s.DB.SelectContext(ctx, &keys, keyQueries.Get("keys"), whose, s.now()); err != nil {
		return nil, fmt.Errorf("list API keys: %w", err)
	}
	return keys, nil
}

// RevokeKey ends one of a's own keys, or anybody's for those who may.
func (s *Store) RevokeKey(ctx context.Context, a Actor, id int64) error {
	if err := a.Require(UseRecords); err != nil {
		return err
	}
	whose := a.UserID
	if a.Can(ManageKeys) {
		whose = 0
	}
	return s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		var k APIKey
		err := tx.GetContext(ctx, &k, keyQueries.Get("revoke key"), id, whose, s.now())
		if errors.Is(err, sql.ErrNoRows) {
			return fault.New(fault.NotFound, "There is no such API key, or it was revoked before.")
		}
		if err != nil {
			return fmt.Errorf("revoke API key %d: %w", id, err)
		}
		s.changed(tx, k.UserID)
		return a.Note(ctx, tx, audit.Keys, s.now(), fmt.Sprintf("Revoked the API key “%s” (…%s) of %s.", k.Name, k.Hint, k.Person))
	})
}
