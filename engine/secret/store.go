package secret

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"alur/engine/audit"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

//go:embed queries.sql
var queriesText string

var queries = pg.LoadQueries(queriesText)

// Channel is where a process is told that variables have changed. Whoever listens
// calls [Store.Forget]; without it a process notices within two seconds.
const Channel = "alur_variables"

const (
	lookEvery = 2 * time.Second // how old the knowledge of the variables may be
	maxCount  = 1000
	maxValue  = 32 << 10 // bytes
	maxImport = 1 << 20  // bytes of a text
)

// Kind says whether a value may be shown.
type Kind string

// The kinds of variables, as platform.md §9 calls them.
const (
	Plain  Kind = "default"
	Hidden Kind = "secret"
)

// Variable is one variable, without the value of a secret.
type Variable struct {
	Name      string    `db:"name"` // a letter, then letters, digits and _; at most 100
	Kind      Kind      `db:"type"`
	Value     string    `db:"value"` // "" for a secret
	CreatedAt time.Time `db:"created_at"`
	UpdatedAt time.Time `db:"updated_at"`
	Person    string    `db:"person"` // who changed it last; "" when unknown

	Sealed []byte `db:"sealed" json:"-"`
}

// Store keeps the variables.
type Store struct {
	DB  *pg.DB
	Now func() time.Time
	Box *Box

	mu     sync.Mutex
	values *Values // nil: not read
	stamp  string
	looked time.Time
}

// Forget makes the next use read the variables again.
func (s *Store) Forget(string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looked = time.Time{}
}

// known are the values that were read last; nil when none were.
func (s *Store) known() *Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values
}

// Values returns all variables as they are now. It does not need the pool that
// transactions use. A secret that cannot be opened is an error: workflows must not
// run without it.
func (s *Store) Values(ctx context.Context) (*Values, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Now()
	if age := now.Sub(s.looked); s.values != nil && age >= 0 && age < lookEvery {
		return s.values, nil
	}
	var stamp string
	if err := s.DB.Side().GetContext(ctx, &stamp, queries.Get("stamp")); err != nil {
		return nil, fmt.Errorf("look for changed variables: %w", err)
	}
	if s.values == nil || stamp != s.stamp {
		values, err := s.read(ctx)
		if err != nil {
			return nil, err
		}
		s.values = values
	}
	s.stamp, s.looked = stamp, now
	return s.values, nil
}

func (s *Store) read(ctx context.Context) (*Values, error) {
	var rows []Variable
	if err := s.DB.Side().SelectContext(ctx, &rows, queries.Get("list")); err != nil {
		return nil, fmt.Errorf("read the variables: %w", err)
	}
	plain, secrets := map[string]string{}, map[string]string{}
	for _, v := range rows {
		if v.Kind != Hidden {
			plain[v.Name] = v.Value
			continue
		}
		text, _, err := s.Box.Open(v.Name, v.Sealed)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, fmt.Sprintf("The secret “%s” cannot be opened with this server's secret key. "+
				"Start the server with the key it had (SECRET_KEY_BEFORE), or write the secret anew.", v.Name), err)
		}
		secrets[v.Name] = text
	}
	return newValues(plain, secrets), nil
}

// List returns all variables by name.
func (s *Store) List(ctx context.Context, a auth.Actor) ([]Variable, error) {
	if err := a.Require(auth.ManageVariables); err != nil {
		return nil, err
	}
	var rows []Variable
	if err := s.DB.SelectContext(ctx, &rows, queries.Get("list")); err != nil {
		return nil, fmt.Errorf("list variables: %w", err)
	}
	return rows, nil
}

// Get returns one variable.
func (s *Store) Get(ctx context.Context, a auth.Actor, name string) (Variable, error) {
	rows, err := s.List(ctx, a)
	if err != nil {
		return Variable{}, err
	}
	if i := slices.IndexFunc(rows, func(v Variable) bool { return v.Name == name }); i >= 0 {
		return rows[i], nil
	}
	return Variable{}, missing(name)
}

func missing(name string) error {
	return fault.New(fault.NotFound, fmt.Sprintf("There is no variable “%s”.", clip(name)))
}

