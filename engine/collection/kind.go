package collection

// Types whose values are filled in by us, and more of the kinds of
// spec/platform.md §6.
const (
	DatetimeNoTz  = "datetimeNoTz"  // a wall clock's date and time, "2026-05-07 14:30:00"
	Time          = "time"          // "14:30:00"
	UnixTimestamp = "unixTimestamp" // an instant, stored as a number of seconds or milliseconds
	UUID          = "uuid"
	Array         = "array" // a list of values, stored as JSON
	Set           = "set"   // an Array without repeated values
	Password      = "password"
	UID           = "uid"    // random letters after a prefix
	NanoID        = "nanoid" // random letters of an alphabet
	SnowflakeID   = "snowflakeId"
	Sequence      = "sequence" // counts, by patterns
	Sort          = "sort"     // the place in a list that people arrange
	Formula       = "formula"  // worked out from other fields at every save
	Virtual       = "virtual"  // has no value of its own
)

// Types lists the field types that can be made.
var Types = []string{String, Text, Integer, BigInt, Decimal, Double, Float, Boolean, Datetime, DatetimeNoTz, DateOnly, Time, UnixTimestamp,
	JSON, Array, Set, Password, UID, NanoID, UUID, SnowflakeID, Sequence, Sort, Formula, Virtual, BelongsTo, HasOne, HasMany, BelongsToMany}

// usualInterfaces is how fields of a type are shown when nobody says.
var usualInterfaces = map[string]string{
	String: "input", Text: "textarea", Integer: "integer", BigInt: "integer", Float: "number", Double: "number",
	Decimal: "number", Boolean: "checkbox", Datetime: "datetime", DateOnly: "date", JSON: "json",
	DatetimeNoTz: "datetimeNoTz", Time: "time", UnixTimestamp: "unixTimestamp", UUID: "uuid", Array: "multipleSelect", Set: "multipleSelect",
	Password: "password", UID: "input", NanoID: "nanoid", SnowflakeID: "snowflakeId", Sequence: "sequence", Sort: "sort", Formula: "formula",
	BelongsTo: "m2o", HasOne: "o2o", HasMany: "o2m", BelongsToMany: "m2m",
}

// Base is the type that f's values have: String, Text, Integer, BigInt, Double,
// Decimal, Boolean, Datetime, DatetimeNoTz, DateOnly, Time, UnixTimestamp, UUID or
// JSON. A sequence is a String, a list is JSON. Relations are what they are.
func (f *Field) Base() string {
	switch f.Type {
	case UID, NanoID, Sequence, Password:
		return String
	case SnowflakeID, Sort:
		return BigInt
	case Array, Set:
		return JSON
	case Float:
		return Double
	case Formula:
		return f.formulaBase()
	}
	return f.Type
}

func (f *Field) formulaBase() string {
	switch f.Options["dataType"] {
	case "boolean":
		return Boolean
	case "integer":
		return Integer
	case "bigInt":
		return BigInt
	case "decimal":
		return Decimal
	case "string":
		return Text
	case "date", "datetime", "datetimeTz":
		return Datetime
	}
	return Double
}

// IsList reports whether f holds a list of values.
func (f *Field) IsList() bool { return f.Type == Array || f.Type == Set }

// keyType is the type of a key that refers to f.
func (f *Field) keyType() string {
	if b := f.Base(); b != Text {
		return b
	}
	return String
}

// virtual reports whether f has no column.
func (f *Field) virtual() bool { return f.Type == Virtual }

// makes reports whether we fill f in, or change what was given before it is
// stored.
func (f *Field) makes() bool {
	switch f.Type {
	case UID, NanoID, UUID, SnowflakeID, Sequence, Sort, Password, Formula:
		return true
	}
	return false
}

// fixed reports whether f cannot become another type, nor another type f, since
// its values mean something to us.
func (f *Field) fixed() bool {
	return f.makes() && f.Type != UUID && f.Type != SnowflakeID || f.virtual() || f.IsRelation()
}

// ours are the options that say how an adopted table is; nobody else sets them.
var ours = []string{"adopted", "view", "databaseDefault", "generated", "columnIsEnum"}

// Filled reports whether people leave f to us.
func (f *Field) Filled() bool {
	switch f.Type {
	case Sequence:
		return f.Options["inputable"] != true
	case Sort, Formula, Virtual:
		return true
	}
	return f.ReadOnly || f.Options["generated"] == true
}

// text is the option called name.
func (f *Field) text(name string) string {
	s, _ := f.Options[name].(string)
	return s
}

// scopeKey is the field within whose values a Sort counts; "" for the whole
// collection.
func (f *Field) scopeKey() string { return f.text("scopeKey") }
