package collection

import (
	"context"
	"fmt"
)

// filled reports whether the values of f are never null in the table.
func (c *Collection) filled(f *Field) bool {
	stamp := f.Name == "createdAt" || f.Name == "updatedAt"
	return f == c.key || f.Required || stamp && !c.System && !c.Adopted()
}

// indexed reports whether f is to have an index, by its option index.
func (f *Field) indexed() bool {
	return f.Options["index"] == true && !f.Unique && !f.IsRelation() && !f.virtual()
}

// checkIndex says why f cannot have an index; "" when it can.
func (f *Field) checkIndex() string {
	if f.indexed() && f.Base() == Text {
		return "Long texts cannot have an index. Choose the type string, or do without."
	}
	return ""
}

// indexes are the parts of CREATE INDEX statements for f by name: one by which
// records are found and sorted, and where nulls come last in both directions, one
// for the other direction. Values of JSON have one by what is in them.
func (f *Field) indexes(table, column string) map[string]string {
	if !f.indexed() {
		return nil
	}
	name := constraintName("ix", table, column)
	switch {
	case f.Base() == JSON:
		return map[string]string{name: fmt.Sprintf("USING gin (%s jsonb_path_ops)", quote(column))}
	case f.Required:
		return map[string]string{name: "(" + quote(column) + ")"}
	}
	return map[string]string{name: "(" + quote(column) + ")", constraintName("ixd", table, column): "(" + quote(column) + " DESC NULLS LAST)"}
}

// setIndexes makes the indexes of a column those of f; old is nil for a new one.
func (d *definer) setIndexes(ctx context.Context, c *Collection, old, f *Field, column string) error {
	was := map[string]string{}
	if old != nil {
		was = old.indexes(c.Table, column)
	}
	wanted := f.indexes(c.Table, column)
	for name, def := range was {
		if wanted[name] == def {
			continue
		}
		if err := d.tx.Simple(ctx, fmt.Sprintf("DROP INDEX IF EXISTS %s.%s", quote(c.Schema), quote(name))); err != nil {
			return err
		}
	}
	for name, def := range wanted {
		if was[name] == def {
			continue
		}
		if err := d.tx.Simple(ctx, fmt.Sprintf("CREATE INDEX IF NOT EXISTS %s ON %s %s", quote(name), c.from(), def)); err != nil {
			return err
		}
	}
	return nil
}

// indexStamps lets lists be sorted by when records were made, as clients do as a
// rule.
func (d *definer) indexStamps(ctx context.Context, c *Collection) error {
	f := c.byName["createdAt"]
	if f == nil || f.Column == "" {
		return nil
	}
	return d.tx.Simple(ctx, fmt.Sprintf("CREATE INDEX %s ON %s (%s)", quote(constraintName("ix", c.Table, f.Column)), c.from(), quote(f.Column)))
}
