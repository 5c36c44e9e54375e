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
}

// CollectionForm is the name of a collection and how its records are called.
type CollectionForm struct {
	Title       string
	Name        string
	TitleField  string
	TitleFields []Option
	Problems    map[string]string
}

// CollectionView is one collection with its fields.
type CollectionView struct {
	URL    string
	Data   string
	Form   CollectionForm
	Fields []FieldRow
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
	Crumbs  []Link
	Action  string
	Do      string
	Cancel  string
	Delete  string
	Kind    string // hidden, when the field is new
	Refusal string
	Main    []RecordField
	Rules   []RecordField
}
