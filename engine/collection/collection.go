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

// Field types (spec/platform.md §6); see kind.go for more.
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
	HasOne    = "hasOne"
	HasMany   = "hasMany"

	BelongsToMany = "belongsToMany"
)

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
	ForeignKey string // the field that holds the key: ours for belongsTo, Through's for belongsToMany, else the target's
	OnDelete   string // belongsTo, when the target goes: "SET NULL", "RESTRICT", "CASCADE" or "NO ACTION"
	SourceKey  string // all but belongsTo: our field whose value ForeignKey holds; "" is the primary key
	TargetKey  string // belongsTo, belongsToMany: the target's field that the key holds; "" is the primary key
	Through    string // belongsToMany: the collection with a record for each link
	OtherKey   string // belongsToMany: the field of Through that holds the target's key

	Relation string         // set on the foreign key field of a belongsTo: that field's name
	Order    string         // the field to sort by instead, which comes to the same and has an index; "" for itself
	Right    auth.Right     // who may see it, on top of the collection's; 0: everybody who sees the collection
	Options  map[string]any // all keys of the definition, known or not, as they were given

	rules     []rule                                                   // of Options["validation"]
	condition func(o operand, op string, v any) (cond string, ok bool) // answers for some operators; nil: for none
}

// IsRelation reports whether f leads to other records.
func (f *Field) IsRelation() bool { return f.ToOne() || f.ToMany() }

// ToOne reports whether f leads to one record at most.
func (f *Field) ToOne() bool { return f.Type == BelongsTo || f.Type == HasOne }

// ToMany reports whether f leads to any number of records.
func (f *Field) ToMany() bool { return f.Type == HasMany || f.Type == BelongsToMany }

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

	query    string     // instead of the table, for what can only be read; "" for the table
	rows     []any      // instead of the table: objects by column; nil for the table
	about    *belonging // which workflow a record belongs to, for what people see by it; nil: none
	writable auth.Right // needed to change records of a system collection here; 0: nobody can
	stored   string     // the title field that somebody chose, "" for none
	key      *Field     // the primary key; nil: the records can only be read
	byName   map[string]*Field
	own      []*Field // fields with a column, in the order of insert
	columns  []*Field // those of own that are not hidden: what RETURNING gives
	insert   string   // the INSERT of all columns

	computes bool // some field is a formula
	partial  bool // some column has a default that we do not know
}

// Open reports whether records of c are changed like those of collections that
// people made, by who has the right.
func (c *Collection) Open() bool { return !c.System || c.writable != 0 }

// Field returns the field called name, nil when there is none.
func (c *Collection) Field(name string) *Field { return c.byName[name] }

// Key is the field that tells records apart, as a rule "id"; nil when there is
// none, and then records can only be read. A key of another name is in every
// record as "id" too.
func (c *Collection) Key() *Field { return c.key }

// named is the field called name, by default the primary key.
func (c *Collection) named(name string) *Field {
	if name == "" {
		return c.key
	}
	return c.byName[name]
}

// ID is the primary key's value in r, nil when there is none.
func (c *Collection) ID(r Record) any {
	if c.key == nil {
		return nil
	}
	return r[c.key.Name]
}

// Columns lists the fields with a column of their own, hidden ones left out.
func (c *Collection) Columns() []*Field { return c.columns }

// TitleOf words record r by the collection's title field, or by its id.
func (c *Collection) TitleOf(r Record) string {
	if f := c.Field(c.TitleField); f != nil {
		if t := Format(r[f.Name]); t != "" {
			return t
		}
	}
	return Format(c.ID(r))
}

// quote makes an identifier of the catalogue safe in SQL.
func quote(name string) string { return pq.QuoteIdentifier(name) }

// from is the table's quoted name.
func (c *Collection) from() string {
	if c.query != "" {
		return "(" + c.query + ")"
	}
	return quote(c.Schema) + "." + quote(c.Table)
}

// compile prepares the lookups; call it once all fields are there.
func (c *Collection) compile() {
	c.byName = make(map[string]*Field, len(c.Fields))
	c.own, c.columns, c.key, c.computes, c.partial = nil, nil, nil, false, false
	var names, places []string
	for _, f := range c.Fields {
		c.byName[f.Name] = f
		if f.Type == Password {
			f.Hidden = true
		}
		if f.Options["primaryKey"] == true && f.Column != "" {
			c.key = f
		}
		if f.Column == "" {
			continue
		}
		c.own = append(c.own, f)
		c.computes = c.computes || f.Type == Formula
		c.partial = c.partial || f.Options["databaseDefault"] == true
		names = append(names, quote(f.Column))
		places = append(places, "$"+strconv.Itoa(len(c.own)))
		if !f.Hidden {
			c.columns = append(c.columns, f)
		}
	}
	if c.key != nil && c.byName["id"] == nil { // pages and workflows know records by their id
		alias := *c.key
		alias.Name, alias.Title, alias.ReadOnly = "id", "ID", true
		c.byName["id"] = &alias
		c.columns = append(c.columns, &alias)
	}
	if !c.System {
		c.TitleField = c.stored
		i := slices.IndexFunc(c.own, func(f *Field) bool { return f.Type == String && len(f.Enum) == 0 && !f.Hidden })
		if c.stored == "" && i >= 0 {
			c.TitleField = c.own[i].Name
		}
	}
	c.insert = c.insertOf(names, places)
}

func (c *Collection) insertOf(columns, places []string) string {
	if len(columns) == 0 {
		return fmt.Sprintf("INSERT INTO %s AS t DEFAULT VALUES RETURNING %s", c.from(), list(c.columns, "t"))
	}
	return fmt.Sprintf("INSERT INTO %s AS t (%s) VALUES (%s) RETURNING %s",
		c.from(), strings.Join(columns, ", "), strings.Join(places, ", "), list(c.columns, "t"))
}

// inserting is the INSERT for args, the values of c.own, with those left out that
// the database fills in.
func (c *Collection) inserting(args []any) (query string, rest []any) {
	if !c.partial {
		return c.insert, args
	}
	var names, places []string
	for i, f := range c.own {
		if args[i] == nil && f.Options["databaseDefault"] == true {
			continue
		}
		rest = append(rest, args[i])
		names = append(names, quote(f.Column))
		places = append(places, "$"+strconv.Itoa(len(rest)))
	}
	return c.insertOf(names, places), rest
}

// visible returns the field called name when the actor may see it.
func (c *Collection) visible(a auth.Actor, name string) *Field {
	f := c.byName[name]
	if f == nil || !c.Shows(a, f) {
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
