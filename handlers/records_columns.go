package handlers

import (
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/shopspring/decimal"

	"alur/engine/collection"
	"alur/engine/fault"
	"alur/views"
)

// columns are the fields of a table of records, the one they are called by
// first.
type columns struct {
	list    []*collection.Field
	targets map[string]*collection.Collection // of belongsTo fields, shown or not
}

// columns chooses what a table shows: the first fields that fit into a cell, and
// when and by whom the record was made.
func (h *records) columns(c echo.Context, coll *collection.Collection) (columns, error) {
	cols := columns{targets: map[string]*collection.Collection{}}
	name := coll.Field(coll.TitleField)
	if name == nil {
		name = coll.Field("id")
	}
	cols.list = []*collection.Field{name}
	for _, f := range coll.Fields {
		if f.Type == collection.BelongsTo {
			target, err := h.store.Collection(c.Request().Context(), f.Target)
			if fault.Is(err, fault.NotFound) {
				continue
			}
			if err != nil {
				return columns{}, err
			}
			cols.targets[f.Name] = target
		}
		fits := !f.Hidden && !f.ReadOnly && f.Relation == "" && f.Type != collection.JSON && (!f.IsRelation() || f.Type == collection.BelongsTo)
		if fits && f != name && len(cols.list) <= columnsShown {
			cols.list = append(cols.list, f)
		}
	}
	cols.list = append(cols.list, coll.Field("createdAt"), coll.Field("createdBy"))
	return cols, nil
}

// relatedColumns is how many columns a table beside a form has.
const relatedColumns = 4

// without leaves out the field that leads back to the record whose form shows
// the table, and what does not fit beside it.
func (cols columns) without(back *collection.Field) columns {
	cols.list = slices.DeleteFunc(slices.Clone(cols.list), func(f *collection.Field) bool {
		return f == back || back.Relation != "" && f.Name == back.Relation
	})
	cols.list = cols.list[:min(len(cols.list), relatedColumns)]
	return cols
}

// class is the class of the i-th column's cells. Narrow screens get the first
// few columns, and no long texts.
func (cols columns) class(i int) string {
	f := cols.list[i]
	class := cellClass(f)
	if (i > columnsNarrow || f.Type == collection.Text) && !strings.Contains(class, "hide-m") {
		class += " hide-m"
	}
	return strings.TrimSpace(class)
}

// fields is what has to be read for the table.
func (cols columns) fields() []string {
	names := []string{"id"}
	for _, f := range cols.list {
		target := cols.targets[f.Name]
		if target == nil {
			names = append(names, f.Name)
			continue
		}
		names = append(names, f.Name+".id")
		if target.TitleField != "" {
			names = append(names, f.Name+"."+target.TitleField)
		}
	}
	return names
}

// sortName is what a column is sorted by; "" when it cannot be.
func (cols columns) sortName(f *collection.Field) string {
	target := cols.targets[f.Name]
	switch {
	case target == nil:
		return f.Name
	case target.TitleField == "":
		return ""
	}
	return f.Name + "." + target.TitleField
}

func (cols columns) sorts(sort string) bool {
	for _, f := range cols.list {
		if name := cols.sortName(f); name != "" && strings.TrimPrefix(sort, "-") == name {
			return true
		}
	}
	return false
}

func (cols columns) heads(st listState) []views.Sort {
	var heads []views.Sort
	for i, f := range cols.list {
		head := views.Sort{Text: f.Title, Class: cols.class(i)}
		if name := cols.sortName(f); name != "" {
			next := st
			next.sort = name
			switch st.sort {
			case name:
				head.Dir, next.sort = "ascending", "-"+name
			case "-" + name:
				head.Dir, next.sort = "descending", name
			}
			head.URL = next.url()
		}
		heads = append(heads, head)
	}
	return heads
}

func (cols columns) rows(c echo.Context, coll *collection.Collection, recs []collection.Record) []views.RecordRow {
	w := words(c)
	var rows []views.RecordRow
	for _, rec := range recs {
		id := collection.Format(rec["id"])
		row := views.RecordRow{ID: id, Name: coll.TitleOf(rec), URL: recordsPath(coll.Name) + "/" + id}
		for i, f := range cols.list {
			cell := cols.cell(w, f, rec[f.Name])
			cell.Class = cols.class(i)
			row.Cells = append(row.Cells, cell)
		}
		rows = append(rows, row)
	}
	return rows
}

func (cols columns) cell(w views.Words, f *collection.Field, v any) views.Cell {
	cell := views.Cell{Label: f.Title, Text: views.Clip(fieldWords(w, f, v), 80)}
	rec, _ := v.(collection.Record)
	target := cols.targets[f.Name]
	switch {
	case v == nil:
	case f.Type == collection.Datetime:
		if t, err := time.Parse(collection.Instant, cell.Text); err == nil {
			cell.Moment, cell.Text = w.Moment(t, w.When(t)), ""
		}
	case rec != nil && target != nil:
		cell.Text = views.Clip(target.TitleOf(rec), 80)
		cell.Person = target.Name == "users"
		if !target.System {
			cell.URL = recordsPath(target.Name) + "/" + collection.Format(rec["id"])
		}
	}
	if choice, ok := f.Choice(collection.Format(v)); ok {
		cell.Tag, cell.State = true, choiceStates[choice.Color]
	}
	return cell
}

// choiceStates gives choices with a color the look of a state, so that the color
// does not speak alone.
var choiceStates = map[string]string{
	"green": views.Completed, "lime": views.Completed, "red": views.Error, "magenta": views.Rejected, "volcano": views.Failed,
	"orange": views.Waiting, "gold": views.Waiting, "yellow": views.Waiting, "blue": views.Running, "geekblue": views.Running,
	"cyan": views.Running, "purple": views.Rejected, "default": views.Queued, "grey": views.Queued, "gray": views.Queued,
}

func cellClass(f *collection.Field) string {
	switch f.Type {
	case collection.Integer, collection.BigInt, collection.Decimal, collection.Double, collection.Float:
		if f.Name == "id" {
			return "nowrap"
		}
		return "num"
	case collection.Datetime, collection.DateOnly, collection.Boolean:
		if f.ReadOnly {
			return "nowrap hide-m"
		}
		return "nowrap"
	}
	if f.ReadOnly {
		return "nowrap hide-m"
	}
	return ""
}

// fieldWords words a value of f for people. Instants stay as they are stored:
// [columns.cell] makes a [views.Moment] of them.
func fieldWords(w views.Words, f *collection.Field, v any) string {
	if v == nil {
		return ""
	}
	text := collection.Format(v)
	switch f.Type {
	case collection.Boolean:
		if v == true {
			return "Yes"
		}
		return "No"
	case collection.DateOnly:
		if t, err := time.ParseInLocation(time.DateOnly, text, w.Today().Location()); err == nil {
			return w.Date(t)
		}
	case collection.Decimal:
		if d, err := decimal.NewFromString(text); err == nil && f.Precision > 0 {
			return views.Decimal(d.StringFixed(int32(f.Scale)))
		}
		return views.Decimal(text)
	case collection.Integer, collection.Double, collection.Float:
		return views.Decimal(text)
	case collection.String:
		if choice, ok := f.Choice(text); ok {
			return choice.Label
		}
	}
	return text
}

// exactWords is fieldWords for places without room for a [views.Moment].
func exactWords(w views.Words, f *collection.Field, v any) string {
	text := fieldWords(w, f, v)
	if f.Type == collection.Datetime && v != nil {
		if t, err := time.Parse(collection.Instant, text); err == nil {
			return w.Exact(t)
		}
	}
	return text
}