// Change is what to change of a variable; nil leaves a part as it is.
type Change struct {
	Kind  *Kind
	Value *string
}

// Create makes a variable. Problems are named by field: name, type, value.
func (s *Store) Create(ctx context.Context, a auth.Actor, name string, kind Kind, value string) error {
	return s.change(ctx, a, func(tx *pg.Tx) error {
		_, err := s.get(ctx, tx, name)
		if err == nil {
			return fault.Fields(map[string]string{"name": "There is a variable of this name already. Choose another name, or change that one."})
		}
		if !fault.Is(err, fault.NotFound) {
			return err
		}
		return s.put(ctx, tx, a, name, kind, value, "Made")
	})
}

// Update changes a variable. What was a secret does not become readable unless its
// value is written anew.
func (s *Store) Update(ctx context.Context, a auth.Actor, name string, c Change) error {
	return s.change(ctx, a, func(tx *pg.Tx) error {
		v, err := s.get(ctx, tx, name)
		if err != nil {
			return err
		}
		kind, value := v.Kind, v.Value
		if c.Kind != nil {
			kind = *c.Kind
		}
		switch {
		case c.Value != nil:
			value = *c.Value
		case v.Kind == Hidden && kind != Hidden:
			return fault.Fields(map[string]string{"value": "Write the value: a secret is never shown, not by becoming a plain variable either."})
		case v.Kind == Hidden:
			if value, _, err = s.Box.Open(name, v.Sealed); err != nil {
				return fault.Fields(map[string]string{"value": "Write the secret anew: it was sealed with a key that this server does not have."})
			}
		}
		return s.put(ctx, tx, a, name, kind, value, "Changed")
	})
}

// Delete removes a variable. Workflows that refer to it find nothing there.
func (s *Store) Delete(ctx context.Context, a auth.Actor, name string) error {
	return s.change(ctx, a, func(tx *pg.Tx) error {
		if _, err := s.get(ctx, tx, name); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, queries.Get("delete"), name); err != nil {
			return fmt.Errorf("delete a variable: %w", err)
		}
		return a.Note(ctx, tx, audit.Variables, s.Now(), fmt.Sprintf("Deleted the variable %s.", name))
	})
}

// Import takes lines KEY=VALUE, with # before comments, and makes or changes these
// variables, all of them or none; it returns how many. Quotes around a value are
// left out.
func (s *Store) Import(ctx context.Context, a auth.Actor, kind Kind, text string) (int, error) {
	values, err := lines(text)
	if err != nil {
		return 0, err
	}
	err = s.change(ctx, a, func(tx *pg.Tx) error {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			did := "Changed"
			if _, err := s.get(ctx, tx, name); fault.Is(err, fault.NotFound) {
				did = "Made"
			} else if err != nil {
				return err
			}
			if err := s.put(ctx, tx, a, name, kind, values[name], did); err != nil {
				return fault.Fields(map[string]string{"text": name + ": " + err.Error()})
			}
		}
		return nil
	})
	return len(values), err
}

func lines(text string) (map[string]string, error) {
	wrong := func(format string, args ...any) error {
		return fault.Fields(map[string]string{"text": fmt.Sprintf(format, args...)})
	}
	if len(text) > maxImport {
		return nil, wrong("Import at most %d kB at a time.", maxImport>>10)
	}
	values, n := map[string]string{}, 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name, value = strings.TrimSpace(strings.TrimPrefix(name, "export ")), strings.TrimSpace(value)
		if len(value) > 1 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
			value = value[1 : len(value)-1]
		}
		switch _, twice := values[name]; {
		case !ok:
			return nil, wrong("Line %d: write KEY=VALUE, or # before a comment.", n)
		case value == "":
			return nil, wrong("Line %d: there is no value after %s=.", n, clip(name))
		case twice:
			return nil, wrong("Line %d: %s is there twice.", n, clip(name))
		}
		values[name] = value
	}
	if len(values) == 0 {
		return nil, wrong("Write at least one line KEY=VALUE.")
	}
	return values, nil
}

