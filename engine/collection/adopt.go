package collection

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"alur/engine/auth"
	"alur/engine/fault"
)

// Table is a table or view of the database that is no collection yet.
type Table struct {
	Name     string
	View     bool
	Rows     int // about; -1: unknown
	Columns  []Column
	Warnings []string // what will not work once it is a collection
	ReadOnly bool     // its records cannot be changed
}

// Column is a column of a [Table] and the field that it becomes.
type Column struct {
	Name    string
	SQL     string // its type in the database
	Field   *Field // nil: it cannot be shown
	Key     bool   // the primary key
	Default bool   // the database fills it in
}

// rawTable is what the database says of a table.
type rawTable struct {
	Name    string
	Kind    string // pg_class.relkind
	Rows    float64
	Key     []string
	Unique  []string // columns that are unique by themselves
	Columns []rawColumn
	Refers  []rawReference
}

type rawColumn struct {
	Name, SQL, Type string // Type is pg_type.typname
	Length          int    // of text; 0: any
	Precision       int
	Scale           int
	Required        bool
	Default         bool
	Generated       bool
	Choices         []string // of an enum
}

type rawReference struct{ Column, Table, Other string }

// Tables lists the tables and views of schema public that can be adopted.
func (s *Store) Tables(ctx context.Context, a auth.Actor) ([]Table, error) {
	if err := a.Require(auth.ManageCollections); err != nil {
		return nil, err
	}
	raws, err := rawTables(ctx, s.db.Side(), "")
	if err != nil {
		return nil, err
	}
	list := make([]Table, len(raws))
	for i, raw := range raws {
		list[i] = raw.table()
	}
	return list, nil
}

// rawTables reads the table called name, or all when name is "".
func rawTables(ctx context.Context, q interface {
	GetContext(ctx context.Context, dest any, query string, args ...any) error
}, name string) ([]rawTable, error) {
	var raw []byte
	if err := q.GetContext(ctx, &raw, queries.Get("tables"), name); err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	var list []rawTable
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	return list, nil
}

// table maps columns to fields.
func (raw rawTable) table() Table {
	t := Table{Name: raw.Name, View: raw.Kind == "v" || raw.Kind == "m", Rows: int(raw.Rows)}
	taken := map[string]bool{}
	for _, rc := range raw.Columns {
		c := Column{Name: rc.Name, SQL: rc.SQL, Default: rc.Default, Key: len(raw.Key) == 1 && raw.Key[0] == rc.Name, Field: rc.field()}
		if c.Field == nil {
			t.Warnings = append(t.Warnings, fmt.Sprintf("The column %s has the type %s, which cannot be shown here. It stays as it is.", rc.Name, rc.SQL))
			if rc.Required && !rc.Default {
				t.Warnings = append(t.Warnings, fmt.Sprintf("Records cannot be made here: the column %s has to be filled in.", rc.Name))
			}
			t.Columns = append(t.Columns, c)
			continue
		}
		for taken[c.Field.Name] {
			c.Field.Name += "2"
		}
		taken[c.Field.Name] = true
		if c.Key && !t.View {
			c.Field.Options["primaryKey"] = true
		}
		c.Field.Unique = slices.Contains(raw.Unique, rc.Name) && !c.Key
		t.Columns = append(t.Columns, c)
	}
	t.ReadOnly = t.View || !slices.ContainsFunc(t.Columns, func(c Column) bool { return c.Key && c.Field != nil })
	switch {
	case t.View:
		t.Warnings = append(t.Warnings, "It is a view: its records can be read but not changed.")
	case len(raw.Key) == 0:
		t.Warnings = append(t.Warnings, "It has no primary key: its records can be read but not changed.")
	case len(raw.Key) > 1:
		t.Warnings = append(t.Warnings, fmt.Sprintf("Its primary key has several columns (%s): its records can be read but not changed.", strings.Join(raw.Key, ", ")))
	}
	return t
}

