package handlers

import (
	"fmt"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"alur/engine/collection"
	"alur/views"
)

// How many values a condition takes.
const (
	noValue    = iota
	oneValue   //
	someValues // any of these
	twoValues  // from and to
	numberOf   // a number of days
)

// filterOp is a condition that people can choose for a field.
type filterOp struct {
	name  string // in forms
	text  string // "is at least"
	op    string // of the engine
	takes int
	fixed any // the operator's value when it takes none
}

var (
	opEmpty    = filterOp{name: "empty", text: "is empty", op: "$empty", fixed: true}
	opNotEmpty = filterOp{name: "filled", text: "is filled in", op: "$notEmpty", fixed: true}
)

func taking(n int, name, text, op string) filterOp {
	return filterOp{name: name, text: text, op: op, takes: n}
}

// periods are the spans of time that have a name.
var periods = []choice[string]{
	{"today", "is today", ""}, {"yesterday", "is yesterday", ""}, {"tomorrow", "is tomorrow", ""},
	{"thisWeek", "is in this week", ""}, {"lastWeek", "is in last week", ""}, {"nextWeek", "is in next week", ""},
	{"thisMonth", "is in this month", ""}, {"lastMonth", "is in last month", ""}, {"nextMonth", "is in next month", ""},
	{"thisQuarter", "is in this quarter", ""}, {"lastQuarter", "is in last quarter", ""},
	{"thisYear", "is in this year", ""}, {"lastYear", "is in last year", ""},
}

// filterOps are the conditions that fit a field.
func filterOps(f *collection.Field) []filterOp {
	switch kindOfValue(f) {
	case "one of":
		return []filterOp{taking(someValues, "in", "is any of", "$in"), taking(someValues, "notIn", "is none of", "$notIn"), opEmpty, opNotEmpty}
	case "some of":
		return []filterOp{taking(someValues, "anyOf", "has any of", "$anyOf"), taking(someValues, "noneOf", "has none of", "$noneOf"),
			{name: "empty", text: "is empty", op: "$arrayEmpty", fixed: true}, {name: "filled", text: "is filled in", op: "$arrayNotEmpty", fixed: true}}
	case "record":
		ops := []filterOp{taking(oneValue, "is", "is", "$eq"), taking(oneValue, "isNot", "is not", "$ne"), opEmpty, opNotEmpty}
		if f.Target == "users" {
			ops = append([]filterOp{{name: "me", text: "is me", op: "$eq", fixed: me}}, ops...)
		}
		return ops
	case "files":
		return []filterOp{{name: "filled", text: "has files", op: "$exists", fixed: true}, {name: "empty", text: "has none", op: "$notExists", fixed: true}}
	case "records":
		if f.Type == collection.Virtual {
			return nil
		}
		return []filterOp{{name: "filled", text: "has some", op: "$exists", fixed: true}, {name: "empty", text: "has none", op: "$notExists", fixed: true}}
	case "boolean":
		return []filterOp{{name: "yes", text: "is yes", op: "$isTruly", fixed: true}, {name: "no", text: "is no, or empty", op: "$isFalsy", fixed: true}, opEmpty}
	case "date":
		ops := []filterOp{taking(oneValue, "on", "is on", "$dateOn"), taking(oneValue, "before", "is before", "$dateBefore"), taking(oneValue, "after", "is after", "$dateAfter"),
			taking(oneValue, "from", "is on or after", "$dateNotBefore"), taking(oneValue, "until", "is on or before", "$dateNotAfter"), taking(twoValues, "between", "is between", "$dateBetween")}
		for _, p := range periods {
			ops = append(ops, filterOp{name: p.key, text: p.text, op: "$dateOn", fixed: map[string]any{"type": p.key}})
		}
		return append(ops, taking(numberOf, "past", "is in the last … days", "$dateOn"), taking(numberOf, "next", "is in the next … days", "$dateOn"), opEmpty, opNotEmpty)
	case "text":
		return []filterOp{taking(oneValue, "has", "contains", "$includes"), taking(oneValue, "hasNot", "does not contain", "$notIncludes"),
			taking(oneValue, "starts", "begins with", "$startsWith"), taking(oneValue, "ends", "ends with", "$endWith"),
			taking(oneValue, "is", "is", "$eq"), taking(oneValue, "isNot", "is not", "$ne"), opEmpty, opNotEmpty}
	case "id":
		return []filterOp{taking(oneValue, "is", "is", "$eq"), taking(oneValue, "isNot", "is not", "$ne"), opEmpty, opNotEmpty}
	case "json":
		return []filterOp{taking(oneValue, "has", "contains", "$includes"), opEmpty, opNotEmpty}
	}
	return []filterOp{taking(oneValue, "is", "is", "$eq"), taking(oneValue, "isNot", "is not", "$ne"), taking(oneValue, "min", "is at least", "$gte"), taking(oneValue, "max", "is at most", "$lte"),
		taking(oneValue, "over", "is more than", "$gt"), taking(oneValue, "under", "is less than", "$lt"), taking(twoValues, "between", "is between", "$between"), opEmpty, opNotEmpty}
}

