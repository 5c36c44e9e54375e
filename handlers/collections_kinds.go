package handlers

import (
	"slices"

	"alur/engine/collection"
)

// fieldKind is a kind of field as people choose one.
type fieldKind struct {
	name  string // in the address
	typ   string
	iface string // "" for the type's own
	group string
	title string
	help  string
}

// fieldKinds are all kinds, in the order people are offered them.
var fieldKinds = []fieldKind{
	{"text", collection.String, "", "Text", "Text", "One line: a name, a number with letters."},
	{"longText", collection.Text, "", "Text", "Long text", "Several lines: a note, a reason."},
	{"markdown", collection.Text, "markdown", "Text", "Markdown", "Several lines with headings, lists and links."},
	{"email", collection.String, "email", "Text", "Mail address", "Checked when it is typed; a click writes a mail."},
	{"phone", collection.String, "phone", "Text", "Phone number", "Digits, spaces and + in front."},
	{"url", collection.Text, "url", "Text", "Web address", "A link that begins with https://."},
	{"choice", collection.String, "select", "Choices", "Single choice", "One of a few values, from a list: a status, a size."},
	{"radio", collection.String, "radioGroup", "Choices", "Single choice, all in sight", "One of two to five values."},
	{"choices", collection.Array, "multipleSelect", "Choices", "Several choices", "Some of a few values: tags, days of the week."},
	{"checks", collection.Set, "checkboxGroup", "Choices", "Checkboxes", "Some of a few values, each at most once."},
	{"boolean", collection.Boolean, "", "Choices", "Yes or no", "A box to tick."},
	{"integer", collection.Integer, "", "Numbers", "Integer", "A whole number: a quantity."},
	{"decimal", collection.Decimal, "", "Numbers", "Decimal", "A number with fixed digits after the point: a price."},
	{"percent", collection.Decimal, "percent", "Numbers", "Percent", "A share, such as a discount; 25 % is stored as 0.25."},
	{"double", collection.Double, "", "Numbers", "Measured number", "Any number of digits, as instruments give it."},
	{"bigInt", collection.BigInt, "", "Numbers", "Big integer", "A whole number of more than nine digits."},
	{"datetime", collection.Datetime, "", "Dates", "Date and time", "A moment, shown to everybody in their own time zone."},
	{"date", collection.DateOnly, "", "Dates", "Date", "A day, the same for everybody."},
	{"time", collection.Time, "", "Dates", "Time", "A time of day: when a shop opens."},
	{"datetimeNoTz", collection.DatetimeNoTz, "", "Dates", "Local date and time", "What a clock on the wall shows, the same for everybody."},
	{"unixTimestamp", collection.UnixTimestamp, "", "Dates", "Unix timestamp", "A moment, stored as a number for other programs."},
	{"files", collection.BelongsToMany, "attachment", "Files", "Files", "Documents and pictures: receipts, drawings."},
	{"file", collection.BelongsTo, "attachment", "Files", "One file", "A photo, a signed form."},
	{"belongsTo", collection.BelongsTo, "", "Relations", "Belongs to one", "Each record refers to one other: an order to its product, a request to a person."},
	{"hasMany", collection.HasMany, "", "Relations", "Has many", "The other side of that: all orders of a product."},
	{"hasOne", collection.HasOne, "", "Relations", "Has one", "Exactly one record over there refers to this one: a person's badge."},
	{"belongsToMany", collection.BelongsToMany, "", "Relations", "Many to many", "Each record refers to several others, and each of those to several of these: courses and students."},
	{"sequence", collection.Sequence, "", "Filled in for you", "Number series", "Counts for each new record: INV-2026-00042."},
	{"formula", collection.Formula, "", "Filled in for you", "Formula", "Worked out from other fields whenever the record is saved."},
	{"nanoid", collection.NanoID, "", "Filled in for you", "Short random code", "Twelve letters that nobody can guess."},
	{"uuid", collection.UUID, "", "Filled in for you", "UUID", "A code that is unique in the world, for other programs."},
	{"sort", collection.Sort, "", "Filled in for you", "Place in a list", "Numbers the records in an order that people can change."},
	{"password", collection.Password, "", "More", "Password", "Stored so that nobody can read it again."},
	{"color", collection.String, "color", "More", "Color", "Such as #1677ff."},
	{"json", collection.JSON, "", "More", "JSON", "Lists and objects that programs store."},
}

// moreKinds are kinds that only programs make.
var moreKinds = []fieldKind{
	{"float", collection.Float, "", "", "Number", ""}, {"richText", collection.Text, "richText", "", "Formatted text", ""}, {"icon", collection.String, "icon", "", "Icon", ""},
	{"list", collection.Array, "", "", "List", ""}, {"set", collection.Set, "", "", "Set", ""}, {"uid", collection.UID, "", "", "Random code", ""},
	{"snowflakeId", collection.SnowflakeID, "", "", "Number that is unique", ""}, {"virtual", collection.Virtual, "", "", "Without a value", ""},
}

// kindOf is the kind of f: the one of its interface, else that of its type.
func kindOf(f *collection.Field) fieldKind {
	all := slices.Concat(fieldKinds, moreKinds)
	for _, k := range all {
		if k.typ == f.Type && k.iface != "" && k.iface == f.Interface {
			return k
		}
	}
	for _, k := range all {
		if k.typ == f.Type && k.hasChoices() == (len(f.Enum) > 0) && (k.iface == "" || k.hasChoices()) {
			return k
		}
	}
	return fieldKind{typ: f.Type, title: f.Type}
}

// hasChoices reports whether a field of the kind has values to choose from.
func (k fieldKind) hasChoices() bool {
	return slices.Contains([]string{"choice", "radio", "choices", "checks"}, k.name)
}

// field is an empty field of the kind.
func (k fieldKind) field() *collection.Field {
	f := &collection.Field{Type: k.typ, Interface: k.iface}
	if k.iface == "attachment" {
		f.Target = collection.Attachments
	}
	if k.hasChoices() {
		f.Enum = []collection.Choice{{}}
	}
	return f
}
