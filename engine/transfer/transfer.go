package transfer

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/lib/pq"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/sheet"
	"alur/engine/snowflake"
)

//go:embed queries.sql
var queriesText string

var queries = pg.LoadQueries(queriesText)

// Channel is notified when there is an import to do.
const Channel = "alur_imports"

// keepFor is how long the rows of an import are kept.
const keepFor = 7 * 24 * time.Hour

// mostOpen is how many imports one person has in work at once.
const mostOpen = 5

// Store keeps imports, works them off and exports. All fields are needed.
type Store struct {
	DB      *pg.DB
	IDs     *snowflake.Source
	Now     func() time.Time
	Records *collection.Store
	Log     *slog.Logger

	// Actor is who a person is now in one of their roles: imports go on with the
	// rights that the role of their author has at that moment, and no others.
	Actor func(ctx context.Context, userID int64, role auth.Role) (auth.Actor, error)
	// Zone is the server's, for people without one of their own.
	Zone func(ctx context.Context) (*time.Location, error)
}

// Status is where an import stands.
type Status string

const (
	New      Status = "new"      // uploaded; nobody has said yet what its columns mean
	Queued   Status = "queued"   // waits for a worker
	Running  Status = "running"  // a worker is at it
	Checked  Status = "checked"  // a dry run is over
	Done     Status = "done"     // records were written
	Failed   Status = "failed"   // stopped before the end; Reason says why
	Canceled Status = "canceled" // stopped by its author; what was written stays
)

// Import is one file on its way into a collection.
type Import struct {
	ID          int64          `db:"id"`
	Collection  string         `db:"collection"`
	FileName    string         `db:"file_name"`
	Format      sheet.Format   `db:"format"`
	From1904    bool           `db:"from1904"`
	Heads       pq.StringArray `db:"heads"`
	Rows        int            `db:"rows"`
	Settings    Settings       `db:"settings"`
	Status      Status         `db:"status"`
	Dry         bool           `db:"dry"`        // only look for problems
	Rehearsing  bool           `db:"rehearsing"` // this pass keeps nothing
	Position    int            `db:"position"`   // rows worked off in this pass
	Created     int            `db:"created"`
	Updated     int            `db:"updated"`
	Skipped     int            `db:"skipped"`
	Refused     int            `db:"refused"` // rows with a problem
	Reason      string         `db:"reason"`
	Attempts    int            `db:"attempts"`
	Role        auth.Role      `db:"role"` // in which its author began it
	CreatedByID int64          `db:"created_by_id"`
	CreatedAt   time.Time      `db:"created_at"`
	StartedAt   *time.Time     `db:"started_at"`
	EndedAt     *time.Time     `db:"ended_at"`
}

// Open reports whether a worker has, or will have, work with im.
func (im Import) Open() bool { return im.Status == Queued || im.Status == Running }

// Row is one staged row of a file.
type Row struct {
	Position int            `db:"position"`
	Number   int            `db:"row"` // as a spreadsheet counts
	Cells    pq.StringArray `db:"cells"`
	Problem  *string        `db:"problem"`
}

// Scan reads stored settings.
func (s *Settings) Scan(src any) error {
	raw, ok := src.([]byte)
	if !ok {
		return fmt.Errorf("settings of an import are %T", src)
	}
	return json.Unmarshal(raw, s)
}

// Get returns an import: to its author, and to those who may change collections.
func (s *Store) Get(ctx context.Context, a auth.Actor, id int64) (im Import, err error) {
	if err := a.Require(auth.UseRecords); err != nil {
		return Import{}, err
	}
	err = s.DB.GetContext(ctx, &im, queries.Get("get"), id)
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && im.CreatedByID != a.UserID && !a.Can(auth.ManageCollections):
		return Import{}, fault.New(fault.NotFound, "There is no such import, or not any more. Rows of imports are kept for a week.")
	case err != nil:
		return Import{}, fmt.Errorf("read import %d: %w", id, err)
	}
	return im, nil
}

// Recent returns the latest imports of a into a collection, newest first.
func (s *Store) Recent(ctx context.Context, a auth.Actor, collection string) (list []Import, err error) {
	if err := a.Require(auth.UseRecords); err != nil {
		return nil, err
	}
	if err := s.DB.SelectContext(ctx, &list, queries.Get("recent"), a.UserID, collection); err != nil {
		return nil, fmt.Errorf("list imports: %w", err)
	}
	return list, nil
}

