package collection

import "context"

// ListSQL is the statement by which List reads records.
func (s *Store) ListSQL(ctx context.Context, a Access, collection string, p Query) (string, []any, error) {
	c, cat, err := s.open(ctx, a, collection)
	if err != nil {
		return "", nil, err
	}
	sel, err := s.selection(cat, a, c, p)
	if err != nil {
		return "", nil, err
	}
	sel.limit(p.PageSize, 0)
	return sel.sql(sel.inc.columns()), sel.scope.b.args, nil
}
