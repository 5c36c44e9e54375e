package handlers

import (
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

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
	for _, name := range []string{"createdAt", "createdBy"} {
		if f := coll.Field(name); f != nil && f != cols.list[0] { // an adopted table may have none
			cols.list = append(cols.list, f)
		}
	}
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
	rec, _ := v.(collection.Record)
	target := cols.targets[f.Name]
	if rec == nil || target == nil {
		return fieldCell(w, f, v)
	}
	cell := views.Cell{Label: f.Title, Text: views.Clip(target.TitleOf(rec), 80), Person: target.Name == "users"}
	if !target.System {
		cell.URL = recordsPath(target.Name) + "/" + collection.Format(rec["id"])
	}
	return cell
}
