package collection

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lib/pq"

	"alur/engine/expr"
	"alur/engine/fault"
	"alur/engine/pg"
)

// columnTypes are the SQL types of fields, without length.
var columnTypes = map[string]string{
	String: "text", Text: "text", Integer: "integer", BigInt: "bigint", Float: "double precision", Double: "double precision",
	Decimal: "numeric", Boolean: "boolean", Datetime: "timestamptz", DateOnly: "date", JSON: "jsonb",
	DatetimeNoTz: "timestamp", Time: "time", UnixTimestamp: "bigint", UUID: "uuid",
}

// columnType is the type in a column's definition.
func (f *Field) columnType() string {
	switch base := f.Base(); {
	case base == Datetime:
		return "timestamptz(3)"
	case base == DatetimeNoTz:
		return "timestamp(3)"
	case base == Time:
		return "time(0)"
	case base == Decimal && f.Precision > 0:
		return fmt.Sprintf("numeric(%d,%d)", f.Precision, f.Scale)
	}
	return columnTypes[f.Base()]
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

// checkField checks a new field; taken is the field whose column becomes its key.
func (d *definer) checkField(c *Collection, f, taken *Field) map[string]string {
	p := d.checkOptions(c, f)
	names := []string{f.Name}
	if f.Type == BelongsTo {
		names = append(names, f.ForeignKey)
	}
	for i, name := range names {
		at := [...]string{"name", "foreignKey"}[i]
		switch {
		case badName(name):
			p[at] = nameHint
		case slices.ContainsFunc(c.Fields, func(o *Field) bool { return o != taken && (o.Name == name || o.Column == Snake(name)) }):
			p[at] = "This collection has a field of this name already. Choose a different one."
		}
	}
	if f.Type == BelongsTo && f.Name == f.ForeignKey {
		p["foreignKey"] = "Choose a name that differs from the field's."
	}
	if f.IsRelation() {
		d.checkRelation(c, f, p)
	}
	return p
}

// systemTargets are those of our collections that records may refer to.
var systemTargets = []string{"users", Attachments}

// checkRelation checks what a relation leads to, and by which fields.
func (d *definer) checkRelation(c *Collection, f *Field, p map[string]string) {
	target := d.cat.byName[f.Target]
	switch {
	case target == nil:
		p["target"] = "Choose a collection."
		return
	case target.System && !slices.Contains(systemTargets, target.Name):
		p["target"] = "Choose a collection of your own, or the users."
	case target.key == nil || c.key == nil:
		p["target"] = "Choose a collection with a primary key."
	}
	for name, key := range map[string]string{"foreignKey": f.ForeignKey, "otherKey": f.OtherKey, "through": f.Through} {
		if key != "" && badName(key) {
			p[name] = nameHint
		}
	}
	if f.Type != BelongsTo && !c.identifies(f.SourceKey) {
		p["sourceKey"] = fmt.Sprintf("Choose a unique field of “%s”, or leave it out for its primary key.", c.Title)
	}
	if (f.Type == BelongsTo || f.Type == BelongsToMany) && !target.identifies(f.TargetKey) {
		p["targetKey"] = fmt.Sprintf("Choose a unique field of “%s”, or leave it out for its primary key.", target.Title)
	}
}

// identifies reports whether no two records have the same value in the field
// called name; "" is the primary key.
func (c *Collection) identifies(name string) bool {
	f := c.named(name)
	return f != nil && f.Column != "" && !f.Hidden && (f == c.key || f.Unique)
}

// checkOptions checks what can change during the life of a field.
func (d *definer) checkOptions(c *Collection, f *Field) map[string]string {
	p := map[string]string{}
	switch {
	case f.Type == "context":
		p["type"] = "Fields of the type context have no value without a request. Use a text and let a workflow or the form fill it in."
		return p
	case !slices.Contains(Types, f.Type):
		p["type"] = "Choose one of the offered types."
		return p
	}
	f.checkChoices(p)
	if problem := f.checkIndex(); problem != "" {
		p["index"] = problem
	}
	if f.Base() == Decimal && (f.Precision < 0 || f.Precision > 1000 || f.Scale < 0 || f.Scale > f.Precision) {
		p["precision"] = "Write how many digits there are in all, and how many of them after the point."
	}
	if f.Length < 0 || f.Length > 10_000_000 {
		p["length"] = "Write a whole number from 1 to 10000000."
	}
	if !slices.Contains([]string{"", "SET NULL", "RESTRICT", "CASCADE", "NO ACTION"}, f.OnDelete) {
		p["onDelete"] = "Choose SET NULL, RESTRICT, CASCADE or NO ACTION."
	}
	if f.Required && f.OnDelete == "SET NULL" {
		p["onDelete"] = "A field that must be filled in cannot be emptied. Choose RESTRICT or CASCADE."
	}
	if problem := f.setRules(); problem != "" {
		p["validation"] = problem
	}
	f.checkMade(c, p)
	f.checkDefault(p)
	if f.HoldsFiles() {
		f.checkFileRules(p)
	}
	return p
}

func (f *Field) checkChoices(p map[string]string) {
	needs := []string{"select", "radioGroup", "multipleSelect", "checkboxGroup"}
	if slices.Contains(needs, f.Interface) && len(f.Enum) == 0 && !f.IsList() {
		p["enum"] = "Write at least one choice."
	}
	if len(f.Enum) > 1000 {
		p["enum"] = "Write at most 1000 choices."
	}
	seen := map[string]bool{}
	for _, c := range f.Enum {
		if seen[c.Value] {
			p["enum"] = fmt.Sprintf("“%s” is there twice. Each value may be there once.", c.Value)
		}
		seen[c.Value] = true
	}
}

// checkMade checks the options of the types that we fill in.
func (f *Field) checkMade(c *Collection, p map[string]string) {
	switch f.Type {
	case Sequence:
		if _, problem := f.patterns(); problem != "" {
			p["patterns"] = problem
		}
	case NanoID:
		size, letters := f.Options["size"], []rune(f.text("customAlphabet"))
		if n := whole(size); size != nil && size != "" && (n < 1 || n > maxNano) {
			p["size"] = fmt.Sprintf("Write a whole number from 1 to %d.", maxNano)
		}
		if len(letters) == 1 || len(letters) > maxNano {
			p["customAlphabet"] = fmt.Sprintf("Write 2 to %d different letters.", maxNano)
		}
	case UID:
		if len(f.text("prefix")) > 50 {
			p["prefix"] = "Write at most 50 characters."
		}
	case UnixTimestamp:
		if a := f.Options["accuracy"]; a != nil && a != "" && a != "second" && a != "millisecond" {
			p["accuracy"] = "Choose second or millisecond."
		}
	case Sort:
		if key := f.scopeKey(); key != "" && (c.byName[key] == nil || c.byName[key].Column == "") {
			p["scopeKey"] = "Choose a field of this collection, or none."
		}
	case Formula:
		if text := f.text("expression"); strings.TrimSpace(text) == "" {
			p["expression"] = "Write a formula such as {{price}} * {{quantity}}."
		} else if len(text) > maxFormula {
			p["expression"] = fmt.Sprintf("Write at most %d characters.", maxFormula)
		} else if e, err := expr.Compile(f.engine(), text); err != nil {
			p["expression"] = "This formula cannot be understood: " + err.Error()
		} else {
			for _, path := range e.Paths() {
				root, _, _ := strings.Cut(path, ".")
				if o := c.byName[root]; o == nil || o.Column == "" || o.Hidden || root == f.Name {
					p["expression"] = fmt.Sprintf("“%s” is no field of this collection that a formula can use.", short(root))
				}
			}
		}
	}
}

// maxFormula is how long a formula may be, in bytes.
const maxFormula = 2000

func (f *Field) checkDefault(p map[string]string) {
	switch {
	case f.Default == nil:
	case f.Type == HasMany, f.Type == HasOne, f.Type == BelongsToMany, f.Filled(), f.Type == Password:
		f.Default = nil
	case f.Type == BelongsTo:
	default:
		if _, problem := f.arg(f.Default, time.UTC); problem != "" {
			p["defaultValue"] = problem
		}
	}
}

// defaultSQL is the column's default, "" for none: for those who write with SQL,
// and for the records that are there when a field is added.
func (f *Field) defaultSQL() string {
	if f.Type == Datetime && f.Options["defaultToCurrentTime"] == true {
		return "now()"
	}
	if f.Default == nil || f.makes() {
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
	return pq.QuoteLiteral(Format(arg)) + "::" + columnTypes[f.Base()]
}

// columnTypeOf is the type of f's column, also when it refers to a record.
func (d *definer) columnTypeOf(f *Field) string {
	if f.Type == BelongsTo {
		return (&Field{Type: d.cat.byName[f.Target].named(f.TargetKey).keyType()}).columnType()
	}
	return f.columnType()
}

func (d *definer) addColumn(ctx context.Context, c *Collection, f *Field) error {
	sql := fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s", c.from(), quote(f.Column), d.columnTypeOf(f))
	if def := f.defaultSQL(); def != "" {
		sql += " DEFAULT " + def
	}
	if err := d.tx.Simple(ctx, sql); err != nil {
		return err
	}
	if f.Options["primaryKey"] == true {
		return d.tx.Simple(ctx, fmt.Sprintf("ALTER TABLE %s ADD PRIMARY KEY (%s)", c.from(), quote(f.Column)))
	}
	if f.Type == BelongsTo {
		return d.refer(ctx, c, f, f.Column)
	}
	if err := d.fillUp(ctx, c, f); err != nil {
		return err
	}
	return d.setRules(ctx, c, f, f.Column)
}

// refer makes column a reference of the belongsTo f.
func (d *definer) refer(ctx context.Context, c *Collection, f *Field, column string) error {
	if err := d.addReference(ctx, c, f, column); err != nil {
		if pg.IsForeignKey(err) {
			return problem("foreignKey", fmt.Sprintf("Some values of this field belong to no record of “%s”. Correct them first.", d.cat.byName[f.Target].Title), err)
		}
		return err
	}
	index := fmt.Sprintf("CREATE INDEX %s ON %s (%s)", quote(constraintName("ix", c.Table, column)), c.from(), quote(column))
	if err := d.tx.Simple(ctx, index); err != nil {
		return err
	}
	return d.setRules(ctx, c, f, column)
}

func (d *definer) setRules(ctx context.Context, c *Collection, f *Field, column string) error {
	if err := d.setRequired(ctx, c, f, column); err != nil {
		return err
	}
	if err := d.setIndexes(ctx, c, nil, f, column); err != nil {
		return err
	}
	return d.setUnique(ctx, c, f, column)
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
	return d.tx.Simple(ctx, fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s FOREIGN KEY (%s) REFERENCES %s (%s) ON DELETE %s",
		c.from(), quote(constraintName("fk", c.Table, column)), quote(column), target.from(), quote(target.named(f.TargetKey).Column), onDelete))
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
	if f.Base() == JSON {
		return fault.Fields(map[string]string{"unique": "Lists and JSON cannot be unique."})
	}
	err := d.tx.Simple(ctx, fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s UNIQUE (%s)",
		c.from(), quote(constraintName("uq", c.Table, column)), quote(column)))
	if pg.IsUnique(err) {
		return problem("unique", "Some records have the same value. Change them first.", err)
	}
	return err
}