// Sample returns the first n rows of an import that the caller got from Get.
func (s *Store) Sample(ctx context.Context, im Import, n int) (rows []Row, err error) {
	if err := s.DB.SelectContext(ctx, &rows, queries.Get("rows"), im.ID, 0, n); err != nil {
		return nil, fmt.Errorf("read rows of import %d: %w", im.ID, err)
	}
	return rows, nil
}

// Problems returns the first n rows with a problem of an import that the caller
// got from Get.
func (s *Store) Problems(ctx context.Context, im Import, n int) (rows []Row, err error) {
	if err := s.DB.SelectContext(ctx, &rows, queries.Get("problems"), im.ID, 0, n); err != nil {
		return nil, fmt.Errorf("read problems of import %d: %w", im.ID, err)
	}
	return rows, nil
}

// Report writes the refused rows as CSV: the file's own columns, and behind them
// the number of the row and its problem. Mended, it can be imported again.
func (s *Store) Report(ctx context.Context, im Import, w *sheet.Writer) error {
	after := 0
	for {
		var rows []Row
		if err := s.DB.SelectContext(ctx, &rows, queries.Get("problems"), im.ID, after, 1000); err != nil {
			return fmt.Errorf("read problems of import %d: %w", im.ID, err)
		}
		for _, r := range rows {
			cells := make([]any, len(im.Heads)+2)
			for i := range im.Heads {
				cells[i] = cell(r.Cells, i)
			}
			cells[len(im.Heads)], cells[len(im.Heads)+1] = float64(r.Number), *r.Problem
			if err := w.Write(cells); err != nil {
				return err
			}
			after = r.Position
		}
		if len(rows) < 1000 {
			return nil
		}
	}
}

// ReportHeads are the heads of a report on im.
func ReportHeads(im Import) []string {
	return append(append([]string{}, im.Heads...), rowHead, problemHead)
}

// The columns that a report has more than its file. An import of a report leaves
// them out.
const (
	rowHead     = "Row in the file"
	problemHead = "Problem"
)

func cell(cells []string, i int) string {
	if i >= len(cells) {
		return ""
	}
	return cells[i]
}

// Begin queues an import, or a dry run of it. Settings are checked; what is wrong
// with them is said beside their names.
func (s *Store) Begin(ctx context.Context, a auth.Actor, id int64, settings Settings, dry bool) (Import, error) {
	im, err := s.Get(ctx, a, id)
	if err != nil {
		return Import{}, err
	}
	c, err := s.Records.Collection(ctx, im.Collection)
	if err != nil {
		return Import{}, err
	}
	if err := c.RequireOn(a, auth.Import); err != nil {
		return Import{}, err
	}
	targets, err := s.Targets(ctx, a, c)
	if err != nil {
		return Import{}, err
	}
	if p := settings.check(c, targets, im.Heads); len(p) > 0 {
		return Import{}, fault.Fields(p)
	}
	raw, err := json.Marshal(settings)
	if err != nil {
		return Import{}, fmt.Errorf("store the settings of an import: %w", err)
	}
	err = s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		res, err := tx.ExecContext(ctx, queries.Get("begin"), id, string(raw), dry, dry || settings.Whole, a.Role)
		if err != nil {
			return fmt.Errorf("queue import %d: %w", id, err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, fault.New(fault.Conflict, "This import is under way or over already. Look at its page."))
		}
		if _, err := tx.ExecContext(ctx, queries.Get("forget_problems"), id); err != nil {
			return fmt.Errorf("begin import %d anew: %w", id, err)
		}
		tx.Notify(Channel, "", 0)
		return nil
	})
	if err != nil {
		return Import{}, err
	}
	return s.Get(ctx, a, id)
}

// Cancel stops an import. Records that it has written already stay.
func (s *Store) Cancel(ctx context.Context, a auth.Actor, id int64) error {
	if _, err := s.Get(ctx, a, id); err != nil {
		return err
	}
	res, err := s.DB.ExecContext(ctx, queries.Get("cancel"), id, s.Now())
	if err != nil {
		return fmt.Errorf("cancel import %d: %w", id, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, fault.New(fault.Conflict, "This import is over already."))
	}
	return nil
}
