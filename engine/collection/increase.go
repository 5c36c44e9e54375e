package collection

import (
	"context"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/shopspring/decimal"

	"alur/engine/fault"
	"alur/engine/pg"
)

// Increase, as the value of a number field in an update, is what the field is to
// change by: the statement works the new value out from the record as it is then. It
// is a number, negative for less; null in the record counts as 0. The rules of the
// field hold for the new value.
type Increase struct{ By any }

// Increases reports whether a field of this type can be changed by an [Increase].
func Increases(fieldType string) bool {
	switch (&Field{Type: fieldType}).Base() {
	case Integer, BigInt, Double, Decimal:
		return fieldType != Sequence && fieldType != Sort && fieldType != Formula
	}
	return false
}

// ByNumber reads what a field is to change by.
func ByNumber(v any) (by decimal.Decimal, ok bool) { return exact(v) }

// increase is what an Increase of f sends to the database.
func (f *Field) increase(c *Collection, in Increase) (arg any, problem string) {
	by, ok := ByNumber(in.By)
	switch {
	case f == c.key, f.Relation != "", !Increases(f.Type):
		return nil, "Only the value of a number can be increased or decreased."
	case !ok:
		return nil, "Write a number to change this by."
	}
	switch f.Base() {
	case Integer, BigInt:
		if !by.IsInteger() || !by.BigInt().IsInt64() {
			return nil, "Write a whole number to change this by."
		}
		return by.IntPart(), ""
	case Double:
		return by.InexactFloat64(), ""
	}
	return by.String(), ""
}

// increased are the fields that sets work out from the record.
func increased(sets []set) []*Field {
	var fields []*Field
	for _, s := range sets {
		if s.add {
			fields = append(fields, s.field)
		}
	}
	return fields
}

// checkIncreased finds a new value that its field does not allow.
func (w *writer) checkIncreased(c *Collection, sets []set, changes []Change) error {
	fields := increased(sets)
	if len(fields) == 0 {
		return nil
	}
	for _, ch := range changes {
		problems := map[string]string{}
		for _, f := range fields {
			if problem := w.outOfRange(f, ch.After[f.Name]); problem != "" {
				problems[f.Name] = problem
			}
		}
		if err := fault.Fields(problems); err != nil {
			return c.ofOne(err, changes, ch)
		}
	}
	return nil
}

func (w *writer) outOfRange(f *Field, v any) string {
	if _, problem := f.arg(v, w.a.zone()); problem != "" {
		return fmt.Sprintf("It would become %s. %s", Format(v), problem)
	}
	return ""
}

// explainIncrease is explainOf for an update that works values out: of a number that
// is too large it names the field.
func (w *writer) explainIncrease(c *Collection, filter any, sets []set, err error) error {
	if fields := increased(sets); pg.Code(err) == "22003" && len(fields) > 0 {
		var names []string
		for _, f := range fields {
			names = append(names, "“"+f.Title+"”")
		}
		return problem(fields[0].Name, "The new value of "+strings.Join(names, " or ")+" is larger than fits there.", err)
	}
	return w.explainOf(c, filter, err)
}

// bulkIncrease runs a change in bulk that works values out, looks at the new values,
// and returns how many records there were.
func (w *writer) bulkIncrease(ctx context.Context, c *Collection, filter any, sets []set, query string, args []any) (n int, err error) {
	cols := append([]*Field{c.key}, increased(sets)...)
	var wrong error
	err = w.s.rows(ctx, w.tx, query+" RETURNING "+list(cols, "t"), args, func(rows *sqlx.Rows) error {
		row := newRow(len(cols))
		for n, wrong = 0, nil; rows.Next(); n++ {
			if err := rows.Scan(row.into...); err != nil {
				return err
			}
			if wrong == nil {
				wrong = w.checkIncreased(c, sets, []Change{{After: row.record(cols, 0)}})
			}
		}
		return rows.Err()
	})
	if err != nil {
		return 0, w.explainIncrease(c, filter, sets, err)
	}
	return n, wrong
}
