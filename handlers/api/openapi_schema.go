package api

import (
	"maps"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"

	"alur/engine/auth"
	"alur/engine/collection"
)

// Short names for the parts of a schema.

func ref(name string) *openapi3.SchemaRef {
	return &openapi3.SchemaRef{Ref: "#/components/schemas/" + name}
}

// ours is one of our own schemas; collections cannot have such a name.
func ours(name string) *openapi3.SchemaRef { return ref("alur." + name) }

func inline(s *openapi3.Schema) *openapi3.SchemaRef { return &openapi3.SchemaRef{Value: s} }

func listOf(items *openapi3.SchemaRef) *openapi3.SchemaRef {
	return inline(&openapi3.Schema{Type: &openapi3.Types{openapi3.TypeArray}, Items: items})
}

func object(members map[string]*openapi3.SchemaRef, required ...string) *openapi3.SchemaRef {
	return inline(&openapi3.Schema{Type: &openapi3.Types{openapi3.TypeObject}, Properties: members, Required: required})
}

func text(description string) *openapi3.SchemaRef {
	return inline(&openapi3.Schema{Type: &openapi3.Types{openapi3.TypeString}, Description: description})
}

func whole(description string) *openapi3.SchemaRef {
	return inline(&openapi3.Schema{Type: &openapi3.Types{openapi3.TypeInteger}, Description: description})
}

func truth(description string) *openapi3.SchemaRef {
	return inline(&openapi3.Schema{Type: &openapi3.Types{openapi3.TypeBoolean}, Description: description})
}

// anything is a JSON value of any kind, null too.
func anything(description string) *openapi3.SchemaRef {
	return inline(&openapi3.Schema{Nullable: true, Description: description})
}

// orNone is s or null.
func orNone(s *openapi3.SchemaRef) *openapi3.SchemaRef {
	if s.Value != nil {
		s.Value.Nullable = true
		return s
	}
	return inline(&openapi3.Schema{Nullable: true, AllOf: openapi3.SchemaRefs{s}})
}

// id is a number, or text above 2^53.
func id(description string) *openapi3.SchemaRef {
	return inline(&openapi3.Schema{Description: description, AnyOf: openapi3.SchemaRefs{whole(""), text("")}})
}

// shows lists the fields of c that who asks may see.
func shows(c *collection.Collection, a auth.Actor) []*collection.Field {
	return slices.DeleteFunc(slices.Clone(c.Fields), func(f *collection.Field) bool {
		return !c.Shows(a, f)
	})
}

// recordSchema is a record of c as it is answered.
func (d *document) recordSchema(c *collection.Collection) *openapi3.SchemaRef {
	members := map[string]*openapi3.SchemaRef{}
	for _, f := range shows(c, d.actor) {
		switch {
		case !f.IsRelation():
			members[f.Name] = fieldSchema(f)
		case d.knows(f.Target) && f.ToMany():
			members[f.Name] = listOf(ref(f.Target))
		case d.knows(f.Target):
			members[f.Name] = orNone(ref(f.Target))
		}
	}
	s := object(members)
	s.Value.Title = c.Title
	return s
}

// valuesSchema is what may be written to a record of c.
func (d *document) valuesSchema(c *collection.Collection) *openapi3.SchemaRef {
	members := map[string]*openapi3.SchemaRef{}
	for _, f := range writable(c, d.actor) {
		if f.IsRelation() {
			members[f.Name] = anything("A key, an object with a key, or an object that becomes a record; for relations to many a list of them. It leads to “" + f.Target + "”.")
			continue
		}
		members[f.Name] = fieldSchema(f)
	}
	s := object(members)
	s.Value.Example = example(c, d.actor)
	return s
}

func writable(c *collection.Collection, a auth.Actor) []*collection.Field {
	return slices.DeleteFunc(shows(c, a), func(f *collection.Field) bool {
		return f.ReadOnly && f.Name != "id" || f.Filled() && f.Name != "id" ||
			!c.Takes(a, auth.Create, f) && !c.Takes(a, auth.Update, f)
	})
}

// needed are the fields that a new record of c must have.
func needed(c *collection.Collection, a auth.Actor) []string {
	var names []string
	for _, f := range writable(c, a) {
		if f.Required && f.Default == nil && f.Relation == "" && f.Name != "id" {
			names = append(names, f.Name)
		}
	}
	return names
}