// alterColumn makes the column follow a changed definition.
func (d *definer) alterColumn(ctx context.Context, c *Collection, old, f *Field, agreed Agreed) error {
	if f.IsRelation() || old.IsRelation() {
		switch {
		case f.Type != old.Type:
			return fault.Fields(map[string]string{"type": "A relation stays what it is. Delete it and add a new field."})
		case f.Type != BelongsTo:
			return nil
		}
		return d.alterReference(ctx, c, old, f)
	}
	if f.virtual() || old.virtual() {
		if f.Type != old.Type {
			return fault.Fields(map[string]string{"type": "A field without values stays one. Delete it and add a new field."})
		}
		return nil
	}
	if c.view() {
		return nil
	}
	column := old.Column
	if f.columnType() != old.columnType() || f.Type != old.Type {
		if (f.fixed() || old.fixed()) && f.Base() != old.Base() {
			return fault.Fields(map[string]string{"type": "The values that are there do not fit this type. Add a new field instead."})
		}
		if err := d.convert(ctx, c, old, f, agreed); err != nil {
			switch {
			case pg.Code(err) == "22003":
				return problem("precision", "Some values that are there do not fit. Choose more digits.", err)
			case pg.IsUnique(err):
				return problem("type", "Some records would have the same value then, and this field is unique.", err)
			case pg.IsNotNull(err):
				return problem("type", "Some records would have no value then, and this field is required.", err)
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
	if !c.Adopted() && (f.OnDelete != old.OnDelete || f.Required != old.Required) {
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
	if err := d.setIndexes(ctx, c, old, f, column); err != nil {
		return err
	}
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
