package collection

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"alur/engine/fault"
	"alur/engine/pg"
)

//go:embed queries_outside.sql
var outsideText string

var outsideQueries = pg.LoadQueries(outsideText)

// OutsideAtOnce is how many changes of other programs are told in one transaction.
const OutsideAtOnce = 200

// Watch makes the database note what other programs change in the tables of the named
// collections, and in no others; see [Store.Outside]. It is Invalid for a table whose
// owner has not allowed it.
//
// A trigger writes each row that another program changes into alur.outside_changes, in
// the transaction that changes it. The connections of this program are known by a
// setting (package pg), so its own changes cost no more than a look at that.
func (s *Store) Watch(ctx context.Context, tx *pg.Tx, names []string) error {
	cat, err := s.catalogue(ctx)
	if err != nil {
		return err
	}
	want := map[string]*Collection{}
	for _, name := range names {
		if c := cat.byName[name]; c != nil && c.query == "" {
			want[c.from()] = c
		}
	}
	var have []struct {
		Schema string `db:"schema"`
		Table  string `db:"table_name"`
	}
	if err := tx.SelectContext(ctx, &have, outsideQueries.Get("watched")); err != nil {
		return fmt.Errorf("list the watched tables: %w", err)
	}
	for _, h := range have {
		table := quote(h.Schema) + "." + quote(h.Table)
		if want[table] != nil {
			delete(want, table)
			continue
		}
		if err := tx.Simple(ctx, strings.ReplaceAll(outsideQueries.Get("unwatch"), "{table}", table)); err != nil {
			return fmt.Errorf("stop watching %s: %w", table, err)
		}
		if _, err := tx.ExecContext(ctx, outsideQueries.Get("forget"), h.Schema, h.Table); err != nil {
			return fmt.Errorf("forget changes of %s: %w", table, err)
		}
	}
	for table, c := range want {
		err := tx.Simple(ctx, strings.ReplaceAll(outsideQueries.Get("watch"), "{table}", table))
		if pg.Code(err) == "42501" { // insufficient privilege
			return fault.Wrap(fault.Invalid, fmt.Sprintf("The database does not let this server watch the table of “%s”. Let the owner of the table run: GRANT TRIGGER ON %s TO the role of this server.", c.Title, table), err)
		}
		if err != nil {
			return fmt.Errorf("watch %s: %w", table, err)
		}
	}
	return nil
}

// outsideChange is a row that another program changed.
type outsideChange struct {
	ID     int64      `db:"id"`
	Schema string     `db:"schema"`
	Table  string     `db:"table_name"`
	Kind   ChangeKind `db:"kind"`
	Before *string    `db:"before"` // JSON; nil when created
	After  *string    `db:"after"`  // JSON; nil when deleted
}

// Outside tells the listeners of up to [OutsideAtOnce] changes that other programs
// made to the tables of [Store.Watch], each exactly once and in their order, some time
// after they were committed; n is how many there were. It does nothing while another
// process is at it. Changes of what is no collection any more, or whose values do not
// fit its fields any more, are passed over, with a warning in log.
func (s *Store) Outside(ctx context.Context, log *slog.Logger) (n int, err error) {
	err = s.db.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		n = 0
		var mine bool
		if err := tx.GetContext(ctx, &mine, outsideQueries.Get("turn"), upkeepClass); err != nil || !mine {
			return err
		}
		var rows []outsideChange
		if err := tx.SelectContext(ctx, &rows, outsideQueries.Get("take"), OutsideAtOnce); err != nil || len(rows) == 0 {
			return err
		}
		cat, err := s.catalogue(ctx)
		if err != nil {
			return err
		}
		var changes []Change
		for len(rows) > 0 {
			end := slices.IndexFunc(rows, func(r outsideChange) bool { return r.Schema != rows[0].Schema || r.Table != rows[0].Table })
			if end < 0 {
				end = len(rows)
			}
			some, err := s.understand(ctx, tx, cat, rows[:end], log)
			if err != nil {
				return err
			}
			changes = append(changes, some...)
			n, rows = n+end, rows[end:]
		}
		return s.tell(ctx, tx, Access{Via: ViaOutside}, changes)
	})
	if err != nil {
		return 0, fmt.Errorf("tell of changes by other programs: %w", s.stale(err))
	}
	return n, nil
}

// understand makes changes of rows of one table.
func (s *Store) understand(ctx context.Context, tx *pg.Tx, cat *catalogue, rows []outsideChange, log *slog.Logger) (changes []Change, err error) {
	at := slices.IndexFunc(cat.list, func(c *Collection) bool {
		return c.query == "" && c.key != nil && c.Schema == rows[0].Schema && c.Table == rows[0].Table
	})
	if at < 0 {
		log.WarnContext(ctx, "changes by another program passed over, their table is no collection any more", "table", rows[0].Table, "changes", len(rows))
		return nil, nil
	}
	c := cat.list[at]
	err = tx.Savepoint(ctx, func() error {
		changes, err = s.outsideRecords(ctx, tx, c, rows)
		return err
	})
	if err == nil || !misshapen(err) {
		return changes, err
	}
	if len(rows) == 1 {
		log.WarnContext(ctx, "change by another program passed over, its values do not fit the collection", "collection", c.Name, "change", rows[0].ID, "err", err)
		return nil, nil
	}
	for i := range rows {
		one, err := s.understand(ctx, tx, cat, rows[i:i+1], log)
		if err != nil {
			return nil, err
		}
		changes = append(changes, one...)
	}
	return changes, nil
}

// misshapen reports whether err comes from values that do not fit their columns.
func misshapen(err error) bool {
	e, ok := errors.AsType[*pq.Error](err)
	return ok && e.Code.Class() == "22"
}

// outsideRecords reads rows as the store reads those of the table itself.
func (s *Store) outsideRecords(ctx context.Context, tx *pg.Tx, c *Collection, rows []outsideChange) ([]Change, error) {
	changes := make([]Change, len(rows))
	var places []int64
	var texts []string
	for i, r := range rows {
		changes[i] = Change{Kind: r.Kind, Collection: c}
		for side, text := range []*string{r.Before, r.After} {
			if text != nil {
				places, texts = append(places, int64(2*i+side)), append(texts, *text)
			}
		}
	}
	query := fmt.Sprintf("SELECT x.place, %s FROM unnest(CAST($1 AS bigint[]), CAST($2 AS text[])) AS x (place, row)"+
		" CROSS JOIN LATERAL jsonb_populate_record(CAST(NULL AS %s), CAST(x.row AS jsonb)) t", list(c.columns, "t"), c.from())
	err := s.rows(ctx, tx, query, []any{pq.Array(places), pq.Array(texts)}, func(found *sqlx.Rows) error {
		row := newRow(1 + len(c.columns))
		for found.Next() {
			if err := found.Scan(row.into...); err != nil {
				return err
			}
			place, _ := row.values[0].(int64)
			rec := row.record(c.columns, 1)
			if ch := &changes[place/2]; place%2 == 0 {
				ch.Before = rec
			} else {
				ch.After = rec
			}
		}
		return found.Err()
	})
	if err != nil {
		return nil, err
	}
	for i := range changes {
		changes[i].Outside = true
		if changes[i].Kind == Updated {
			changes[i].Changed = c.changed(changes[i].Before, changes[i].After)
		}
	}
	return changes, nil
}
