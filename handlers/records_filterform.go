package handlers

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"alur/engine/collection"
	"alur/views"
)

// filterFieldsMost is how many fields the filter offers, those of related records
// with them.
const filterFieldsMost = 300

// editFilter shows the form that changes the filter of a list: the list's own
// filter at first, then what was typed so far. Applied, it leads to the list.
func (h *records) editFilter(c echo.Context) error {
	coll, err := h.find(c)
	if err != nil {
		return err
	}
	v := c.QueryParams()
	st, err := h.state(c, coll, v)
	if err != nil {
		return err
	}
	fresh := condition{path: st.cat.filterable()[0].path}
	do, typed := v.Get("do"), v.Has("m")
	if typed {
		st = st.filtered(readFilterForm(v, ""))
	}
	problems := map[string]string{}
	switch {
	case do == "apply":
		if problems = st.cat.problems(st.filter, "", map[string]string{}); len(problems) == 0 {
			return c.Redirect(http.StatusSeeOther, st.url())
		}
	case do == "clear":
		return c.Redirect(http.StatusSeeOther, st.filtered(filterNode{}).url())
	case do != "":
		st.filter = st.filter.change(do, fresh)
	}
	if len(st.filter.parts) == 0 {
		st.filter.parts = []filterNode{{cond: &fresh}}
	}
	vm := views.FilterBuilder{Action: st.base + "/filter", Keep: st.hidden("filter"), Back: st.url()}
	if vm.Root, err = h.filterGroup(c, st.cat, st.filter, "", problems); err != nil {
		return err
	}
	code := http.StatusOK
	if len(problems) > 0 {
		code = http.StatusUnprocessableEntity
	}
	part := views.FilterDialog(vm)
	if typed {
		part = views.FilterForm(vm)
	}
	return render(c, code, views.FilterPage(vm), part)
}

// problems are the conditions that have a value which does not fit, by place.
// Those without any value ask nothing and are no problem.
func (cat catalogue) problems(n filterNode, at string, found map[string]string) map[string]string {
	for i, p := range n.parts {
		place := at + "." + strconv.Itoa(i)
		if p.cond == nil {
			cat.problems(p, place, found)
			continue
		}
		u, ok := cat.understand(*p.cond)
		if ok || u.fields == nil || len(u.values) == 0 {
			continue
		}
		found[place] = "Write a value that “" + u.field().Title + "” can be compared with."
		if u.op.takes == twoValues && len(u.values) != 2 {
			found[place] = "Write both values."
		}
	}
	return found
}

// filterable are the fields to filter by: those of the collection, then those of
// the records that its relations lead to.
func (cat catalogue) filterable() []column {
	var own, related []column
	for _, f := range cat.coll.Fields {
		if !cat.sees(cat.coll, f) || f.Relation != "" || len(filterOps(f)) == 0 || f.Target != "" && cat.target(f) == nil {
			continue
		}
		own = append(own, column{f.Name, []*collection.Field{f}})
		target := cat.target(f)
		if target == nil || f.ReadOnly {
			continue
		}
		for _, g := range target.Fields {
			if cat.sees(target, g) && g.Relation == "" && len(filterOps(g)) > 0 && (g.Target == "" || cat.target(g) != nil) {
				related = append(related, column{f.Name + "." + g.Name, []*collection.Field{f, g}})
			}
		}
	}
	slices.SortStableFunc(own, func(a, b column) int { // what people made first
		return map[bool]int{true: 1}[a.field().ReadOnly] - map[bool]int{true: 1}[b.field().ReadOnly]
	})
	all := append(own, related...)
	return all[:min(len(all), filterFieldsMost)]
}

func (h *records) filterGroup(c echo.Context, cat catalogue, n filterNode, at string, problems map[string]string) (views.FilterGroup, error) {
	vm := views.FilterGroup{Place: at, Any: n.any, Full: len(n.parts) >= filterMost}
	for _, r := range at {
		if r == '.' {
			vm.Depth++
		}
	}
	vm.Deepest = vm.Depth+1 >= filterDepth
	for i, p := range n.parts {
		place := at + "." + strconv.Itoa(i)
		part := views.FilterPart{Place: place}
		if p.cond == nil {
			group, err := h.filterGroup(c, cat, p, place, problems)
			if err != nil {
				return vm, err
			}
			part.Group = &group
		} else {
			cond, err := h.filterCondition(c, cat, *p.cond, place, problems[place])
			if err != nil {
				return vm, err
			}
			part.Cond = &cond
		}
		vm.Parts = append(vm.Parts, part)
	}
	return vm, nil
}

// filterCondition is the row of controls for one condition.
func (h *records) filterCondition(c echo.Context, cat catalogue, cond condition, place, problem string) (views.FilterCond, error) {
	vm := views.FilterCond{Error: problem}
	offered, there := cat.filterable(), false
	for _, col := range offered {
		group := ""
		if len(col.fields) > 1 {
			group = pathTitle(col.fields[:len(col.fields)-1])
		}
		if n := len(vm.Fields); n == 0 || vm.Fields[n-1].Title != group {
			vm.Fields = append(vm.Fields, views.OptionGroup{Title: group})
		}
		there = there || col.path == cond.path
		last := &vm.Fields[len(vm.Fields)-1]
		last.Options = append(last.Options, views.Option{Value: col.path, Text: col.title(), Selected: col.path == cond.path})
	}
	fields := cat.resolve(cond.path)
	if fields == nil {
		fields = offered[0].fields
	} else if !there {
		vm.Fields[0].Options = append(vm.Fields[0].Options, views.Option{Value: cond.path, Text: pathTitle(fields), Selected: true})
	}
	f := fields[len(fields)-1]
	ops := filterOps(f)
	at := max(slices.IndexFunc(ops, func(o filterOp) bool { return o.name == cond.op }), 0)
	for i, o := range ops {
		vm.Ops = append(vm.Ops, views.Option{Value: o.name, Text: o.text, Selected: i == at})
	}
	n := map[int]int{oneValue: 1, someValues: 1, numberOf: 1, twoValues: 2}[ops[at].takes]
	for i := range n {
		r := views.RecordField{Kind: views.KindText, Field: views.Field{Name: "v" + place, ID: "v" + place + "-" + strconv.Itoa(i),
			Attrs: templ.Attributes{"aria-label": "Value"}}}
		if i < len(cond.values) {
			r.Value = cond.values[i]
		}
		if i == 1 {
			r.Attrs = templ.Attributes{"aria-label": "Until"}
		}
		if err := h.filterValue(c, f, ops[at], cond.values, &r); err != nil {
			return vm, err
		}
		vm.Values = append(vm.Values, r)
	}
	if ops[at].takes == numberOf {
		vm.Unit = "days"
	}
	return vm, nil
}

// filterValue makes the control for the value of a condition.
func (h *records) filterValue(c echo.Context, f *collection.Field, op filterOp, values []string, r *views.RecordField) error {
	switch kind := kindOfValue(f); {
	case op.takes == numberOf:
		r.InputMode, r.Num = "numeric", true
	case op.takes == someValues:
		r.Kind = views.KindChecks
		for _, choice := range f.Enum {
			r.Options = append(r.Options, views.Option{Value: choice.Value, Text: choice.Label, Selected: slices.Contains(values, choice.Value)})
		}
	case kind == "record":
		return h.picker(c, f, r, r.Value, "")
	case kind == "date":
		r.Type = "date"
	case f.Base() == collection.Time:
		r.Type = "time"
	case kind == "number":
		r.InputMode, r.Num = "decimal", true
	}
	return nil
}
