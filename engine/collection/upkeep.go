package collection

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/lib/pq"

	"alur/engine/pg"
)

//go:embed queries_upkeep.sql
var upkeepText string

var upkeepQueries = pg.LoadQueries(upkeepText)

const (
	// searchedFrom is how many records a collection has before its texts get an
	// index; to read through fewer takes less than 100 ms.
	searchedFrom = 200_000
	// searchedMost is how many columns an index can have.
	searchedMost = 32
	// pendingMost is how much, in kB, waits to be taken into an index of texts
	// before a writer has to do it.
	pendingMost = 16 << 10

	upkeepEvery = 10 * time.Second
	upkeepClass = 4714 // the key of the advisory lock that one process at a time holds
)

// Upkeep makes the indexes that collections are to have and lack, keeps those of
// texts quick, and works out formulas that were changed, until ctx ends; see the
// package's doc. Every process calls it; one at a time is at work.
func (s *Store) Upkeep(ctx context.Context, log *slog.Logger) {
	wake := make(chan struct{}, 1)
	stop := s.db.Subscribe(Channel, func(string) {
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	defer stop()
	for {
		if err := s.UpkeepOnce(ctx, log); err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "collections not looked after", "err", err)
		}
		select {
		case <-wake:
		case <-time.After(upkeepEvery):
		case <-ctx.Done():
			return
		}
	}
}