// kindOfValue groups the types by how they are compared and shown.
func kindOfValue(f *collection.Field) string {
	switch base := f.Base(); {
	case f.HoldsFiles():
		return "files"
	case f.Type == collection.BelongsTo:
		return "record"
	case f.IsRelation(), f.Type == collection.Virtual:
		return "records"
	case f.IsList() && len(f.Enum) > 0:
		return "some of"
	case base == collection.JSON:
		return "json"
	case base == collection.Boolean:
		return "boolean"
	case base == collection.Datetime, base == collection.DatetimeNoTz, base == collection.DateOnly, base == collection.UnixTimestamp:
		return "date"
	case len(f.Enum) > 0:
		return "one of"
	case base == collection.String, base == collection.Text:
		return "text"
	case base == collection.UUID:
		return "id"
	}
	return "number"
}

func fieldIcon(f *collection.Field) string {
	switch {
	case f.HoldsFiles():
		return "file"
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

// conditionWords is a condition in words: "Status is any of New, Confirmed".
func (h *records) conditionWords(c echo.Context, u understood) (name, text string, err error) {
	name = pathTitle(u.fields)
	var values []string
	for _, v := range u.values {
		v, err := h.valueWords(c, u.field(), v)
		if err != nil {
			return "", "", err
		}
		values = append(values, v)
	}
	switch u.op.takes {
	case noValue:
		return name, u.op.text, nil
	case numberOf:
		return name, strings.Replace(u.op.text, "…", values[0], 1), nil
	case twoValues:
		return name, u.op.text + " " + strings.Join(values, " and "), nil
	}
	return name, u.op.text + " " + views.Clip(strings.Join(values, ", "), 60), nil
}

func (h *records) valueWords(c echo.Context, f *collection.Field, v string) (string, error) {
	switch kindOfValue(f) {
	case "one of", "some of":
		if choice, ok := f.Choice(v); ok {
			return choice.Label, nil
		}
	case "record":
		return h.chosen(c, f, v)
	case "date":
		if t, err := time.ParseInLocation(time.DateOnly, v, zone(c)); err == nil {
			return words(c).Date(t), nil
		}
	}
	return v, nil
}

// filterWords words a group: "Status is New or Amount is more than 5".
func (h *records) filterWords(c echo.Context, cat catalogue, n filterNode) (string, error) {
	if n.cond != nil {
		u, ok := cat.understand(*n.cond)
		if !ok {
			return "", nil
		}
		name, text, err := h.conditionWords(c, u)
		return name + " " + text, err
	}
	var parts []string
	for _, p := range n.parts {
		text, err := h.filterWords(c, cat, p)
		if err != nil {
			return "", err
		}
		if p.cond == nil && len(p.parts) > 1 && text != "" {
			text = "(" + text + ")"
		}
		if text != "" {
			parts = append(parts, text)
		}
	}
	with := " and "
	if n.any {
		with = " or "
	}
	return strings.Join(parts, with), nil
}

// filterChips are the conditions over a list, each with the way to drop it.
func (h *records) filterChips(c echo.Context, cat catalogue, st listState) ([]views.Chip, error) {
	if st.filter.any && len(st.filter.parts) > 1 { // taking one away would show less
		text, err := h.filterWords(c, cat, st.filter)
		if err != nil || text == "" {
			return nil, err
		}
		return []views.Chip{{Value: views.Clip(text, 120), Remove: st.filtered(filterNode{}).url()}}, nil
	}
	var chips []views.Chip
	for i, p := range st.filter.parts {
		chip := views.Chip{Remove: st.filtered(st.filter.without(i)).url()}
		var err error
		if p.cond != nil {
			u, ok := cat.understand(*p.cond)
			if !ok {
				continue
			}
			chip.Name, chip.Value, err = h.conditionWords(c, u)
		} else {
			chip.Value, err = h.filterWords(c, cat, p)
			chip.Value = views.Clip(chip.Value, 120)
		}
		if err != nil {
			return nil, err
		}
		if chip.Value != "" {
			chips = append(chips, chip)
		}
	}
	return chips, nil
}

// unfitWords says that conditions of an address or a view do not fit any more.
func unfitWords(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s could not be used here and %s left out.", views.Count(n, "condition", "conditions"), map[bool]string{true: "was", false: "were"}[n == 1])
}
