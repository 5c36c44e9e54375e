package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lib/pq"

	"alur/engine/audit"
	"alur/engine/fault"
	"alur/engine/pg"
)

// Kind says which kind of client holds a session. A token of one kind does not
// open the other: a stolen cookie is no API key.
type Kind string

const (
	Web Kind = "web" // a browser, by cookie
	API Kind = "api" // a program, by Authorization header
	Key Kind = "key" // the same with a key that was made for it, see APIKey
)

func (k Kind) prefix() string {
	if k == API {
		return apiPrefix
	}
	return webPrefix
}

// idle is how long a session of k may be unused.
func (k Kind) idle() time.Duration {
	if k == API {
		return idleTimeAPI
	}
	return idleTime
}

const (
	idleTime     = 12 * time.Hour      // a browser's session unused for so long is over
	idleTimeAPI  = 48 * time.Hour      // and a program's (spec/platform.md §7)
	sessionTime  = 30 * 24 * time.Hour // and any session after this
	renewAfter   = 24 * time.Hour      // a program's token is replaced after this (spec/platform.md §7)
	renewedTime  = time.Hour           // and opens for so long afterwards, for requests on their way
	touchEvery   = time.Minute         // how exactly its use is recorded
	sweepEvery   = time.Hour
	keepSessions = 24 * time.Hour // ended ones, so that the client learns why
)

// Client says where a request comes from.
type Client struct {
	IP    string // address of the caller, without port; "" when unknown
	Agent string // User-Agent
}

// Session is a signed-in client. The token is not in it.
type Session struct {
	ID        string // names the session in lists; opens nothing
	Kind      Kind
	Actor     Actor
	CreatedAt time.Time // UTC
	UsedAt    time.Time // UTC, exact to a minute
	ExpiresAt time.Time // UTC; the absolute end; the zero time for a key without one
	Client
	Roles []Role // all of the person's; Actor.Role is the one they act in

	renewed bool     // its token was replaced
	version int64    // of the roles when it was read
	shared  []string // see Store.sharedBy
}

// has reports whether the person of s has role.
func (s Session) has(role Role) bool { return slices.Contains(s.Roles, role) }

type sessionRow struct {
	Hash      []byte     `db:"token_hash"`
	UserID    int64      `db:"user_id"`
	Kind      Kind       `db:"kind"`
	CreatedAt time.Time  `db:"created_at"`
	UsedAt    time.Time  `db:"used_at"`
	ExpiresAt time.Time  `db:"expires_at"`
	RevokedAt *time.Time `db:"revoked_at"`
	RenewedAt *time.Time `db:"renewed_at"` // nil: its token was not replaced
	IP        string     `db:"ip"`
	Agent     string     `db:"agent"`
	Role      Role       `db:"role"`
	Nickname  string     `db:"nickname"`
	Email     string     `db:"email"`
	TimeZone  string     `db:"time_zone"`
	Active    bool       `db:"active"`

	More    pq.StringArray `db:"more_roles"`
	Shared  pq.StringArray `db:"shared_by"`
	Version int64          `db:"rights_version"`
	KeyRole string         `db:"key_role"` // of a key, as is KeyName
	KeyName string         `db:"key_name"`
	Endless bool           `db:"endless"` // a key that does not expire
}

func (r sessionRow) session() Session {
	s := Session{
		ID: hash(r.Hash).String(), Kind: r.Kind,
		CreatedAt: r.CreatedAt.UTC(), UsedAt: r.UsedAt.UTC(), ExpiresAt: r.ExpiresAt.UTC(),
		Client: Client{r.IP, r.Agent}, Roles: r.user().Roles(), renewed: r.RenewedAt != nil, version: r.Version, shared: r.Shared,
	}
	if r.Endless {
		s.ExpiresAt = time.Time{}
	}
	return s
}

func (r sessionRow) user() User {
	return User{ID: r.UserID, Role: r.Role, More: r.More, Nickname: r.Nickname, Email: r.Email, TimeZone: r.TimeZone}
}

// over returns why the session cannot be used at now, nil when it can.
func (r sessionRow) over(now time.Time) error {
	switch {
	case r.RevokedAt != nil:
		return unsigned("BLOCKED_TOKEN", "You were signed out. Sign in again.")
	case !r.Active:
		return unsigned("NOT_EXIST_USER", "This account was deactivated. Ask an administrator.")
	case r.Kind == Key:
		if !r.Endless && !now.Before(r.ExpiresAt) {
			return unsigned("EXPIRED_TOKEN", "This API key has expired. Make a new one.")
		}
	case r.RenewedAt != nil && now.Sub(*r.RenewedAt) >= renewedTime:
		return unsigned("EXPIRED_TOKEN", "This token was replaced by a new one. Sign in again.")
	case !now.Before(r.ExpiresAt), now.Sub(r.UsedAt) >= r.Kind.idle():
		return unsigned("EXPIRED_SESSION", "Your session has ended. Sign in again.")
	}
	return nil
}

