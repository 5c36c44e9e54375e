package handlers

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/views"
)

// columns are what a table of records shows; the first one leads to the record.
type columns struct {
	list []column
	cat  catalogue
}

// column is one field, or one of a record that a relation leads to.
type column struct {
	path   string
	fields []*collection.Field // the path; the last one is shown
}

func (col column) field() *collection.Field { return col.fields[len(col.fields)-1] }

func (col column) title() string { return pathTitle(col.fields) }

const (
	columnsShown  = 7   // of the usual columns, besides the first and those at the end
	columnsNarrow = 4   // besides the first, on narrow screens
	columnsMost   = 200 // that one can choose from
)

// columns are those that the reader has chosen, those of the view, or the usual
// ones.
func (h *records) columns(c echo.Context, st listState) (columns, error) {
	view := int64(0)
	if st.saved != nil {
		view = st.saved.ID
	}
	chosen, err := h.store.ChosenColumns(c.Request().Context(), access(c), st.cat.coll.Name, view)
	if err != nil {
		return columns{}, err
	}
	if len(chosen) == 0 && st.saved != nil {
		chosen = st.saved.Columns
	}
	return st.cat.columns(chosen), nil
}

// columns are the columns with the given paths, as far as they lead anywhere; the
// usual ones when none does.
func (cat catalogue) columns(paths []string) columns {
	cols := columns{cat: cat}
	for _, path := range paths {
		if fields := cat.resolve(path); fields != nil && showable(fields) {
			cols.list = append(cols.list, column{path, fields})
		}
	}
	if len(cols.list) > 0 {
		return cols
	}
	for _, f := range cat.usual() {
		cols.list = append(cols.list, column{f.Name, []*collection.Field{f}})
	}
	return cols
}

// usual are the first fields that fit into a cell, what records are called by
// before them, and when and by whom a record was made behind them.
func (cat catalogue) usual() []*collection.Field {
	coll := cat.coll
	name := coll.Field(coll.TitleField)
	if !cat.sees(coll, name) {
		name = coll.Key()
	}
	var list []*collection.Field
	if cat.sees(coll, name) {
		list = append(list, name)
	}
	for _, f := range coll.Fields {
		fits := showable([]*collection.Field{f}) && !f.ReadOnly && kindOfValue(f) != "json" && (f.Target == "" || cat.target(f) != nil)
		if fits && cat.sees(coll, f) && f != name && len(list) <= columnsShown {
			list = append(list, f)
		}
	}
	for _, name := range []string{"createdAt", "createdBy"} {
		if f := coll.Field(name); cat.sees(coll, f) && !slices.Contains(list, f) { // not every collection has them
			list = append(list, f)
		}
	}
	return list
}

// showable reports whether a path has one value for each record.
func showable(fields []*collection.Field) bool {
	return fields[len(fields)-1].Relation == "" && !slices.ContainsFunc(fields, func(f *collection.Field) bool { return kindOfValue(f) == "records" })
}

// choosable are all columns that one can choose: the fields, then those of related
// records.
func (cat catalogue) choosable() []column {
	var own, related []column
	for _, f := range cat.coll.Fields {
		if !cat.sees(cat.coll, f) || !showable([]*collection.Field{f}) {
			continue
		}
		target := cat.target(f)
		if f.Target != "" && target == nil {
			continue
		}
		own = append(own, column{f.Name, []*collection.Field{f}})
		if target == nil || f.HoldsFiles() {
			continue
		}
		for _, g := range target.Fields {
			if cat.sees(target, g) && !g.ReadOnly && g.Target == "" && showable([]*collection.Field{g}) && g.Name != target.TitleField {
				related = append(related, column{f.Name + "." + g.Name, []*collection.Field{f, g}})
			}
		}
	}
	all := append(own, related...)
	return all[:min(len(all), columnsMost)]
}

// relatedColumns is how many columns a table beside a form has.
const relatedColumns = 4

// without leaves out the field that leads back to the record whose form shows
// the table, and what does not fit beside it.
func (cols columns) without(back *collection.Field) columns {
	cols.list = slices.DeleteFunc(slices.Clone(cols.list), func(col column) bool {
		f := col.field()
		return f == back || back.Relation != "" && f.Name == back.Relation
	})
	cols.list = cols.list[:min(len(cols.list), relatedColumns)]
	return cols
}