// Uses returns the titles of workflows that refer to a variable, at most 20.
func (s *Store) Uses(ctx context.Context, a auth.Actor, name string) (titles []string, err error) {
	if err := a.Require(auth.ManageVariables); err != nil {
		return nil, err
	}
	err = s.DB.SelectContext(ctx, &titles, queries.Get("users"), `\$env\.`+regexp.QuoteMeta(name)+`\M`)
	return titles, err
}

// Reseal seals again what a former key had sealed, so that the former key is not
// needed any more; it returns how many. A secret without its key stays.
func (s *Store) Reseal(ctx context.Context) (n int, err error) {
	var rows []Variable
	if err := s.DB.SelectContext(ctx, &rows, queries.Get("list")); err != nil {
		return 0, fmt.Errorf("list variables: %w", err)
	}
	for _, v := range rows {
		if v.Kind != Hidden {
			continue
		}
		text, old, err := s.Box.Open(v.Name, v.Sealed)
		if errors.Is(err, ErrKey) || err == nil && !old {
			continue
		}
		if err != nil {
			return n, fmt.Errorf("open the secret %s: %w", v.Name, err)
		}
		if _, err := s.DB.ExecContext(ctx, queries.Get("reseal"), v.Name, s.Box.Seal(v.Name, text), v.Sealed); err != nil {
			return n, fmt.Errorf("seal the secret %s again: %w", v.Name, err)
		}
		n++
	}
	return n, nil
}

// change makes one change at a time, and tells every process about it.
func (s *Store) change(ctx context.Context, a auth.Actor, fn func(*pg.Tx) error) error {
	if err := a.Require(auth.ManageVariables); err != nil {
		return err
	}
	err := s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		if _, err := tx.ExecContext(ctx, queries.Get("lock")); err != nil {
			return err
		}
		return fn(tx)
	})
	if err == nil {
		s.Forget("")
		s.DB.Notify(Channel, "", 0)
	}
	return err
}

func (s *Store) get(ctx context.Context, tx *pg.Tx, name string) (v Variable, err error) {
	err = tx.GetContext(ctx, &v, queries.Get("get"), name)
	if errors.Is(err, sql.ErrNoRows) {
		return v, missing(name)
	}
	return v, err
}

var nameForm = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]{0,99}$`)

// put checks and writes a variable; did is the first word of the audit line.
func (s *Store) put(ctx context.Context, tx *pg.Tx, a auth.Actor, name string, kind Kind, value, did string) error {
	problems := map[string]string{}
	if !nameForm.MatchString(name) {
		problems["name"] = "Begin with a letter, and use only letters, digits and _; at most 100."
	}
	switch {
	case kind != Plain && kind != Hidden:
		problems["type"] = "Choose “default” or “secret”."
	case value == "":
		problems["value"] = "Write a value."
	case len(value) > maxValue:
		problems["value"] = fmt.Sprintf("A value has at most %d kB.", maxValue>>10)
	case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		problems["value"] = "Write text: this holds bytes that are none."
	case kind == Hidden && utf8.RuneCountInString(value) < shortest:
		problems["value"] = fmt.Sprintf("A secret has at least %d characters: a shorter one could not be masked in logs without masking ordinary words.", shortest)
	}
	if err := fault.Fields(problems); err != nil {
		return err
	}
	var n int
	if err := tx.GetContext(ctx, &n, queries.Get("count")); err != nil {
		return fmt.Errorf("count variables: %w", err)
	}
	if n >= maxCount && did == "Made" {
		return fault.Fields(map[string]string{"name": fmt.Sprintf("There are %d variables, and that is the most. Delete one first.", maxCount)})
	}
	var plain, sealed any
	if kind == Hidden {
		sealed = s.Box.Seal(name, value)
	} else {
		plain = value
	}
	if _, err := tx.ExecContext(ctx, queries.Get("put"), name, kind, plain, sealed, s.Now().UTC(), a.UserID); err != nil {
		return fmt.Errorf("write a variable: %w", err)
	}
	what := "variable"
	if kind == Hidden {
		what = "secret"
	}
	return a.Note(ctx, tx, audit.Variables, s.Now(), fmt.Sprintf("%s the %s %s.", did, what, name))
}

func clip(s string) string {
	if utf8.RuneCountInString(s) <= 40 {
		return s
	}
	return string([]rune(s)[:39]) + "…"
}
