package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/lib/pq"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/sheet"
)

const (
	stageRows  = 1000    // rows in one statement
	stageBytes = 4 << 20 // of their text, about
)

// Upload stages the rows of the file at path for a collection and suggests what
// its columns mean. The first row holds the heads. What is wrong with the file is
// reported beside "file".
func (s *Store) Upload(ctx context.Context, a auth.Actor, collection, fileName, path string) (Import, error) {
	c, err := s.Records.Collection(ctx, collection)
	if err == nil {
		err = c.RequireOn(a, auth.Import)
	}
	if err != nil {
		return Import{}, err
	}
	if err := c.RequireOn(a, auth.Import); err != nil {
		return Import{}, err
	}
	var open int
	if err := s.DB.GetContext(ctx, &open, queries.Get("open"), a.UserID); err != nil {
		return Import{}, fmt.Errorf("count imports under way: %w", err)
	}
	if open >= mostOpen {
		return Import{}, fault.New(fault.Conflict, fmt.Sprintf("%d of your imports are under way. Wait for one of them, or cancel it.", open))
	}
	r, err := sheet.Open(path)
	if err != nil {
		return Import{}, besideFile(err)
	}
	defer r.Close()
	heads, err := readHeads(r)
	if err != nil {
		return Import{}, besideFile(err)
	}
	im := Import{ID: s.IDs.Next(), Collection: c.Name, FileName: clip(filepath.Base(fileName), 200), Format: r.Format, From1904: r.From1904, Heads: heads}
	if im.Settings, err = s.suggest(ctx, a, c, heads, r.Comma); err != nil {
		return Import{}, err
	}
	raw, err := json.Marshal(im.Settings)
	if err != nil {
		return Import{}, fmt.Errorf("store the settings of an import: %w", err)
	}
	err = s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		_, err := tx.ExecContext(ctx, queries.Get("add"), im.ID, im.Collection, im.FileName, im.Format, im.From1904, pq.Array(heads), string(raw), a.Role, a.UserID, s.Now())
		if err != nil {
			return fmt.Errorf("add an import: %w", err)
		}
		n, err := stage(ctx, tx, im.ID, r)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.Invalid, "The file has heads, but no rows.")
		}
		if _, err := tx.ExecContext(ctx, queries.Get("staged"), im.ID, n); err != nil {
			return fmt.Errorf("count the rows of import %d: %w", im.ID, err)
		}
		return nil
	})
	if err != nil {
		return Import{}, besideFile(err)
	}
	return s.Get(ctx, a, im.ID)
}

// besideFile reports a problem of the file beside the field of the form.
func besideFile(err error) error {
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Kind == fault.Invalid && len(e.Fields) == 0 {
		return fault.Fields(map[string]string{"file": e.Msg})
	}
	return err
}

// readHeads reads the first row. Columns at the end without a head are left out.
func readHeads(r *sheet.Reader) ([]string, error) {
	row, err := r.Next()
	if errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Invalid, "The file is empty.")
	}
	if err != nil {
		return nil, err
	}
	heads := make([]string, len(row))
	for i, h := range row {
		if heads[i] = clip(clean(h), 200); heads[i] == "" {
			heads[i] = fmt.Sprintf("Column %d", i+1)
		}
	}
	return heads, nil
}

// clean makes a cell fit for PostgreSQL.
func clean(s string) string {
	return strings.TrimSpace(strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "�"))
}

func clip(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// stagedRow is a row on its way into the table.
type stagedRow struct {
	Position int      `json:"position"`
	Row      int      `json:"row"`
	Cells    []string `json:"cells"`
}

// stage writes the rows of r and returns how many those are.
func stage(ctx context.Context, tx *pg.Tx, id int64, r *sheet.Reader) (n int, err error) {
	var part []stagedRow
	size := 0
	flush := func() error {
		if len(part) == 0 {
			return nil
		}
		raw, err := json.Marshal(part)
		if err != nil {
			return fmt.Errorf("stage rows of import %d: %w", id, err)
		}
		if _, err := tx.ExecContext(ctx, queries.Get("stage"), id, string(raw)); err != nil {
			return fmt.Errorf("stage rows of import %d: %w", id, err)
		}
		part, size = part[:0], 0
		return nil
	}
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return n, flush()
		}
		if err != nil {
			return n, err
		}
		if n++; n > sheet.MaxRows {
			return n, fault.New(fault.Invalid, fmt.Sprintf("The file has more than %d rows. Split it.", sheet.MaxRows))
		}
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = clean(c)
			size += len(cells[i])
		}
		part = append(part, stagedRow{Position: n, Row: r.Row(), Cells: cells})
		if len(part) == stageRows || size > stageBytes {
			if err := flush(); err != nil {
				return n, err
			}
		}
	}
}
