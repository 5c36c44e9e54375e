package collection

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/lib/pq"

	"alur/engine/fault"
	"alur/engine/pg"
)

// constraintName names a constraint so that its violation can be told from its
// name; long ones end in a hash, as PostgreSQL cuts at 63 bytes.
func constraintName(kind, table, column string) string {
	name := kind + "_" + table + "_" + column
	if len(name) <= 63 {
		return name
	}
	h := fnv.New32a()
	h.Write([]byte(name))
	return fmt.Sprintf("%s_%08x", name[:54], h.Sum32())
}

// explain turns a refusal by the database into a problem beside its field.
func (w *writer) explain(c *Collection, err error) error {
	e, ok := errors.AsType[*pq.Error](err)
	if !ok {
		return err
	}
	switch {
	case pg.IsUnique(err):
		return c.beside(err, "uq", "Another record has this value already. Write a different one.")
	case pg.IsNotNull(err):
		for _, f := range c.own {
			if f.Column == e.Column && e.Table == c.Table {
				return problem(f.problemName(), "Fill this in.", err)
			}
		}
	case pg.IsForeignKey(err):
		if e.Table == c.Table {
			return c.beside(err, "fk", noSuchRecord)
		}
		for _, other := range w.cat.list {
			if other.Table == e.Table && !other.System {
				return fault.Wrap(fault.Conflict, fmt.Sprintf("This record is still used in “%s”. Change or delete what uses it first.", other.Title), err)
			}
		}
		return fault.Wrap(fault.Conflict, "This record is still used elsewhere.", err)
	}
	switch pg.Code(err) {
	case "22003", "22008", "22P02", "22021", "22001", "22P05", "54000", "23514":
		return fault.Wrap(fault.Invalid, "A value does not fit into its field.", err)
	}
	return fmt.Errorf("write %s: %w", c.Name, err)
}

// explainOf is explain for a change of the records that match filter: it names the
// one that was refused, as far as the database says which that is.
func (w *writer) explainOf(c *Collection, filter any, err error) error {
	told := w.explain(c, err)
	e, ok := errors.AsType[*pq.Error](err)
	if !ok || c.one(filter) {
		return told
	}
	if pg.IsUnique(err) {
		return c.beside(err, "uq", "Nothing was changed: this must differ from record to record, and several of these, or another one, would have it.")
	}
	rest, found := strings.CutPrefix(e.Detail, "Key ("+c.key.Column+")=(")
	if key, _, ends := strings.Cut(rest, ") is still referenced"); found && ends {
		return fault.OfOne(told, 2, "Record", key)
	}
	return told
}

// ofOne says that err is about one of several changes.
func (c *Collection) ofOne(err error, all []Change, ch Change) error {
	return fault.OfOne(err, len(all), "Record", Format(c.ID(ch.After)))
}

// beside finds the field whose constraint was violated.
func (c *Collection) beside(err error, kind, msg string) error {
	name := pg.Constraint(err)
	for _, f := range c.own {
		if constraintName(kind, c.Table, f.Column) == name {
			return problem(f.problemName(), msg, err)
		}
	}
	if e, ok := errors.AsType[*pq.Error](err); ok { // of a table that was there before us
		if rest, ok := strings.CutPrefix(e.Detail, "Key ("); ok {
			column, _, _ := strings.Cut(rest, ")")
			for _, f := range c.own {
				if f.Column == column {
					return problem(f.problemName(), msg, err)
				}
			}
		}
	}
	return problem("id", msg, err)
}

func problem(field, msg string, err error) error {
	return &fault.Error{Kind: fault.Invalid, Msg: msg, Fields: map[string]string{field: msg}, Err: err}
}
