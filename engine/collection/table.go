package collection

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/lib/pq"

	"alur/engine/fault"
	"alur/engine/pg"
)

// columnTypes are the SQL types of fields, without length.
var columnTypes = map[string]string{
	String: "text", Text: "text", Integer: "integer", BigInt: "bigint", Float: "double precision", Double: "double precision",
	Decimal: "numeric", Boolean: "boolean", Datetime: "timestamptz", DateOnly: "date", JSON: "jsonb", BelongsTo: "bigint",
}

// columnType is the type in a column's definition.
func (f *Field) columnType() string {
	switch {
	case f.Type == Datetime:
		return "timestamptz(3)"
	case f.Type == Decimal && f.Precision > 0:
		return fmt.Sprintf("numeric(%d,%d)", f.Precision, f.Scale)
	}
	return columnTypes[f.Type]
}

// widens lists the types that a field of a type can become without losing
// anything.
var widens = map[string][]string{
	String: {Text}, Text: {String},
	Integer: {BigInt, Decimal, Double, Float, String, Text}, BigInt: {Decimal, String, Text},
	Float: {Double, String, Text}, Double: {Float, Decimal, String, Text}, Decimal: {String, Text},
	Boolean: {String, Text}, DateOnly: {String, Text}, JSON: {Text},
}

