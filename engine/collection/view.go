package collection

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/lib/pq"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

//go:embed queries_view.sql
var viewText string

var viewQueries = pg.LoadQueries(viewText)

// Limits of saved views.
const (
	MaxViews     = 50     // of one person in one collection
	MaxColumns   = 40     // of one view
	maxViewTitle = 60     // characters
	maxFilter    = 20_000 // bytes of a view's filter as JSON
)

// View is a way to look at the records of a collection that somebody saved.
type View struct {
	ID         int64
	Collection string
	OwnerID    int64
	Owner      string   // name of OwnerID
	Title      string   // 1 to 60 characters
	Shared     bool     // everybody who sees the collection sees it
	Default    bool     // opens first: for its owner, or for everybody when shared
	Columns    []string // paths of fields, in their order; none: the usual ones
	Filter     any      // JSON object, as in Query.Filter; nil for none
	Sort       []string // as in Query.Sort
}

// Owned reports whether a may change v: its owner, and for shared ones whoever
// manages collections.
func (v View) Owned(a auth.Actor) bool {
	return a.Signed() && v.OwnerID == a.UserID || v.Shared && a.Can(auth.ManageCollections)
}

// check returns what is wrong with v, by field.
func (v View) check(a auth.Actor) error {
	problems := map[string]string{}
	if n := utf8.RuneCountInString(v.Title); n < 1 || n > maxViewTitle || !utf8.ValidString(v.Title) || strings.ContainsRune(v.Title, 0) {
		problems["title"] = fmt.Sprintf("Write a name of 1 to %d characters.", maxViewTitle)
	}
	if len(v.Columns) > MaxColumns {
		problems["columns"] = fmt.Sprintf("Choose at most %d columns.", MaxColumns)
	}
	if raw, err := json.Marshal(v.Filter); err != nil || len(raw) > maxFilter {
		problems["filter"] = "This filter is too long to be saved. Take some conditions away."
	}
	if v.Shared && v.Default && !a.Can(auth.ManageCollections) {
		problems["default"] = "Only those who manage collections choose what opens first for everybody."
	}
	return fault.Fields(problems)
}

type viewRow struct {
	ID         int64          `db:"id"`
	Collection string         `db:"collection_name"`
	OwnerID    int64          `db:"owner_id"`
	Owner      string         `db:"owner"`
	Title      string         `db:"title"`
	Shared     bool           `db:"shared"`
	Default    bool           `db:"is_default"`
	Columns    pq.StringArray `db:"columns"`
	Filter     []byte         `db:"filter"`
	Sort       pq.StringArray `db:"sort"`
}

func (r viewRow) view() (View, error) {
	v := View{ID: r.ID, Collection: r.Collection, OwnerID: r.OwnerID, Owner: r.Owner, Title: r.Title, Shared: r.Shared,
		Default: r.Default, Columns: r.Columns, Sort: r.Sort}
	if err := json.Unmarshal(r.Filter, &v.Filter); err != nil {
		return View{}, fmt.Errorf("read the filter of view %d: %w", r.ID, err)
	}
	return v, nil
}

// Views lists the views of a collection that a person has or is shown: their own
// first, each part by title.
func (s *Store) Views(ctx context.Context, a Access, collection string) ([]View, error) {
	if _, _, err := s.openTo(ctx, a, collection, auth.View); err != nil {
		return nil, err
	}
	var rows []viewRow
	if err := s.db.SelectContext(ctx, &rows, viewQueries.Get("select")+viewQueries.Get("list"), collection, a.Actor.UserID); err != nil {
		return nil, fmt.Errorf("list the views of %s: %w", collection, err)
	}
	views := make([]View, len(rows))
	for i, r := range rows {
		v, err := r.view()
		if err != nil {
			return nil, err
		}
		views[i] = v
	}
	return views, nil
}

var errNoView = fault.New(fault.NotFound, "There is no such view, or it is not shared any more.")

// View returns one view that the actor has or is shown.
func (s *Store) View(ctx context.Context, a Access, collection string, id int64) (View, error) {
	if _, _, err := s.openTo(ctx, a, collection, auth.View); err != nil {
		return View{}, err
	}
	v, err := s.view(ctx, s.db, collection, id)
	if err == nil && !v.Shared && v.OwnerID != a.Actor.UserID {
		err = errNoView
	}
	return v, err
}

func (s *Store) view(ctx context.Context, q pg.Q, collection string, id int64) (View, error) {
	var r viewRow
	switch err := q.GetContext(ctx, &r, viewQueries.Get("select")+viewQueries.Get("one"), collection, id); {
	case errors.Is(err, sql.ErrNoRows):
		return View{}, errNoView
	case err != nil:
		return View{}, fmt.Errorf("read view %d: %w", id, err)
	}
	return r.view()
}