// class is the class of the i-th column's cells. Narrow screens get the first
// few columns, and no long texts.
func (cols columns) class(i int) string {
	f := cols.list[i].field()
	class := cellClass(f)
	if (i > columnsNarrow || f.Type == collection.Text) && !strings.Contains(class, "hide-m") {
		class += " hide-m"
	}
	return strings.TrimSpace(class)
}

// fields is what has to be read for the table.
func (cols columns) fields() []string {
	var names []string
	if key := cols.cat.coll.Key(); key != nil {
		names = append(names, key.Name)
	}
	for _, col := range cols.list {
		for i, f := range col.fields {
			path := strings.Join(strings.Split(col.path, ".")[:i+1], ".")
			target := cols.cat.target(f)
			if target == nil {
				names = append(names, path)
				continue
			}
			if f.HoldsFiles() {
				for _, name := range fileColumns {
					names = append(names, path+"."+name)
				}
				continue
			}
			if target.Key() != nil {
				names = append(names, path+"."+target.Key().Name)
			}
			if target.TitleField != "" {
				names = append(names, path+"."+target.TitleField)
			}
		}
	}
	return names
}

// sortName is what a column is sorted by; "" when it cannot be.
func (cols columns) sortName(col column) string {
	name := col.path
	if target := cols.cat.target(col.field()); target != nil {
		if target.TitleField == "" || col.field().HoldsFiles() {
			return ""
		}
		name += "." + target.TitleField
	}
	if len(cols.cat.sorts([]string{name})) == 0 {
		return ""
	}
	return name
}

// heads are the heads of the columns. A click sorts by one of them, with Shift by
// it after the others.
func (cols columns) heads(st listState) []views.Sort {
	var heads []views.Sort
	for i, col := range cols.list {
		head := views.Sort{Text: col.title(), Class: cols.class(i)}
		if name := cols.sortName(col); name != "" {
			at := slices.IndexFunc(st.sort, func(s string) bool { return strings.TrimPrefix(s, "-") == name })
			next, more := name, slices.Clone(st.sort)
			switch {
			case at < 0:
				more = append(more, name)
			case st.sort[at] == name:
				head.Dir, next, more[at] = "ascending", "-"+name, "-"+name
			default:
				head.Dir, more = "descending", slices.Delete(more, at, at+1)
			}
			if at >= 0 && len(st.sort) > 1 {
				head.Rank = strconv.Itoa(at + 1)
			}
			head.URL, head.More = st.at("", "sort", next), st.at("", "sort", strings.Join(more, ","))
		}
		heads = append(heads, head)
	}
	return heads
}

// rows are the records of a table; the cells can be edited in place.
func (cols columns) rows(c echo.Context, st listState, coll *collection.Collection, recs []collection.Record) []views.RecordRow {
	var rows []views.RecordRow
	for _, rec := range recs {
		rows = append(rows, cols.row(c, st, coll, rec))
	}
	return rows
}

func (cols columns) row(c echo.Context, st listState, coll *collection.Collection, rec collection.Record) views.RecordRow {
	w := words(c)
	row := views.RecordRow{ID: collection.Format(coll.ID(rec)), Name: coll.TitleOf(rec), URL: recordURL(coll, rec)}
	for i, col := range cols.list {
		cell := cols.cell(w, col, rec)
		cell.Class = cols.class(i)
		if st.base != "" && row.URL != "" && len(col.fields) == 1 && !col.field().HoldsFiles() && takes(coll, actor(c), auth.Update, col.field()) {
			v := url.Values{}
			if st.saved != nil {
				v.Set("view", st.view)
			}
			cell.Edit = address(row.URL+"/cells/"+col.path, v)
		}
		row.Cells = append(row.Cells, cell)
	}
	return row
}

// cell words one value; [columns.class] is left to the caller.
func (cols columns) cell(w views.Words, col column, rec collection.Record) views.Cell {
	var v any = rec
	for _, f := range col.fields {
		r, _ := v.(collection.Record)
		v = r[f.Name]
	}
	f := col.field()
	if f.HoldsFiles() {
		return views.Cell{Label: col.title(), Files: fileItems(v)}
	}
	target, r := cols.cat.target(f), collection.Record(nil)
	if r, _ = v.(collection.Record); r == nil || target == nil {
		cell := fieldCell(w, f, v)
		cell.Label = col.title()
		return cell
	}
	cell := views.Cell{Label: col.title(), Text: views.Clip(target.TitleOf(r), 80), Person: target.Name == "users"}
	if !target.System {
		cell.URL = recordURL(target, r)
	}
	return cell
}