var namePattern = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]{0,62}$`)

const nameHint = "Start with a letter; then letters, digits and _, at most 60 in all."

func badName(name string) bool { return !namePattern.MatchString(name) || len(Snake(name)) > 60 }

func (d *definer) checkCollection(c *Collection) map[string]string {
	p := map[string]string{}
	switch {
	case badName(c.Name):
		p["name"] = nameHint
	case slices.ContainsFunc(d.cat.list, func(o *Collection) bool { return o.Name == c.Name || o.Table == c.Table }):
		p["name"] = "There is a collection of this name already. Choose a different one."
	}
	return p
}

func (d *definer) checkField(c *Collection, f *Field) map[string]string {
	p := d.checkOptions(f)
	names := []string{f.Name}
	if f.Type == BelongsTo {
		names = append(names, f.ForeignKey)
	}
	for i, name := range names {
		at := [...]string{"name", "foreignKey"}[i]
		switch {
		case badName(name):
			p[at] = nameHint
		case slices.ContainsFunc(c.Fields, func(o *Field) bool { return o.Name == name || o.Column == Snake(name) }):
			p[at] = "This collection has a field of this name already. Choose a different one."
		}
	}
	if f.Type == BelongsTo && f.Name == f.ForeignKey {
		p["foreignKey"] = "Choose a name that differs from the field's."
	}
	if f.Type == HasMany && badName(f.ForeignKey) {
		p["foreignKey"] = nameHint
	}
	if f.IsRelation() {
		target := d.cat.byName[f.Target]
		switch {
		case target == nil:
			p["target"] = "Choose a collection."
		case target.System && target.Name != "users":
			p["target"] = "Choose a collection of your own, or the users."
		}
	}
	return p
}

// checkOptions checks what can change during the life of a field.
func (d *definer) checkOptions(f *Field) map[string]string {
	p := map[string]string{}
	if !slices.Contains(Types, f.Type) {
		p["type"] = "Choose one of the offered types."
		return p
	}
	if f.Interface == "select" && len(f.Enum) == 0 {
		p["enum"] = "Write at least one choice."
	}
	seen := map[string]bool{}
	for _, c := range f.Enum {
		if seen[c.Value] {
			p["enum"] = fmt.Sprintf("“%s” is there twice. Each value may be there once.", c.Value)
		}
		seen[c.Value] = true
	}
	if f.Type == Decimal && (f.Precision < 0 || f.Precision > 1000 || f.Scale < 0 || f.Scale > f.Precision) {
		p["precision"] = "Write how many digits there are in all, and how many of them after the point."
	}
	if f.Length < 0 || f.Length > 10_000_000 {
		p["length"] = "Write a whole number from 1 to 10000000."
	}
	if !slices.Contains([]string{"", "SET NULL", "RESTRICT", "CASCADE"}, f.OnDelete) {
		p["onDelete"] = "Choose SET NULL, RESTRICT or CASCADE."
	}
	if f.Required && f.OnDelete == "SET NULL" {
		p["onDelete"] = "A field that must be filled in cannot be emptied. Choose RESTRICT or CASCADE."
	}
	if f.Default != nil && f.Type != BelongsTo {
		if f.Type == HasMany {
			f.Default = nil
		} else if _, problem := f.arg(f.Default, time.UTC); problem != "" {
			p["defaultValue"] = problem
		}
	}
	return p
}

// defaultSQL is the column's default, "" for none: for those who write with SQL,
// and for the records that are there when a field is added.
func (f *Field) defaultSQL() string {
	if f.Type == Datetime && f.Options["defaultToCurrentTime"] == true {
		return "now()"
	}
	if f.Default == nil {
		return ""
	}
	arg, problem := f.arg(f.Default, time.UTC)
	if f.Type == BelongsTo {
		arg, problem = nil, ""
		if id, ok := integer(f.Default); ok {
			arg = id
		}
	}
	if arg == nil || problem != "" {
		return ""
	}
	return pq.QuoteLiteral(Format(arg)) + "::" + columnTypes[f.Type]
}

func (d *definer) addColumn(ctx context.Context, c *Collection, f *Field) error {
	sql := fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s", c.from(), quote(f.Column), f.columnType())
	if def := f.defaultSQL(); def != "" {
		sql += " DEFAULT " + def
	}
	if err := d.tx.Simple(ctx, sql); err != nil {
		return err
	}
	if f.Type == BelongsTo {
		if err := d.addReference(ctx, c, f, f.Column); err != nil {
			return err
		}
		index := fmt.Sprintf("CREATE INDEX %s ON %s (%s)", quote(constraintName("ix", c.Table, f.Column)), c.from(), quote(f.Column))
		if err := d.tx.Simple(ctx, index); err != nil {
			return err
		}
	}
	if err := d.setRequired(ctx, c, f, f.Column); err != nil {
		return err
	}
	return d.setUnique(ctx, c, f, f.Column)
}

// addReference makes the foreign key of a belongsTo.
func (d *definer) addReference(ctx context.Context, c *Collection, f *Field, column string) error {
	target := d.cat.byName[f.Target]
	onDelete := f.OnDelete
	switch {
	case onDelete == "" && f.Required:
		onDelete = "RESTRICT"
	case onDelete == "":
		onDelete = "SET NULL"
	}
	return d.tx.Simple(ctx, fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s FOREIGN KEY (%s) REFERENCES %s (id) ON DELETE %s",
		c.from(), quote(constraintName("fk", c.Table, column)), quote(column), target.from(), onDelete))
}

func (d *definer) setRequired(ctx context.Context, c *Collection, f *Field, column string) error {
	if !f.Required {
		return nil
	}
	var empty int
	if err := d.tx.GetContext(ctx, &empty, fmt.Sprintf("SELECT count(*) FROM %s WHERE %s IS NULL", c.from(), quote(column))); err != nil {
		return err
	}
	if empty > 0 {
		return fault.Fields(map[string]string{"required": fmt.Sprintf(
			"%d records have no value here. Give a default value, or fill them in and then make the field required.", empty)})
	}
	return d.tx.Simple(ctx, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL", c.from(), quote(column)))
}

func (d *definer) setUnique(ctx context.Context, c *Collection, f *Field, column string) error {
	if !f.Unique {
		return nil
	}
	if f.Type == JSON {
		return fault.Fields(map[string]string{"unique": "JSON cannot be unique."})
	}
	err := d.tx.Simple(ctx, fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s UNIQUE (%s)",
		c.from(), quote(constraintName("uq", c.Table, column)), quote(column)))
	if pg.IsUnique(err) {
		return problem("unique", "Some records have the same value. Change them first.", err)
	}
	return err
}

// alterColumn makes the column follow a changed definition.
func (d *definer) alterColumn(ctx context.Context, c *Collection, old, f *Field) error {
	if f.Type == HasMany || f.Type == BelongsTo || old.IsRelation() {
		if f.Type != old.Type {
			return fault.Fields(map[string]string{"type": "A relation stays what it is. Delete it and add a new field."})
		}
		if f.Type == HasMany {
			return nil
		}
		return d.alterReference(ctx, c, old, f)
	}
	column := old.Column
	if f.columnType() != old.columnType() || f.Type != old.Type {
		if f.Type != old.Type && !slices.Contains(widens[old.Type], f.Type) {
			return fault.Fields(map[string]string{"type": "The values that are there do not fit this type. Add a new field instead."})
		}
		sql := fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP DEFAULT, ALTER COLUMN %s TYPE %s USING %s::%s",
			c.from(), quote(column), quote(column), f.columnType(), quote(column), f.columnType())
		if err := d.tx.Simple(ctx, sql); err != nil {
			if pg.Code(err) == "22003" {
				return problem("precision", "Some values that are there do not fit. Choose more digits.", err)
			}
			return err
		}
	}
	action := "DROP DEFAULT"
	if def := f.defaultSQL(); def != "" {
		action = "SET DEFAULT " + def
	}
	if err := d.tx.Simple(ctx, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s %s", c.from(), quote(column), action)); err != nil {
		return err
	}
	return d.alterRules(ctx, c, old, f, column)
}

func (d *definer) alterReference(ctx context.Context, c *Collection, old, f *Field) error {
	column := c.byName[f.ForeignKey].Column
	if f.OnDelete != old.OnDelete || f.Required != old.Required {
		drop := fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s", c.from(), quote(constraintName("fk", c.Table, column)))
		if err := d.tx.Simple(ctx, drop); err != nil {
			return err
		}
		if err := d.addReference(ctx, c, f, column); err != nil {
			return err
		}
	}
	return d.alterRules(ctx, c, old, f, column)
}

// alterRules follows changes of required and unique.
func (d *definer) alterRules(ctx context.Context, c *Collection, old, f *Field, column string) error {
	if old.Required && !f.Required {
		if err := d.tx.Simple(ctx, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL", c.from(), quote(column))); err != nil {
			return err
		}
	}
	if !old.Required {
		if err := d.setRequired(ctx, c, f, column); err != nil {
			return err
		}
	}
	if old.Unique && !f.Unique {
		return d.tx.Simple(ctx, fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s", c.from(), quote(constraintName("uq", c.Table, column))))
	}
	if !old.Unique {
		return d.setUnique(ctx, c, f, column)
	}
	return nil
}
