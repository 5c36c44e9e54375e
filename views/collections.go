package views

// Collections is the list of collections.
type Collections struct{ Rows []CollectionRow }

// CollectionRow is one collection in the list.
type CollectionRow struct {
	Name    string
	Title   string
	Fields  string
	Records string
	Data    string // address of its records
	URL     string // of its definition
	Adopted bool   // its table was there before it
}

// CollectionForm is the name of a collection and how its records are called.
type CollectionForm struct {
	Title       string
	Name        string
	TitleField  string
	TitleFields []Option
	Problems    map[string]string

	Stamps, People, Sortable bool // what each record of a new one holds
}

// CollectionView is one collection with its fields.
type CollectionView struct {
	URL    string
	Data   string
	Form   CollectionForm
	Fields []FieldRow
	Notes  []string // what is unlike other collections
}

// FieldRow is one field in a collection's table.
type FieldRow struct {
	Name   string
	Title  string
	Icon   string
	Type   string // worded
	Detail string // "one of New, Confirmed", "to Products"
	Marks  []string
	URL    string // "" for fields that every collection has
}

// FieldTypes offers the kinds of fields.
type FieldTypes struct {
	Collection string
	URL        string // of the collection
	Groups     []FieldTypeGroup
}

// FieldTypeGroup is a titled part of [FieldTypes].
type FieldTypeGroup struct {
	Title string
	Types []FieldType
}

// FieldType is one kind of field.
type FieldType struct{ URL, Icon, Title, Help string }

// FieldForm makes or changes a field.
type FieldForm struct {
	Title   string // of the page
	Sub     string // the type of a field that is there
	Crumbs  []Link
	Action  string
	Do      string
	Cancel  string
	Delete  string
	Kind    string // hidden, when the field is new
	Refusal string
	Main    []RecordField
	Rules   []RecordField

	Relation []string // how a relation goes, in both directions
	Becomes  []Option // the types that an existing field can be changed to
}

// Tables are the tables of the database that can become collections.
type Tables struct{ Rows []TableRow }

// TableRow is one of them.
type TableRow struct {
	Name     string
	ID       string // for the page
	What     string // "Table, about 1,200 rows"
	Columns  []TableColumn
	Warnings []string
}

// TableColumn is a column and what it becomes.
type TableColumn struct {
	Name, SQL string
	Field     string // the name; "" when it cannot be shown
	Icon      string
	Type      string
	Marks     []string
}