// fieldSchema is a value of f. Any may be null: before it was filled in, and in
// records from before a field was made required.
func fieldSchema(f *collection.Field) *openapi3.SchemaRef {
	s := &openapi3.Schema{Title: f.Title, Nullable: true, ReadOnly: f.ReadOnly && f.Name != "id"}
	typed := func(name, format string) {
		s.Type, s.Format = &openapi3.Types{name}, format
	}
	switch f.Base() {
	case collection.String, collection.Text, collection.UUID, collection.Time, collection.DatetimeNoTz:
		typed(openapi3.TypeString, "")
	case collection.Integer:
		typed(openapi3.TypeInteger, "")
	case collection.BigInt, collection.Decimal:
		s.AnyOf = openapi3.SchemaRefs{inline(&openapi3.Schema{Type: &openapi3.Types{openapi3.TypeNumber}}), text("")}
		s.Description = "Text when a number of JavaScript cannot hold it."
	case collection.Float, collection.Double:
		typed(openapi3.TypeNumber, "")
	case collection.Boolean:
		typed(openapi3.TypeBoolean, "")
	case collection.Datetime, collection.UnixTimestamp:
		typed(openapi3.TypeString, "date-time")
	case collection.DateOnly:
		typed(openapi3.TypeString, "date")
	}
	if f.IsList() {
		typed(openapi3.TypeArray, "")
		s.Items = anything("")
	}
	for _, choice := range f.Enum {
		if !f.IsList() {
			s.Enum = append(s.Enum, choice.Value)
		}
	}
	if len(s.Enum) > 0 {
		s.Enum = append(s.Enum, nil)
	}
	if f.Length > 0 && f.Base() == collection.String {
		longest := uint64(f.Length)
		s.MaxLength = &longest
	}
	return inline(s)
}

// example is a record of c that could be created.
func example(c *collection.Collection, a auth.Actor) map[string]any {
	out := map[string]any{}
	for _, f := range writable(c, a) {
		if f.Name == "id" || f.Relation != "" || f.IsRelation() && f.Type != collection.BelongsTo {
			continue
		}
		switch {
		case len(f.Enum) > 0 && f.IsList():
			out[f.Name] = []any{f.Enum[0].Value}
		case len(f.Enum) > 0:
			out[f.Name] = f.Enum[0].Value
		case f.Type == collection.BelongsTo:
			out[f.Name] = nil
		case byInterface[f.Interface] != nil:
			out[f.Name] = byInterface[f.Interface]
		default:
			if v, ok := samples[f.Base()]; ok {
				out[f.Name] = v
			}
		}
	}
	return out
}

// byInterface are values where only some texts are right.
var byInterface = map[string]any{
	"email": "ann@example.test", "url": "https://example.test", "phone": "+49 30 1234567", "color": "#1677ff",
}

// samples are values of the types of fields.
var samples = map[string]any{
	collection.String: "text", collection.Text: "text", collection.Integer: 1, collection.BigInt: 1, collection.Decimal: 1.5,
	collection.Float: 1.5, collection.Double: 1.5, collection.Boolean: true, collection.Datetime: "2026-05-07T14:30:00.000Z",
	collection.DatetimeNoTz: "2026-05-07 14:30:00", collection.DateOnly: "2026-05-07", collection.Time: "14:30:00",
	collection.UnixTimestamp: "2026-05-07T14:30:00.000Z",
}

// commonSchemas are those that every document has.
func commonSchemas() openapi3.Schemas {
	schemas := openapi3.Schemas{
		"alur.Error": object(map[string]*openapi3.SchemaRef{
			"message": text("What is wrong, in a sentence for people."),
			"field":   text("The field or parameter that it is about."),
			"code":    text("A stable word for programs."),
			"record":  text("The key of the one of several things that it is about; none of them was changed."),
		}, "message"),
		"alur.Errors": object(map[string]*openapi3.SchemaRef{"errors": listOf(ours("Error"))}, "errors"),
		"alur.PageMeta": object(map[string]*openapi3.SchemaRef{
			"count": whole("All records that match; an estimate above 10,000 in collections that grow without end."),
			"page":  whole(""), "pageSize": whole(""), "totalPage": whole(""),
			"hasNext": truth("Instead of count and totalPage where a collection has simple pages."),
		}),
	}
	maps.Copy(schemas, actionSchemas())
	return schemas
}
