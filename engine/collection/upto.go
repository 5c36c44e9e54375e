package collection

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"alur/engine/auth"
	"alur/engine/pg"
)

// CountUpTo counts the records that match, but stops above most, and then returns
// most+1; known is false when that took longer than patience. So a count beside a
// list costs little however many records there are.
func (s *Store) CountUpTo(ctx context.Context, a Access, collection string, filter any, most int, patience time.Duration) (n int, known bool, err error) {
	c, cat, err := s.openTo(ctx, a, collection, auth.View)
	if err != nil {
		return 0, false, err
	}
	b := s.builder(cat, a)
	sc := b.scope(c)
	where, err := sc.filter(filter, auth.View)
	if err != nil {
		return 0, false, err
	}
	query := "SELECT count(*) FROM (SELECT FROM " + sc.from() + where + " LIMIT " + strconv.Itoa(most+1) + ") x"
	err = s.db.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		// A plan for any word that is looked for would read through all records.
		if err := tx.Simple(ctx, fmt.Sprintf("SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL statement_timeout = %d", patience.Milliseconds())); err != nil {
			return err
		}
		return tx.GetContext(ctx, &n, query, b.args...)
	})
	switch {
	case pg.Code(err) == "57014": // it was cancelled
		return 0, false, nil
	case err != nil:
		return 0, false, fmt.Errorf("count %s: %w", c.Name, s.stale(err))
	}
	return n, true, nil
}