func unsigned(code, msg string) error {
	return &fault.Error{Kind: fault.Unsigned, Code: code, Msg: msg}
}

// Resolve returns the session of token, a browser's (Web) or a program's (API,
// which also takes keys). Its errors are fault.Unsigned with a Code: EMPTY_TOKEN,
// INVALID_TOKEN, EXPIRED_SESSION, EXPIRED_TOKEN, BLOCKED_TOKEN, NOT_EXIST_USER or
// ROLE_NOT_FOUND_FOR_USER. Most calls need no query; see [sessionCache]. The use
// of the session is recorded at most once a minute.
func (s *Store) Resolve(ctx context.Context, kind Kind, token string, from Client) (Session, error) {
	if token == "" {
		return Session{}, unsigned("EMPTY_TOKEN", "Sign in to continue.")
	}
	invalid := unsigned("INVALID_TOKEN", "This token is not known here. Sign in again.")
	if kind == API && looksLikeKey(token) {
		kind = Key
	} else if !looksLike(token, kind.prefix()) {
		return Session{}, invalid
	}
	h, now := hashOf(token), s.now()
	r, seen, ok := s.cache.get(h, now)
	if !ok {
		query, touch := queries.Get("session"), queries.Get("touch session")
		if kind == Key {
			query, touch = keyQueries.Get("key"), keyQueries.Get("touch key")
		}
		switch err := s.DB.GetContext(ctx, &r, query, h[:]); {
		case errors.Is(err, sql.ErrNoRows):
			return Session{}, invalid
		case err != nil:
			return Session{}, fmt.Errorf("read a session: %w", err)
		}
		if r.Kind != kind {
			return Session{}, invalid
		}
		if r.over(now) == nil && (now.Sub(r.UsedAt) > touchEvery || kind == Key && r.UsedAt.Equal(r.CreatedAt)) {
			args := []any{h[:], now, now.Add(-touchEvery)}
			if kind == Key {
				args = append(args, clip(from.IP, 64))
			}
			if _, err := s.DB.ExecContext(ctx, touch, args...); err != nil && !pg.IsExhausted(err) { // pages can still be read
				return Session{}, fmt.Errorf("record the use of a session: %w", err)
			}
			r.UsedAt = now
		}
		s.cache.put(h, r, now, seen)
	}
	if err := r.over(now); err != nil {
		return Session{}, err
	}
	b, err := s.roles(ctx, r.Version)
	if err != nil {
		return Session{}, err
	}
	session := r.session()
	session.Actor, err = r.actor(b)
	return session, err
}

// open starts a session for user id and returns its token.
func (s *Store) open(ctx context.Context, tx *pg.Tx, kind Kind, id int64, from Client) (string, error) {
	token, h := newToken(kind.prefix())
	now := s.now()
	_, err := tx.ExecContext(ctx, queries.Get("insert session"),
		h[:], id, kind, now, now.Add(sessionTime), clip(from.IP, 64), clip(from.Agent, 300))
	if err != nil {
		return "", fmt.Errorf("open a session for user %d: %w", id, err)
	}
	return token, nil
}

// Renew replaces the token of a program's session that is a day old, once, and
// returns the new one; "" when there is none to be had. The old token opens for an
// hour more. The session's absolute end stays.
func (s *Store) Renew(ctx context.Context, session Session) (token string, err error) {
	now := s.now()
	old, ok := parseHash(session.ID)
	if session.Kind != API || session.renewed || !ok || now.Sub(session.CreatedAt) < renewAfter {
		return "", nil
	}
	token, h := newToken(API.prefix())
	res, err := s.DB.ExecContext(ctx, queries.Get("renew session"), old[:], now, h[:])
	if pg.IsExhausted(err) {
		return "", nil // another time
	}
	if err != nil {
		return "", fmt.Errorf("renew a session of user %d: %w", session.Actor.UserID, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return "", err // another request was first
	}
	s.cache.drop(session.Actor.UserID)
	return token, nil
}

// SignOut ends the session of token; without effect when it has ended.
func (s *Store) SignOut(ctx context.Context, session Session) error {
	h, ok := parseHash(session.ID)
	if !ok {
		return nil
	}
	_, err := s.revoke(ctx, session.Actor, h, "Signed out.")
	return err
}

// Sessions returns the open sessions of user id, last used first: one's own, or
// anybody's to a manager.
func (s *Store) Sessions(ctx context.Context, a Actor, id int64) ([]Session, error) {
	u, err := s.Get(ctx, a, id)
	if err != nil {
		return nil, err
	}
	now := s.now()
	var rows []sessionRow
	if err := s.DB.SelectContext(ctx, &rows, queries.Get("sessions of"), id, now, now.Add(-idleTime), now.Add(-idleTimeAPI)); err != nil {
		return nil, fmt.Errorf("list sessions of user %d: %w", id, err)
	}
	list := make([]Session, len(rows))
	for i, r := range rows {
		list[i] = r.session()
		list[i].Actor = u.Actor()
	}
	return list, nil
}

// EndSession ends one of a's own sessions.
func (s *Store) EndSession(ctx context.Context, a Actor, sessionID string) error {
	if err := a.Require(UseRecords); err != nil {
		return err
	}
	ended := false
	if h, ok := parseHash(sessionID); ok {
		var err error
		if ended, err = s.revoke(ctx, a, h, "Ended a session of their own."); err != nil {
			return err
		}
	}
	if !ended {
		return fault.New(fault.NotFound, "This session has already ended.")
	}
	return nil
}

// EndOtherSessions ends all of a's sessions but current.
func (s *Store) EndOtherSessions(ctx context.Context, a Actor, current Session) error {
	if err := a.Require(UseRecords); err != nil {
		return err
	}
	keep, _ := parseHash(current.ID)
	return s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		if err := s.endSessions(ctx, tx, a.UserID, keep); err != nil {
			return err
		}
		return a.Note(ctx, tx, audit.SignIn, s.now(), "Ended all other sessions of their own.")
	})
}