// field is the field for a column, nil when no type fits.
func (rc rawColumn) field() *Field {
	f := &Field{Name: fieldName(rc.Name), Column: rc.Name, Options: map[string]any{}}
	switch rc.Type {
	case "int2", "int4":
		f.Type = Integer
	case "int8":
		f.Type = BigInt
	case "numeric":
		f.Type, f.Precision, f.Scale = Decimal, rc.Precision, rc.Scale
	case "float4", "float8":
		f.Type = Double
	case "bool":
		f.Type = Boolean
	case "timestamptz":
		f.Type = Datetime
	case "timestamp":
		f.Type = DatetimeNoTz
	case "date":
		f.Type = DateOnly
	case "time":
		f.Type = Time
	case "uuid":
		f.Type, f.Options["autoFill"] = UUID, false
	case "jsonb":
		f.Type = JSON
	case "text":
		f.Type = Text
	case "varchar", "bpchar":
		f.Type, f.Length = String, rc.Length
		if rc.Length == 0 {
			f.Type = Text
		}
	default:
		if len(rc.Choices) == 0 {
			return nil
		}
		f.Type, f.Interface = String, "select"
		f.Options["columnIsEnum"] = true
		for _, v := range rc.Choices {
			f.Enum = append(f.Enum, Choice{Value: v, Label: v})
		}
	}
	f.Title = words(rc.Name)
	f.Required = rc.Required && !rc.Default
	if rc.Default {
		f.Options["databaseDefault"] = true
	}
	if rc.Generated {
		f.Options["generated"] = true
	}
	if f.Type == Datetime && (f.Name == "createdAt" || f.Name == "updatedAt") {
		f.Interface, f.Required = f.Name, false
	}
	f.alias()
	return f
}

// fieldName turns a column's name into one for the API: order_no is orderNo.
func fieldName(column string) string {
	var b strings.Builder
	up := false
	for _, r := range column {
		switch {
		case r < 128 && unicode.IsLetter(r) || r >= '0' && r <= '9' && b.Len() > 0:
			if up && b.Len() > 0 {
				r = unicode.ToUpper(r)
			}
			b.WriteRune(r)
			up = false
		default:
			up = true
		}
	}
	name := b.String()
	if strings.ToUpper(name) == name {
		name = strings.ToLower(name)
	}
	if name = strings.ToLower(name[:min(1, len(name))]) + name[min(1, len(name)):]; badName(name) {
		return randomName("f_")
	}
	return name
}

// words turns a column's or table's name into a title: order_no is "Order no".
func words(name string) string {
	s := strings.TrimSpace(strings.ReplaceAll(name, "_", " "))
	if s == "" {
		return name
	}
	rs := []rune(s)
	return string(unicode.ToUpper(rs[0])) + string(rs[1:])
}

// Adopt makes a collection of a table or view that is there. The table stays as
// it is.
func (s *Store) Adopt(ctx context.Context, a auth.Actor, table string) (*Collection, error) {
	name := ""
	err := s.define(ctx, a, fmt.Sprintf("Took over the table “%s” as a collection.", table), func(d *definer) (err error) {
		name, err = d.adopt(ctx, table)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("adopt table %s: %w", short(table), err)
	}
	return s.Collection(ctx, name)
}

func (d *definer) adopt(ctx context.Context, table string) (name string, err error) {
	raws, err := rawTables(ctx, d.tx, table)
	if err != nil {
		return "", err
	}
	if len(raws) == 0 || table == "" {
		return "", fault.New(fault.NotFound, fmt.Sprintf("There is no table called “%s” that could be adopted.", short(table)))
	}
	t := raws[0].table()
	c := &Collection{Name: fieldName(table), Title: words(table), Schema: "public", Table: table, Right: auth.UseRecords,
		Options: map[string]any{"adopted": true}}
	if t.View {
		c.Options["view"] = true
	}
	for d.cat.byName[c.Name] != nil {
		c.Name = randomName("t_")
	}
	options, err := json.Marshal(c.Options)
	if err != nil {
		return "", err
	}
	if _, err := d.tx.ExecContext(ctx, queries.Get("insert_collection"), c.Name, c.Title, c.Table, "", string(options), d.s.now().UTC()); err != nil {
		return "", err
	}
	for _, col := range t.Columns {
		if col.Field == nil {
			continue
		}
		f := col.Field
		if rel := d.relationOf(raws[0], col); rel != nil {
			f = rel
		}
		if err := d.insertField(ctx, c, f, col.Name); err != nil {
			return "", err
		}
	}
	return c.Name, nil
}

// relationOf is the belongsTo that a column stands for, when it refers to the
// primary key of a collection.
func (d *definer) relationOf(raw rawTable, col Column) *Field {
	i := slices.IndexFunc(raw.Refers, func(r rawReference) bool { return r.Column == col.Name })
	if i < 0 || col.Key {
		return nil
	}
	for _, target := range d.cat.list {
		if target.System || target.Table != raw.Refers[i].Table || target.key == nil || target.key.Column != raw.Refers[i].Other {
			continue
		}
		key := col.Field.Name
		name := key + "Record"
		if stem, ok := strings.CutSuffix(key, "Id"); ok && stem != "" {
			name = stem
		}
		f := &Field{Name: name, Type: BelongsTo, Title: words(strings.TrimSuffix(col.Name, "_id")), Target: target.Name, ForeignKey: key,
			Required: col.Field.Required, Unique: col.Field.Unique, Options: map[string]any{}}
		f.alias()
		return f
	}
	return nil
}
