package handlers

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"alur/engine/collection"
	"alur/engine/fault"
	"alur/views"
)

// filterOp is a condition that people can choose for a field.
type filterOp struct {
	name  string // in the address
	text  string // "is at least"
	op    string // of the engine
	takes bool   // needs a value
	fixed any    // the operator's value when it takes none
}

var (
	opEmpty    = filterOp{name: "empty", text: "is empty", op: "$empty", fixed: true}
	opNotEmpty = filterOp{name: "filled", text: "is filled in", op: "$notEmpty", fixed: true}
)

func taking(name, text, op string) filterOp {
	return filterOp{name: name, text: text, op: op, takes: true}
}

// filterOps are the conditions that fit a field.
func filterOps(f *collection.Field) []filterOp {
	within := func(name, text string) filterOp {
		return filterOp{name: name, text: text, op: "$dateOn", fixed: map[string]any{"type": name}}
	}
	switch {
	case len(f.Enum) > 0:
		return []filterOp{taking("in", "is any of", "$in"), taking("notIn", "is none of", "$notIn"), opEmpty, opNotEmpty}
	case f.Type == collection.BelongsTo:
		return []filterOp{taking("is", "is", "$eq"), taking("isNot", "is not", "$ne"), opEmpty, opNotEmpty}
	case f.IsRelation():
		return []filterOp{{name: "filled", text: "has some", op: "$exists", fixed: true}, {name: "empty", text: "has none", op: "$notExists", fixed: true}}
	case f.Type == collection.Boolean:
		return []filterOp{{name: "yes", text: "is yes", op: "$isTruly", fixed: true}, {name: "no", text: "is no, or empty", op: "$isFalsy", fixed: true}, opEmpty}
	case f.Type == collection.Datetime, f.Type == collection.DateOnly:
		return []filterOp{taking("on", "is on", "$dateOn"), taking("before", "is before", "$dateBefore"), taking("after", "is after", "$dateAfter"),
			within("today", "is today"), within("thisWeek", "is in this week"), within("lastWeek", "is in last week"), within("nextWeek", "is in next week"),
			within("thisMonth", "is in this month"), within("lastMonth", "is in last month"), within("thisYear", "is in this year"), opEmpty, opNotEmpty}
	case f.Type == collection.String, f.Type == collection.Text:
		return []filterOp{taking("has", "contains", "$includes"), taking("hasNot", "does not contain", "$notIncludes"), taking("starts", "begins with", "$startsWith"),
			taking("is", "is", "$eq"), taking("isNot", "is not", "$ne"), opEmpty, opNotEmpty}
	case f.Type == collection.JSON:
		return []filterOp{taking("has", "contains", "$includes"), opEmpty, opNotEmpty}
	}
	return []filterOp{taking("is", "is", "$eq"), taking("isNot", "is not", "$ne"), taking("min", "is at least", "$gte"), taking("max", "is at most", "$lte"),
		taking("over", "is more than", "$gt"), taking("under", "is less than", "$lt"), opEmpty, opNotEmpty}
}

// condition is one entry of the address, understood.
type condition struct {
	at    int // its place in listState.where
	field *collection.Field
	op    filterOp
	value string
}

// conditions understands the entries of an address; those that do not fit the
// collection (any more) are left out.
func conditions(coll *collection.Collection, where []string) []condition {
	var list []condition
	for i, w := range where {
		if cond, ok := parseCondition(coll, w); ok {
			cond.at = i
			list = append(list, cond)
		}
	}
	return list
}

func parseCondition(coll *collection.Collection, w string) (condition, bool) {
	parts := strings.SplitN(w, ".", 3)
	if len(parts) < 2 {
		return condition{}, false
	}
	f := coll.Field(parts[0])
	if f == nil || f.Hidden {
		return condition{}, false
	}
	ops := filterOps(f)
	i := slices.IndexFunc(ops, func(o filterOp) bool { return o.name == parts[1] })
	if i < 0 || ops[i].takes != (len(parts) == 3) {
		return condition{}, false
	}
	cond := condition{field: f, op: ops[i]}
	if ops[i].takes {
		cond.value = parts[2]
	}
	return cond, cond.fits()
}

// fits reports whether the value is one that the field can be compared with.
func (cond condition) fits() bool {
	if !cond.op.takes {
		return true
	}
	if cond.value == "" || len(cond.value) > 500 {
		return false
	}
	return collection.Comparable(cond.field, cond.op.op, cond.operand()) == nil
}