// revoke ends a session of a and notes what that was; without effect when it has
// ended.
func (s *Store) revoke(ctx context.Context, a Actor, h hash, did string) (ended bool, err error) {
	err = s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		res, err := tx.ExecContext(ctx, queries.Get("revoke session"), h[:], a.UserID, s.now())
		if err != nil {
			return err
		}
		s.changed(tx, a.UserID)
		n, err := res.RowsAffected()
		if ended = n > 0; !ended || err != nil {
			return err
		}
		return a.Note(ctx, tx, audit.SignIn, s.now(), did)
	})
	if err != nil {
		return false, fmt.Errorf("end a session of user %d: %w", a.UserID, err)
	}
	return ended, nil
}

// endSessions ends the sessions of user id; keep, when not zero, stays.
func (s *Store) endSessions(ctx context.Context, tx *pg.Tx, id int64, keep hash) error {
	if _, err := tx.ExecContext(ctx, queries.Get("revoke sessions of"), id, s.now(), keep[:]); err != nil {
		return fmt.Errorf("end sessions of user %d: %w", id, err)
	}
	s.changed(tx, id)
	return nil
}

// sweep removes what is over, once an hour and process.
func (s *Store) sweep(ctx context.Context) error {
	now := s.now()
	last := s.swept.Load()
	if now.Unix()-last < int64(sweepEvery.Seconds()) || !s.swept.CompareAndSwap(last, now.Unix()) {
		return nil
	}
	for query, before := range map[string]time.Time{
		"sweep sessions": now.Add(-keepSessions),
		"sweep failures": now.Add(-tryWindow),
		"sweep links":    now.Add(-keepLinks),
	} {
		if _, err := s.DB.ExecContext(ctx, queries.Get(query), before); err != nil {
			return fmt.Errorf("%s: %w", query, err)
		}
	}
	return nil
}

func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return cleanText(s)
}

// sessionCache remembers sessions for a moment, so that a client with many
// requests costs one query every 1.5 seconds. This process drops a person's
// entries with each change of theirs; others do when they hear of it ([Channel]),
// at the latest when theirs are too old. The zero value is ready.
type sessionCache struct {
	mu      sync.Mutex
	changes uint64 // counts drops: an answer read before one is not kept
	entries map[hash]cachedSession
}

type cachedSession struct {
	row  sessionRow
	read time.Time
}

const (
	cacheTime = 1500 * time.Millisecond
	cacheSize = 10_000 // sessions; when full it starts anew
)

// get returns the session of h as read at most cacheTime before now. Pass seen
// to put when it has to be read.
func (c *sessionCache) get(h hash, now time.Time) (r sessionRow, seen uint64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[h]
	if age := now.Sub(e.read); ok && age >= 0 && age < cacheTime {
		return e.row, c.changes, true
	}
	return sessionRow{}, c.changes, false
}

// put keeps r unless somebody's sessions changed since get returned seen: r may
// have been read before that change.
func (c *sessionCache) put(h hash, r sessionRow, read time.Time, seen uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != seen {
		return
	}
	if c.entries == nil || len(c.entries) >= cacheSize {
		c.entries = map[hash]cachedSession{}
	}
	c.entries[h] = cachedSession{r, read}
}

// clear forgets everything.
func (c *sessionCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	c.entries = nil
}

// drop forgets the sessions of a person.
func (c *sessionCache) drop(userID int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	for h, e := range c.entries {
		if e.row.UserID == userID {
			delete(c.entries, h)
		}
	}
}
