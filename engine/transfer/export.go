package transfer

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"alur/engine/audit"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/sheet"
	"alur/engine/value"
)

// MaxExport is how many records one file holds.
const MaxExport = 1_000_000

// Column is one column of an exported file.
type Column struct {
	Path  string // "name", or "product.sku" of a relation
	Title string
	field *collection.Field // the last one of the path
}

// Columns lists what can be exported of c: its own fields, and of relations what
// tells the other record.
func (s *Store) Columns(ctx context.Context, a auth.Actor, c *collection.Collection) ([]Column, error) {
	if err := c.RequireOn(a, auth.Export); err != nil {
		return nil, err
	}
	var list []Column
	for _, f := range c.Fields {
		if f.Type == collection.Virtual || f.Relation != "" || !c.Shows(a, f) || !c.Takes(a, auth.Export, f) {
			continue
		}
		if !f.IsRelation() {
			list = append(list, Column{Path: f.Name, Title: f.Title, field: f})
			continue
		}
		target, err := s.Records.Collection(ctx, f.Target)
		if err != nil || !target.Allows(a, auth.View) {
			continue
		}
		if by := finders(a, target); len(by) > 0 {
			list = append(list, Column{Path: f.Name + "." + by[0].Name, Title: f.Title, field: by[0]})
		}
	}
	return list, nil
}

// Export writes the records that match as a file to out and returns how many
// those were. Only Filter and Sort of q count; choices are written by their
// labels, times as they read in the zone of who asks.
func (s *Store) Export(ctx context.Context, a collection.Access, c *collection.Collection, q collection.Query, columns []string, format sheet.Format, out io.Writer) (n int, err error) {
	cols, err := s.chosen(ctx, a.Actor, c, columns)
	if err != nil {
		return 0, err
	}
	heads := make([]string, len(cols))
	q.Fields = nil
	for i, col := range cols {
		heads[i] = col.Title
		q.Fields = append(q.Fields, col.Path)
	}
	w, err := sheet.NewWriter(out, format, c.Title, heads)
	if err != nil {
		return 0, fmt.Errorf("begin a file: %w", err)
	}
	cells := make([]any, len(cols))
	err = s.DB.Tx(ctx, pg.RepeatableRead, func(tx *pg.Tx) error {
		if n > 0 {
			return fault.New(fault.Conflict, "The records changed while they were written. Try again.")
		}
		return s.Records.Each(ctx, tx, a, c.Name, q, func(recs []collection.Record) error {
			for _, rec := range recs {
				if n++; n > MaxExport {
					return fault.New(fault.Invalid, fmt.Sprintf("More than %d records match. Narrow the list with a filter.", MaxExport))
				}
				for i, col := range cols {
					cells[i] = exported(col.field, at(rec, col.Path), a.Zone)
				}
				if err := w.Write(cells); err != nil {
					return fmt.Errorf("write a file: %w", err)
				}
			}
			return nil
		})
	})
	if err != nil {
		return n, err
	}
	note := audit.Entry{At: s.Now(), Kind: audit.Transfer, UserID: a.Actor.UserID, Person: a.Actor.Name, Text: fmt.Sprintf("Exported %d records of “%s”.", n, c.Title)}
	if err := audit.Write(ctx, s.DB, note); err != nil {
		return n, err
	}
	return n, w.Close()
}

// chosen are the columns with the given paths, in that order; all for none.
func (s *Store) chosen(ctx context.Context, a auth.Actor, c *collection.Collection, paths []string) ([]Column, error) {
	all, err := s.Columns(ctx, a, c)
	if err != nil || len(paths) == 0 {
		return all, err
	}
	var list []Column
	for _, path := range paths {
		found := false
		for _, col := range all {
			if col.Path == path {
				list, found = append(list, col), true
			}
		}
		if !found {
			return nil, fault.Fields(map[string]string{"columns": fmt.Sprintf("“%s” has no column called “%s”.", c.Title, clip(path, 60))})
		}
	}
	return list, nil
}

// at follows a path in a record; several records give a list.
func at(v any, path string) any {
	name, rest, deeper := strings.Cut(path, ".")
	switch x := v.(type) {
	case collection.Record:
		if !deeper {
			return x[name]
		}
		return at(x[name], rest)
	case []any:
		list := make([]any, 0, len(x))
		for _, e := range x {
			list = append(list, at(e, path))
		}
		return list
	}
	return nil
}

// exported is the cell for a value.
func exported(f *collection.Field, v any, zone *time.Location) any {
	switch x := v.(type) {
	case nil, bool:
		return v
	case []any:
		texts := make([]string, len(x))
		for i, e := range x {
			texts[i] = word(f, e, zone)
		}
		return strings.Join(texts, between+" ")
	case float64:
		return sheet.Number(collection.Format(x))
	case string:
		switch f.Base() {
		case collection.BigInt, collection.Decimal:
			return sheet.Number(x)
		case collection.DateOnly:
			return sheet.Date(x)
		case collection.Datetime, collection.UnixTimestamp:
			if t, err := time.Parse(collection.Instant, x); err == nil {
				return t.In(orUTC(zone))
			}
		}
	}
	return word(f, v, zone)
}

// word is a value as text.
func word(f *collection.Field, v any, zone *time.Location) string {
	if s, ok := v.(string); ok {
		if c, ok := f.Choice(s); ok {
			return c.Label
		}
		if t, err := time.Parse(collection.Instant, s); err == nil && (f.Base() == collection.Datetime || f.Base() == collection.UnixTimestamp) {
			return t.In(orUTC(zone)).Format("2006-01-02 15:04:05")
		}
	}
	return collection.Format(v)
}

func orUTC(zone *time.Location) *time.Location {
	if zone == nil {
		return time.UTC
	}
	return zone
}

// jsonValue reads JSON; what is none is text.
func jsonValue(text string) any {
	v, err := value.Decode([]byte(text))
	if err != nil || strings.TrimSpace(text) == "" {
		return text
	}
	return v
}