// UpkeepOnce does what is due, unless another process is at it.
func (s *Store) UpkeepOnce(ctx context.Context, log *slog.Logger) error {
	cat, err := s.catalogue(ctx)
	if err != nil {
		return err
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	release := conn.Release
	defer func() { release() }()
	var mine bool
	if err := conn.GetContext(ctx, &mine, "SELECT pg_try_advisory_lock($1)", upkeepClass); err != nil || !mine {
		return err
	}
	// The lock ends with the connection when the server is not there to hear of it.
	defer func() {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", upkeepClass)
	}()
	if err := s.runFormulas(ctx); err != nil {
		return err
	}
	u := &upkeep{s: s, conn: conn, log: log, have: map[string]map[string]tableIndex{}, rows: map[string]float64{}}
	if err := u.look(ctx, cat); err != nil {
		return err
	}
	for _, c := range cat.list {
		if c.System || c.Adopted() || c.view() {
			continue
		}
		if err := u.see(ctx, c); err != nil {
			release = conn.Discard // its settings may have changed
			return fmt.Errorf("look after the indexes of %s: %w", c.Name, err)
		}
	}
	if u.built {
		release = conn.Discard
	}
	return nil
}

// tableIndex is an index that is there.
type tableIndex struct {
	Table string `db:"table_name"`
	Name  string `db:"name"`
	Valid bool   `db:"valid"` // false: its making was cut short
	Gin   bool   `db:"gin"`
}

// upkeep is one look at the indexes of all collections.
type upkeep struct {
	s     *Store
	conn  *pg.Conn
	log   *slog.Logger
	class string // of trigrams; "" when there are none here
	have  map[string]map[string]tableIndex
	rows  map[string]float64 // about; of tables that were counted
	built bool               // an index was made or dropped
}

// look reads what is there.
func (u *upkeep) look(ctx context.Context, cat *catalogue) error {
	var tables pq.StringArray
	for _, c := range cat.list {
		if !c.System && !c.Adopted() {
			tables = append(tables, c.Table)
		}
	}
	var sizes []struct {
		Table string  `db:"table_name"`
		Rows  float64 `db:"rows"`
	}
	if err := u.conn.SelectContext(ctx, &sizes, upkeepQueries.Get("tables_sizes"), tables); err != nil {
		return fmt.Errorf("read the sizes of collections: %w", err)
	}
	large := false
	for _, t := range sizes {
		u.rows[t.Table] = t.Rows
		large = large || t.Rows >= searchedFrom
	}
	var indexes []tableIndex
	if err := u.conn.SelectContext(ctx, &indexes, upkeepQueries.Get("table_indexes"), tables); err != nil {
		return fmt.Errorf("read the indexes of collections: %w", err)
	}
	for _, i := range indexes {
		if u.have[i.Table] == nil {
			u.have[i.Table] = map[string]tableIndex{}
		}
		u.have[i.Table][i.Name] = i
	}
	if !large {
		return nil
	}
	return u.findTrigrams(ctx)
}

// findTrigrams looks for the extension by which texts are indexed, and makes it
// where it can be had. The owner of a database may: it is a trusted one.
func (u *upkeep) findTrigrams(ctx context.Context) error {
	var t struct {
		Class     string `db:"class"`
		Available bool   `db:"available"`
	}
	if err := u.conn.GetContext(ctx, &t, upkeepQueries.Get("trigrams")); err != nil {
		return fmt.Errorf("look for trigrams: %w", err)
	}
	if t.Class == "" && t.Available {
		err := u.conn.Simple(ctx, "CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA alur")
		switch {
		case pg.Code(err) == "42501":
			u.s.untrusted.Do(func() {
				u.log.WarnContext(ctx, "searches in large collections are slow: CREATE EXTENSION pg_trgm is not allowed to this role", "err", err)
			})
			return nil
		case err != nil:
			return fmt.Errorf("make trigrams: %w", err)
		}
		t.Class = "alur.gin_trgm_ops"
	}
	u.class = t.Class
	return nil
}

// see makes the indexes of c those that it is to have.
func (u *upkeep) see(ctx context.Context, c *Collection) error {
	have := u.have[c.Table]
	if f := c.byName["createdAt"]; f != nil && f.ReadOnly && f.Column != "" {
		name := constraintName("ix", c.Table, f.Column)
		if err := u.ensure(ctx, c, name, "("+quote(f.Column)+")"); err != nil {
			return err
		}
	}
	search, def := c.searchIndex(u.class)
	if def != "" && (u.rows[c.Table] >= searchedFrom || have[search].Valid) {
		if err := u.ensure(ctx, c, search, def); err != nil {
			return err
		}
	}
	for name, i := range have {
		switch {
		case !strings.HasPrefix(name, "trgm_"):
		case name == search && i.Valid:
			if _, err := u.conn.ExecContext(ctx, upkeepQueries.Get("clean"), c.Schema+"."+quote(name)); err != nil {
				return err
			}
		case name != search && (u.class != "" || c.Options["searchIndex"] == false):
			if err := u.drop(ctx, c, name); err != nil {
				return err
			}
		}
	}
	return nil
}

// ensure makes an index without holding up writers, when it is not there. One
// whose making was cut short is made again.
func (u *upkeep) ensure(ctx context.Context, c *Collection, name, def string) error {
	i, there := u.have[c.Table][name]
	if there && i.Valid {
		return nil
	}
	if there {
		if err := u.drop(ctx, c, name); err != nil {
			return err
		}
	}
	began := u.s.now()
	if err := u.patiently(ctx, fmt.Sprintf("CREATE INDEX CONCURRENTLY IF NOT EXISTS %s ON %s %s", quote(name), c.from(), def)); err != nil {
		return err
	}
	u.log.InfoContext(ctx, "index made", "collection", c.Name, "index", name, "took", u.s.now().Sub(began))
	return nil
}

func (u *upkeep) drop(ctx context.Context, c *Collection, name string) error {
	return u.patiently(ctx, fmt.Sprintf("DROP INDEX CONCURRENTLY IF EXISTS %s.%s", quote(c.Schema), quote(name)))
}

// patiently runs a statement that waits for the transactions under way: it locks
// nobody out meanwhile.
func (u *upkeep) patiently(ctx context.Context, statement string) error {
	u.built = true
	if err := u.conn.Simple(ctx, "SET lock_timeout = 0"); err != nil {
		return err
	}
	return u.conn.Simple(ctx, statement)
}

// searchIndex is the name and the definition of the index over all texts of c;
// "" when it is to have none. The name changes with the columns.
func (c *Collection) searchIndex(class string) (name, def string) {
	var columns, parts []string
	for _, f := range c.columns {
		if f.class() == asText && f.Type != Password && f != c.key {
			columns = append(columns, f.Column)
			parts = append(parts, quote(f.Column)+" "+class)
		}
	}
	if len(columns) == 0 || len(columns) > searchedMost || class == "" || c.Options["searchIndex"] == false {
		return "", ""
	}
	return constraintName("trgm", c.Table, strings.Join(columns, "_")),
		fmt.Sprintf("USING gin (%s) WITH (gin_pending_list_limit = %d)", strings.Join(parts, ", "), pendingMost)
}

// dropSearch drops the index over the texts of c, one of which is to become
// something else.
func (d *definer) dropSearch(ctx context.Context, c *Collection) error {
	var names []string
	if err := d.q.SelectContext(ctx, &names, upkeepQueries.Get("search_indexes"), c.from()); err != nil {
		return err
	}
	for _, name := range names {
		if err := d.tx.Simple(ctx, fmt.Sprintf("DROP INDEX %s.%s", quote(c.Schema), quote(name))); err != nil {
			return err
		}
	}
	return nil
}