func (cond condition) operand() any {
	switch {
	case !cond.op.takes:
		return cond.op.fixed
	case len(cond.field.Enum) > 0:
		list := []any{}
		for v := range strings.SplitSeq(cond.value, ",") {
			list = append(list, v)
		}
		return list
	}
	return cond.value
}

func (cond condition) filter() any {
	return map[string]any{cond.field.Name: map[string]any{cond.op.op: cond.operand()}}
}

// newCondition makes an entry for the address; "" when there is nothing to
// filter by.
func newCondition(coll *collection.Collection, field, op string, values []string) string {
	w := field + "." + op
	for _, takes := range []bool{false, true} {
		if takes {
			w += "." + strings.TrimSpace(strings.Join(values, ","))
		}
		if _, ok := parseCondition(coll, w); ok {
			return w
		}
	}
	return ""
}

// conditionWords is a condition on a chip: "is any of New, Confirmed".
func (h *records) conditionWords(c echo.Context, cond condition) (string, error) {
	if !cond.op.takes {
		return cond.op.text, nil
	}
	f, value := cond.field, cond.value
	switch {
	case len(f.Enum) > 0:
		var labels []string
		for v := range strings.SplitSeq(value, ",") {
			labels = append(labels, fieldWords(words(c), f, v))
		}
		value = strings.Join(labels, ", ")
	case f.Type == collection.BelongsTo:
		p, err := h.chosen(c, f, value)
		if err != nil {
			return "", err
		}
		value = p
	case f.Type == collection.Datetime, f.Type == collection.DateOnly:
		if t, err := time.ParseInLocation(time.DateOnly, value, zone(c)); err == nil {
			value = words(c).Date(t)
		}
	}
	return cond.op.text + " " + views.Clip(value, 60), nil
}

// filterLinks lead to the form of a condition for each field.
func filterLinks(coll *collection.Collection, st listState) []views.Link {
	var links []views.Link
	for _, f := range coll.Fields {
		if f.Hidden || f.Relation != "" {
			continue
		}
		v := st.values()
		v.Set("field", f.Name)
		links = append(links, views.Link{Text: f.Title, URL: address(st.base+"/filter", v), Icon: fieldIcon(f)})
	}
	return links
}

func fieldIcon(f *collection.Field) string {
	switch {
	case f.IsRelation():
		return "relation"
	case len(f.Enum) > 0, f.IsList():
		return "list"
	case f.Type == collection.Password:
		return "lock"
	case f.Type == collection.Formula:
		return "calc"
	}
	switch f.Base() {
	case collection.String, collection.Text, collection.UUID, collection.Virtual:
		return "text"
	case collection.Boolean:
		return "toggle"
	case collection.Datetime, collection.DatetimeNoTz, collection.UnixTimestamp, collection.DateOnly, collection.Time:
		return "calendar"
	case collection.JSON:
		return "braces"
	}
	return "number"
}

// askFilter asks for a condition on one field.
func (h *records) askFilter(c echo.Context) error {
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	f := coll.Field(c.QueryParam("field"))
	if f == nil || f.Hidden {
		return fault.New(fault.NotFound, fmt.Sprintf("“%s” has no such field.", coll.Title))
	}
	st := stateOf(c, recordsPath(coll.Name))
	vm := views.FilterForm{Title: "Filter by " + f.Title, Action: st.base, Keep: st.hidden(""), Field: f.Name, Back: st.url()}
	takes := false
	for _, op := range filterOps(f) {
		vm.Ops = append(vm.Ops, views.Option{Value: op.name, Text: op.text})
		takes = takes || op.takes
	}
	vm.Value = views.RecordField{Kind: views.KindNone}
	if takes {
		if vm.Value, err = h.filterControl(c, f); err != nil {
			return err
		}
	}
	return render(c, http.StatusOK, views.FilterPage(vm), views.FilterDialog(vm))
}

// filterControl is the control for the value of a condition.
func (h *records) filterControl(c echo.Context, f *collection.Field) (views.RecordField, error) {
	r := views.RecordField{Kind: views.KindText, Field: views.Field{Name: "value", Label: "Value"}}
	switch {
	case len(f.Enum) > 0:
		r.Kind, r.Multiple, r.Label = views.KindChecks, true, "Values"
		for _, choice := range f.Enum {
			r.Options = append(r.Options, views.Option{Value: choice.Value, Text: choice.Label})
		}
	case f.Type == collection.BelongsTo:
		if err := h.picker(c, f, &r, "", ""); err != nil {
			return r, err
		}
		r.Note = ""
	case f.Type == collection.Datetime, f.Type == collection.DateOnly:
		r.Type = "date"
	case fieldIcon(f) == "number":
		r.InputMode, r.Num = "decimal", true
	}
	return r, nil
}
