package attachment

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lib/pq"

	"alur/engine/pg"
)

// sweepBatch is how many files are looked at in one transaction.
const sweepBatch = 100

// SweepOnce deletes some of the files that no record has held for a day, and the
// bytes that have had no row for a day. more says that there is more to do at
// once. One process calls it at a time, as part of housekeeping.
func (s *Store) SweepOnce(ctx context.Context) (more bool, err error) {
	more, err = s.sweepRows(ctx)
	if err != nil {
		return false, fmt.Errorf("sweep files: %w", err)
	}
	if err := s.sweepBytes(ctx, fmt.Sprintf("%02x", s.swept)); err != nil {
		return false, fmt.Errorf("sweep what is left of files: %w", err)
	}
	s.swept = (s.swept + 1) % 256
	return more, nil
}

// sweepRows looks at files once a day. One that nothing held a day ago and
// nothing holds now is deleted.
func (s *Store) sweepRows(ctx context.Context) (more bool, err error) {
	now := s.Now().UTC()
	var gone []row
	err = s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		gone = nil
		var due []row
		if err := tx.SelectContext(ctx, &due, queries.Get("due"), now.Add(-looseFor), sweepBatch); err != nil {
			return fmt.Errorf("look for files to check: %w", err)
		}
		if more = len(due) == sweepBatch; len(due) == 0 {
			return nil
		}
		ids := make([]int64, len(due))
		for i, r := range due {
			ids[i] = r.ID
		}
		loose, err := s.Records.Loose(ctx, tx, ids)
		if err != nil {
			return err
		}
		var doomed []int64
		for _, r := range due {
			if slices.Contains(loose, r.ID) && r.LooseSince != nil && !r.LooseSince.After(now.Add(-looseFor)) {
				gone, doomed = append(gone, r), append(doomed, r.ID)
			}
		}
		if _, err := tx.ExecContext(ctx, queries.Get("checked"), pq.Array(ids), pq.Array(loose), now); err != nil {
			return fmt.Errorf("note what was checked: %w", err)
		}
		if len(doomed) == 0 {
			return nil
		}
		if _, err := tx.ExecContext(ctx, queries.Get("delete"), pq.Array(doomed)); err != nil {
			return fmt.Errorf("delete loose files: %w", err)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	if len(gone) > 0 {
		s.Log.InfoContext(ctx, "deleted files that no record held", "files", len(gone))
	}
	return more, s.remove(ctx, gone)
}

// sweepBytes removes bytes without a row: of an upload or a deletion that a crash
// broke off. Only names that begin with the digits are looked at, so that each
// round is short.
func (s *Store) sweepBytes(ctx context.Context, digits string) error {
	for _, place := range s.Places {
		old, err := place.Old(ctx, digits, s.Now().Add(-looseFor))
		if err != nil || len(old) == 0 {
			if err != nil {
				return err
			}
			continue
		}
		var known []string
		if err := s.DB.SelectContext(ctx, &known, queries.Get("known"), digits, digits+"g"); err != nil {
			return fmt.Errorf("look which files have a row: %w", err)
		}
		rows := make(map[string]bool, len(known))
		for _, name := range known {
			rows[name] = true
		}
		for _, name := range old {
			if rows[name] {
				continue
			}
			if err := place.Remove(ctx, name); err != nil {
				return err
			}
			s.Log.WarnContext(ctx, "removed bytes that belong to no file", "name", name, "older_than", looseFor.Round(time.Hour))
		}
	}
	return nil
}
