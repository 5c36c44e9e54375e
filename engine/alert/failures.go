package alert

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lib/pq"

	"alur/engine"
)

func texts(list []string) any  { return pq.Array(append([]string{}, list...)) }
func numbers(list []int64) any { return pq.Array(append([]int64{}, list...)) }

// failed is how much failed of a workflow within some time.
type failed struct {
	Count  int        `db:"count"` // up to mostCounted + 1
	First  *time.Time `db:"first_at"`
	Last   *time.Time `db:"last_at"`
	LastID int64      `db:"last_id"`
}

// success is an execution that completed.
type success struct {
	ID int64     `db:"id"`
	At time.Time `db:"created_at"`
}

// failures looks at what failed after from and up to until, and at the workflows
// that people were told of.
func (r *round) failures(ctx context.Context, from, until time.Time) error {
	var fresh []string
	if until.After(from) {
		if err := r.tx.SelectContext(ctx, &fresh, queries.Get("fresh"), from, until); err != nil {
			return fmt.Errorf("see what failed lately: %w", err)
		}
	}
	keys := slices.Clone(fresh)
	for key, s := range r.states {
		if s.FailingSince != nil && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	if len(keys) == 0 {
		return nil
	}
	if err := r.find(ctx, keys, nil); err != nil {
		return err
	}
	for _, key := range keys {
		f, there := r.flows[key]
		rules, told := r.rules(f)
		if !there || !told {
			if _, err := r.tx.ExecContext(ctx, queries.Get("drop_state"), key); err != nil {
				return fmt.Errorf("forget what was told of workflow %q: %w", key, err)
			}
			delete(r.states, key)
			continue
		}
		if err := r.failuresOf(ctx, f, rules, slices.Contains(fresh, key), from, until); err != nil {
			return fmt.Errorf("look at the failures of workflow %q: %w", key, err)
		}
	}
	return nil
}

// failuresOf looks at one workflow; fresh says that something of it failed after
// from and up to until.
func (r *round) failuresOf(ctx context.Context, f flow, rules engine.Alerts, fresh bool, from, until time.Time) error {
	s := r.state(f.Key)
	good, err := r.good(ctx, f.Key)
	if err != nil {
		return err
	}
	if fresh && s.FailingSince == nil {
		since, reached, err := r.reached(ctx, f.Key, rules, good, from, until)
		if err != nil || !reached {
			return err
		}
		s.FailingSince, s.UntoldFrom = &since, &since
	} else if fresh && s.UntoldFrom == nil {
		s.UntoldFrom = &from
	}
	if fresh {
		latest, err := r.count(ctx, f.Key, from, until, 0)
		if err != nil {
			return err
		}
		s.LastID = max(s.LastID, latest.LastID)
	}
	works := good.ID > s.LastID
	switch {
	case s.UntoldFrom != nil && r.due(s.MailedAt, rules.Every):
		if err := r.tellFailures(ctx, f, rules, *s.UntoldFrom, until, works); err != nil {
			return err
		}
		s.UntoldFrom, s.MailedAt = nil, &r.now
	case s.UntoldFrom == nil && works && rules.Recovered:
		if err := r.tellSuccess(ctx, f, rules, *s.FailingSince, until, good); err != nil {
			return err
		}
	}
	if works && s.UntoldFrom == nil {
		s.FailingSince = nil
	}
	return r.save(ctx, s)
}

// reached reports whether so much failed that people are to be told, and of
// failures since when.
func (r *round) reached(ctx context.Context, key string, rules engine.Alerts, good success, from, until time.Time) (since time.Time, ok bool, err error) {
	if rules.After == 1 {
		return from, true, nil
	}
	since, above := until.Add(-time.Duration(rules.Within)*time.Minute), int64(0)
	if rules.Within == 0 {
		// What was made after the last success ends after it was made.
		since, above = good.At, good.ID
	}
	n, err := r.count(ctx, key, since, until, above)
	if err != nil || n.Count < rules.After {
		return time.Time{}, false, err
	}
	return n.First.Add(-time.Microsecond), true, nil
}

func (r *round) count(ctx context.Context, key string, from, until time.Time, above int64) (n failed, err error) {
	err = r.tx.GetContext(ctx, &n, queries.Get("count"), key, from, until, mostCounted+1, above)
	return n, err
}

// good is the newest success; zero when there was none.
func (r *round) good(ctx context.Context, key string) (success, error) {
	var g success
	err := r.tx.GetContext(ctx, &g, queries.Get("good"), key)
	if errors.Is(err, sql.ErrNoRows) {
		return success{}, nil
	}
	return g, err
}
