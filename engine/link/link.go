package link

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"math/big"
	"strings"
	"time"

	"alur/engine/fault"
	"alur/engine/pg"
)

//go:embed queries.sql
var queriesText string

var queries = pg.LoadQueries(queriesText)

// Prefix begins every token, so that secret scanners and the filter of the
// request log know one when they see it.
const Prefix = "alur_lnk_"

// MaxAge is how long a link works at most.
const MaxAge = 14 * 24 * time.Hour

const (
	secretLen = 43 // 256 bits in base 62
	checkLen  = 6  // CRC-32 of it in base 62
)

// ErrUnknown answers for every token that is none of ours.
var ErrUnknown = fault.New(fault.NotFound, "This link is not complete or not known. Open it from the mail again, or open the task from your task list.")

// Token is a secret that lets its holder act as a person on a task. Logging one
// shows its prefix only.
type Token string

// LogValue keeps tokens out of logs.
func (Token) LogValue() slog.Value { return slog.StringValue(Prefix + "…") }

// Link is what a token stands for.
type Link struct {
	TaskID    int64      `db:"task_id"`
	UserID    int64      `db:"user_id"`
	CreatedAt time.Time  `db:"created_at"`
	ExpiresAt time.Time  `db:"expires_at"` // at most MaxAge after CreatedAt
	VoidedAt  *time.Time `db:"voided_at"`  // when a newer link took its place
}

// Usable returns nil when l lets its holder act at now, and Gone otherwise.
func (l Link) Usable(now time.Time) error {
	switch {
	case l.VoidedAt != nil:
		return fault.New(fault.Gone, "A newer mail has replaced this link. Use the newest one, or sign in to decide.")
	case !now.Before(l.ExpiresAt):
		return fault.New(fault.Gone, "This link has expired. Sign in to decide, or have a fresh link sent to your address.")
	}
	return nil
}

// Create makes a link through q, usually the transaction that makes the task,
// and voids the earlier ones of the same person and task. An ExpiresAt that is
// zero or too far away becomes the latest allowed.
func Create(ctx context.Context, q pg.Q, l Link) (Token, error) {
	latest := l.CreatedAt.Add(MaxAge)
	if l.ExpiresAt.IsZero() || l.ExpiresAt.After(latest) {
		l.ExpiresAt = latest
	}
	if _, err := q.ExecContext(ctx, queries.Get("void"), l.TaskID, l.UserID, l.CreatedAt); err != nil {
		return "", fmt.Errorf("void links of task %d: %w", l.TaskID, err)
	}
	t := newToken()
	if _, err := q.ExecContext(ctx, queries.Get("create"), t.hash(), l.TaskID, l.UserID, l.CreatedAt, l.ExpiresAt); err != nil {
		return "", fmt.Errorf("create link for task %d: %w", l.TaskID, err)
	}
	return t, nil
}

// Lookup returns the link behind t, also when it is no longer usable, and
// ErrUnknown when there is none. Garbled tokens do not reach the database.
func Lookup(ctx context.Context, q pg.Q, t Token) (Link, error) {
	if !t.valid() {
		return Link{}, ErrUnknown
	}
	var l Link
	switch err := q.GetContext(ctx, &l, queries.Get("lookup"), t.hash()); {
	case errors.Is(err, sql.ErrNoRows):
		return Link{}, ErrUnknown
	case err != nil:
		return Link{}, fmt.Errorf("look up link: %w", err)
	}
	return l, nil
}

func newToken() Token {
	var secret [32]byte
	rand.Read(secret[:]) // never fails
	s := base62(new(big.Int).SetBytes(secret[:]), secretLen)
	return Token(Prefix + s + checksum(s))
}

func (t Token) valid() bool {
	s, ok := strings.CutPrefix(string(t), Prefix)
	return ok && len(s) == secretLen+checkLen && checksum(s[:secretLen]) == s[secretLen:]
}

func (t Token) hash() []byte {
	sum := sha256.Sum256([]byte(t))
	return sum[:]
}

func checksum(s string) string {
	return base62(big.NewInt(int64(crc32.ChecksumIEEE([]byte(s)))), checkLen)
}

// base62 writes n in letters and digits only, for mail programs end a link at
// many other characters.
func base62(n *big.Int, width int) string {
	s := n.Text(62)
	return strings.Repeat("0", width-len(s)) + s
}