// SaveView makes a view, or changes the one with v's id, and returns it. A new one
// belongs to the actor.
func (s *Store) SaveView(ctx context.Context, a Access, v View) (View, error) {
	if _, _, err := s.openTo(ctx, a, v.Collection, auth.View); err != nil {
		return View{}, err
	}
	if !a.Actor.Signed() {
		return View{}, fault.New(fault.Forbidden, "Sign in to save a view.")
	}
	v.Title = strings.TrimSpace(v.Title)
	if err := v.check(a.Actor); err != nil {
		return View{}, err
	}
	filter, err := json.Marshal(v.Filter)
	if err != nil {
		return View{}, fmt.Errorf("encode the filter of view %d: %w", v.ID, err)
	}
	if v.Columns == nil {
		v.Columns = []string{}
	}
	if v.Sort == nil {
		v.Sort = []string{}
	}
	err = s.db.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		now := s.now().UTC()
		if v.ID == 0 {
			var n int
			if err := tx.GetContext(ctx, &n, viewQueries.Get("count"), v.Collection, a.Actor.UserID); err != nil {
				return err
			}
			if n >= MaxViews {
				return fault.New(fault.Conflict, fmt.Sprintf("You have %d views of this collection already. Delete one first.", n))
			}
			v.ID, v.OwnerID, v.Owner = s.ids.Next(), a.Actor.UserID, a.Actor.Name
			if _, err := tx.ExecContext(ctx, viewQueries.Get("insert"), v.ID, v.Collection, v.OwnerID, v.Title, v.Shared, v.Default,
				pq.Array(v.Columns), filter, pq.Array(v.Sort), now); err != nil {
				return err
			}
		} else {
			old, err := s.ownView(ctx, tx, a, v.Collection, v.ID)
			if err != nil {
				return err
			}
			v.OwnerID, v.Owner = old.OwnerID, old.Owner
			if _, err := tx.ExecContext(ctx, viewQueries.Get("update"), v.ID, v.Title, v.Shared, v.Default, pq.Array(v.Columns), filter, pq.Array(v.Sort), now); err != nil {
				return err
			}
		}
		if !v.Default {
			return nil
		}
		_, err := tx.ExecContext(ctx, viewQueries.Get("one_default"), v.Collection, v.ID, v.Shared, v.OwnerID)
		return err
	})
	if err != nil {
		return View{}, fmt.Errorf("save view %d of %s: %w", v.ID, v.Collection, err)
	}
	return v, nil
}

// ownView is a view that the actor may change.
func (s *Store) ownView(ctx context.Context, q pg.Q, a Access, collection string, id int64) (View, error) {
	v, err := s.view(ctx, q, collection, id)
	switch {
	case err != nil:
		return View{}, err
	case !v.Owned(a.Actor) && !v.Shared:
		return View{}, errNoView
	case !v.Owned(a.Actor):
		return View{}, fault.New(fault.Forbidden, fmt.Sprintf("This view belongs to %s. Save one of your own.", v.Owner))
	}
	return v, nil
}

// DeleteView deletes a view; the records stay.
func (s *Store) DeleteView(ctx context.Context, a Access, collection string, id int64) error {
	if _, _, err := s.openTo(ctx, a, collection, auth.View); err != nil {
		return err
	}
	err := s.db.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		if _, err := s.ownView(ctx, tx, a, collection, id); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, viewQueries.Get("delete"), id)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete view %d of %s: %w", id, collection, err)
	}
	return nil
}

// ChosenColumns are the columns that the actor has chosen for a view, or for the
// collection when view is 0; nil when they have not.
func (s *Store) ChosenColumns(ctx context.Context, a Access, collection string, view int64) ([]string, error) {
	var columns pq.StringArray
	err := s.db.GetContext(ctx, &columns, viewQueries.Get("columns"), a.Actor.UserID, collection, view)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("read the columns of %s: %w", collection, err)
	}
	return columns, nil
}

// ChooseColumns keeps the columns that the actor wants to see; none forgets their
// choice.
func (s *Store) ChooseColumns(ctx context.Context, a Access, collection string, view int64, columns []string) error {
	if _, _, err := s.openTo(ctx, a, collection, auth.View); err != nil {
		return err
	}
	if len(columns) > MaxColumns {
		return fault.Fields(map[string]string{"columns": fmt.Sprintf("Choose at most %d columns.", MaxColumns)})
	}
	name, args := "save_columns", []any{a.Actor.UserID, collection, view, pq.Array(columns)}
	if len(columns) == 0 {
		name, args = "forget_columns", args[:3]
	}
	if _, err := s.db.ExecContext(ctx, viewQueries.Get(name), args...); err != nil {
		return fmt.Errorf("keep the columns of %s: %w", collection, err)
	}
	return nil
}
