package collection

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/lib/pq"

	"alur/engine/auth"
)

// Record is one row as a JSON value: nil, bool, float64, string, []any and
// map[string]any. Ids are float64; instants are "2024-01-02T03:04:05.678Z";
// dates "2024-01-02"; decimals and big integers are numbers while 15 digits
// hold them, else text.
type Record = map[string]any

// Field types (spec/platform.md §6).
const (
	String    = "string"
	Text      = "text"
	Integer   = "integer" // 32 bits
	BigInt    = "bigInt"
	Float     = "float"  // stored as Double
	Double    = "double" // 64 bits
	Decimal   = "decimal"
	Boolean   = "boolean"
	Datetime  = "datetimeTz"
	DateOnly  = "dateOnly"
	JSON      = "json"
	BelongsTo = "belongsTo"
	HasMany   = "hasMany"
)

// Types lists the field types that can be made, in the order people are offered
// them.
var Types = []string{String, Text, Integer, Decimal, Boolean, Datetime, DateOnly, JSON, BelongsTo, HasMany, BigInt, Double, Float}

// Choice is one value of a single choice.
type Choice struct {
	Value string `json:"value"`
	Label string `json:"label"`
	Color string `json:"color,omitempty"`
}

// Field describes one value of a record, or a relation.
type Field struct {
	Name      string // camelCase
	Type      string // one of Types
	Interface string // how it is shown: input, select, textarea, …
	Title     string
	Column    string // snake_case; "" for relations
	Required  bool
	Unique    bool
	Hidden    bool     // never leaves the server
	ReadOnly  bool     // filled by us
	Default   any      // JSON value; nil: none
	Enum      []Choice // not empty: only these values

	Length           int // String: longest, in characters; 0 is 255
	Precision, Scale int // Decimal; precision 0 is as long as it takes
	Min, Max         *float64

	Target     string // relations: the other collection
	ForeignKey string // the field that holds the id: ours for belongsTo, the target's for hasMany
	OnDelete   string // belongsTo, when the target goes: "SET NULL", "RESTRICT" or "CASCADE"

	Relation string         // set on the foreign key field of a belongsTo: that field's name
	Order    string         // the field to sort by instead, which comes to the same and has an index; "" for itself
	Right    auth.Right     // who may see it, on top of the collection's; 0: everybody who sees the collection
	Options  map[string]any // all keys of the definition, known or not, as they were given
}

// IsRelation reports whether f leads to other records.
func (f *Field) IsRelation() bool { return f.Type == BelongsTo || f.Type == HasMany }

// Choice returns the choice with value v.
func (f *Field) Choice(v string) (Choice, bool) {
	for _, c := range f.Enum {
		if c.Value == v {
			return c, true
		}
	}
	return Choice{}, false
}

// Collection describes a table and how it looks from outside.
type Collection struct {
	Name       string
	Title      string
	Schema     string // "public" for what people made, "alur" for ours
	Table      string
	TitleField string // what a record is called by: the chosen field, else the first short text; "" is the id
	Fields     []*Field
	System     bool       // described in code; records are changed by their own owners only
	Big        bool       // grows without end: see Page.Count
	Right      auth.Right // needed to read
	Options    map[string]any

	stored  string // the title field that somebody chose, "" for none
	byName  map[string]*Field
	own     []*Field // fields with a column, in the order of insert
	columns []*Field // those of own that are not hidden: what RETURNING gives
	insert  string   // the INSERT of all columns
}

// Field returns the field called name, nil when there is none.
func (c *Collection) Field(name string) *Field { return c.byName[name] }

// Columns lists the fields with a column of their own, hidden ones left out.
func (c *Collection) Columns() []*Field { return c.columns }

// TitleOf words record r by the collection's title field, or by its id.
func (c *Collection) TitleOf(r Record) string {
	if f := c.Field(c.TitleField); f != nil {
		if t := Format(r[f.Name]); t != "" {
			return t
		}
	}
	return Format(r["id"])
}

// quote makes an identifier of the catalogue safe in SQL.
func quote(name string) string { return pq.QuoteIdentifier(name) }

// from is the table's quoted name.
func (c *Collection) from() string {
	return quote(c.Schema) + "." + quote(c.Table)
}

// compile prepares the lookups; call it once all fields are there.
func (c *Collection) compile() {
	c.byName = make(map[string]*Field, len(c.Fields))
	c.own, c.columns = nil, nil
	var names, places []string
	for _, f := range c.Fields {
		c.byName[f.Name] = f
		if f.Column == "" {
			continue
		}
		c.own = append(c.own, f)
		names = append(names, quote(f.Column))
		places = append(places, "$"+strconv.Itoa(len(c.own)))
		if !f.Hidden {
			c.columns = append(c.columns, f)
		}
	}
	if !c.System {
		c.TitleField = c.stored
		i := slices.IndexFunc(c.own, func(f *Field) bool { return f.Type == String && len(f.Enum) == 0 && !f.Hidden })
		if c.stored == "" && i >= 0 {
			c.TitleField = c.own[i].Name
		}
	}
	c.insert = fmt.Sprintf("INSERT INTO %s AS t (%s) VALUES (%s) RETURNING %s",
		c.from(), strings.Join(names, ", "), strings.Join(places, ", "), list(c.columns, "t"))
}

// visible returns the field called name when the actor may see it.
func (c *Collection) visible(a auth.Actor, name string) *Field {
	f := c.byName[name]
	if f == nil || !f.visibleTo(a) {
		return nil
	}
	return f
}

func (f *Field) visibleTo(a auth.Actor) bool {
	return !f.Hidden && (f.Right == 0 || a.Can(f.Right))
}

// col is f's column of the table called alias in a statement.
func (f *Field) col(alias string) string { return alias + "." + quote(f.Column) }

// Snake turns an API name into a column name: createdAt is created_at, orderID
// is order_id.
func Snake(name string) string {
	var b strings.Builder
	rs := []rune(name)
	for i, r := range rs {
		if unicode.IsUpper(r) && i > 0 && rs[i-1] != '_' &&
			(!unicode.IsUpper(rs[i-1]) || i+1 < len(rs) && unicode.IsLower(rs[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// ChosenTitleField is the field that somebody chose to call records by; "" when
// nobody did and TitleField is our guess.
func (c *Collection) ChosenTitleField() string { return c.stored }
