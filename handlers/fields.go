package handlers

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"alur/engine/collection"
	"alur/engine/value"
	"alur/views"
)

// This file turns values of fields into what people see and type, and back, by
// the field's type: one function for each direction.

const (
	localTime = "2006-01-02T15:04:05" // of controls for a date and time
	shownList = ", "                  // between the values of a list
)

// instants reports whether f holds moments, which everybody sees in their own
// zone.
func instants(f *collection.Field) bool {
	return f.Base() == collection.Datetime || f.Type == collection.UnixTimestamp
}

// percent reports whether f shows 0.25 as 25.
func percent(f *collection.Field) bool { return f.Interface == "percent" }

// silent reports whether the control of f sends nothing when nothing is chosen.
func silent(f *collection.Field) bool {
	return f.Type == collection.Boolean || f.IsList() && len(f.Enum) > 0 || f.HoldsFiles()
}

// typedText is what was typed for a field; the values of a list are one a line.
func typedText(form url.Values, f *collection.Field) string {
	text := strings.ReplaceAll(strings.Join(form[f.Name], "\n"), "\r\n", "\n")
	if f.Type == collection.Text || f.Type == collection.String {
		return text
	}
	return strings.TrimSpace(text)
}

// parseTyped turns the text of a control into a value for the store.
func parseTyped(w views.Words, f *collection.Field, typed string) (v any, problem string) {
	switch {
	case f.Type == collection.Boolean:
		return typed == "true", ""
	case strings.TrimSpace(typed) == "":
		return nil, ""
	case f.HoldsFiles():
		ids := strings.Fields(typed)
		if f.ToOne() { // the last one takes the place of the others
			return ids[len(ids)-1], ""
		}
		return anyOf(ids), ""
	case f.IsList():
		list := []any{}
		for line := range strings.Lines(typed) {
			if line = strings.TrimSpace(line); line != "" {
				list = append(list, line)
			}
		}
		return list, ""
	case f.Type == collection.JSON:
		v, err := value.Decode([]byte(typed))
		if err != nil {
			return nil, `Write JSON, such as {"size": 3} or ["a", "b"].`
		}
		if n := value.Overflow([]byte(typed)); n != "" {
			return nil, fmt.Sprintf("The number %s is too large. Write it in quotes.", views.Clip(n, 40))
		}
		return v, ""
	case instants(f):
		for _, form := range []string{localTime, "2006-01-02T15:04"} {
			if t, err := time.ParseInLocation(form, typed, w.Today().Location()); err == nil {
				return t.UTC().Format(collection.Instant), ""
			}
		}
	case percent(f):
		d, err := decimal.NewFromString(strings.TrimSpace(strings.TrimSuffix(typed, "%")))
		if err != nil {
			return nil, "Write a number."
		}
		return d.Shift(-2).String(), ""
	}
	return typed, ""
}

// formText is the text of the control for value v.
func formText(w views.Words, f *collection.Field, v any) string {
	if v == nil {
		return ""
	}
	text := collection.Format(v)
	switch {
	case f.HoldsFiles():
		return strings.Join(fileIDs(v), "\n")
	case instants(f):
		if t, err := time.Parse(collection.Instant, text); err == nil {
			return t.In(w.Today().Location()).Format(localTime)
		}
	case f.Type == collection.DatetimeNoTz:
		return strings.Replace(text, " ", "T", 1)
	case f.IsList():
		return strings.Join(listTexts(v), "\n")
	case f.Base() == collection.JSON:
		if raw, err := json.MarshalIndent(v, "", "  "); err == nil {
			return string(raw)
		}
	case f.Type == collection.BelongsTo:
		if rec, ok := v.(collection.Record); ok {
			return collection.Format(rec["id"])
		}
	case f.Base() == collection.Boolean:
		if v == true || v == "true" {
			return "true"
		}
		return ""
	case percent(f):
		if d, err := decimal.NewFromString(text); err == nil {
			return d.Shift(2).String()
		}
	}
	return text
}

// listTexts are the values of a list; a single value is a list of one.
func listTexts(v any) []string {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var texts []string
	for _, item := range list {
		texts = append(texts, collection.Format(item))
	}
	return texts
}

// widget makes r, whose Value is set, the control that fits f. Relations have
// controls of their own.
func widget(f *collection.Field, r *views.RecordField) {
	r.Kind = views.KindText
	switch {
	case f.IsList() && len(f.Enum) > 0:
		r.Kind, r.Multiple, r.Options = views.KindChecks, true, choicesOf(f)
		for i, o := range r.Options {
			r.Options[i].Selected = strings.Contains("\n"+r.Value+"\n", "\n"+o.Value+"\n")
		}
	case f.IsList():
		r.Kind, r.Rows = views.KindArea, 4
		addHelp(r, "One value a line.")
	case len(f.Enum) > 0 && f.Interface == "radioGroup":
		r.Kind, r.Options = views.KindChecks, choiceOptions(f)
	case len(f.Enum) > 0:
		r.Kind, r.Width, r.Options = views.KindSelect, "w-3", choiceOptions(f)
	case f.Type == collection.Text && f.Interface != "url":
		r.Kind, r.Rows = views.KindArea, 4
		switch f.Interface {
		case "markdown", "richText":
			r.Rows = 8
		}
	case f.Base() == collection.JSON:
		r.Kind, r.Rows, r.Mono = views.KindArea, 5, true
	case f.Base() == collection.Boolean:
		r.Kind, r.Checked = views.KindCheck, r.Value == "true"
	case instants(f), f.Type == collection.DatetimeNoTz:
		r.Type, r.Width = "datetime-local", "w-3"
		r.Attrs = map[string]any{"step": "1"}
	case f.Type == collection.DateOnly:
		r.Type, r.Width = "date", "w-3"
	case f.Type == collection.Time:
		r.Type, r.Width = "time", "w-3"
		r.Attrs = map[string]any{"step": "1"}
	case f.Type == collection.Password:
		r.Type, r.Complete, r.Value, r.Width = "password", "new-password", "", "w-3"
		addHelp(r, "Never shown. Leave it empty to keep the one that is stored.")
	case f.Base() == collection.Integer, f.Base() == collection.BigInt:
		r.InputMode, r.Num, r.Width = "numeric", true, "w-3"
	case f.Base() == collection.Decimal, f.Base() == collection.Double:
		r.InputMode, r.Num, r.Width = "decimal", true, "w-3"
		if percent(f) {
			r.Label += " (%)"
		}
	default:
		textWidget(f, r)
	}
	if made := madeWords(f); made != "" && r.Value == "" {
		r.Placeholder = made
	}
}

// textWidget is the control for a line of text.
func textWidget(f *collection.Field, r *views.RecordField) {
	switch f.Interface {
	case "email":
		r.Type, r.InputMode = "email", "email"
	case "phone":
		r.Type, r.InputMode, r.Width = "tel", "tel", "w-3"
	case "url":
		r.Type, r.InputMode, r.Placeholder = "url", "url", "https://"
	case "color":
		r.Mono, r.Width, r.Placeholder = true, "w-3", "#1677ff"
	}
	if f.Type != collection.String && f.Type != collection.Text { // ids and numbers
		r.Mono, r.Width = true, "w-3"
	}
}

// madeWords says that we fill a field in that is left empty; "" when we do not.
func madeWords(f *collection.Field) string {
	switch f.Type {
	case collection.UID, collection.NanoID, collection.UUID, collection.SnowflakeID:
		if f.Options["autoFill"] == false {
			return ""
		}
	case collection.Sequence, collection.Sort:
	default:
		return ""
	}
	return "Filled in when it is saved"
}

func addHelp(r *views.RecordField, text string) {
	if r.Help == "" {
		r.Help = text
	}
}

func choicesOf(f *collection.Field) []views.Option {
	options := []views.Option{}
	for _, choice := range f.Enum {
		options = append(options, views.Option{Value: choice.Value, Text: choice.Label})
	}
	return options
}

// choiceOptions are the choices of one, with one for none.
func choiceOptions(f *collection.Field) []views.Option {
	if f.Required && f.Default != nil {
		return choicesOf(f)
	}
	none := "–"
	if f.Interface == "radioGroup" {
		none = "None"
	}
	return append([]views.Option{{Text: none}}, choicesOf(f)...)
}

// choiceStates gives choices with a color the look of a state, so that the color
// does not speak alone.
var choiceStates = map[string]string{
	"green": views.Completed, "lime": views.Completed, "red": views.Error, "magenta": views.Rejected, "volcano": views.Failed,
	"orange": views.Waiting, "gold": views.Waiting, "yellow": views.Waiting, "blue": views.Running, "geekblue": views.Running,
	"cyan": views.Running, "purple": views.Rejected, "default": views.Queued, "grey": views.Queued, "gray": views.Queued,
}

// cellClass is the class of cells with values of f.
func cellClass(f *collection.Field) string {
	class := ""
	switch f.Base() {
	case collection.Integer, collection.BigInt, collection.Decimal, collection.Double:
		if f.Name == "id" {
			return "nowrap"
		}
		return "num"
	case collection.Datetime, collection.UnixTimestamp, collection.DatetimeNoTz, collection.DateOnly, collection.Time, collection.Boolean:
		class = "nowrap"
	}
	switch f.Type {
	case collection.Sequence, collection.UID, collection.NanoID:
		class = "nowrap"
	}
	if f.ReadOnly {
		return "nowrap hide-m"
	}
	return class
}

// fieldCell words a value of f for a cell of a table. Relations are worded by
// their records; the caller does that.
func fieldCell(w views.Words, f *collection.Field, v any) views.Cell {
	cell := views.Cell{Label: f.Title, Text: views.Clip(fieldWords(w, f, v), 80)}
	if v == nil {
		return cell
	}
	text := collection.Format(v)
	if instants(f) {
		if t, err := time.Parse(collection.Instant, text); err == nil {
			cell.Moment, cell.Text = w.Moment(t, w.When(t)), ""
		}
	}
	if choice, ok := f.Choice(text); ok {
		cell.Tag, cell.State = true, choiceStates[choice.Color]
	}
	switch f.Interface {
	case "url":
		if u, err := url.Parse(text); err == nil && (u.Scheme == "http" || u.Scheme == "https") {
			cell.URL = text
		}
	case "email":
		cell.URL = "mailto:" + text
	}
	return cell
}

// fieldWords words a value of f for people. Instants stay as they are stored:
// [fieldCell] makes a [views.Moment] of them.
func fieldWords(w views.Words, f *collection.Field, v any) string {
	if v == nil {
		return ""
	}
	text := collection.Format(v)
	switch f.Base() {
	case collection.Boolean:
		if v == true {
			return "Yes"
		}
		return "No"
	case collection.DateOnly:
		if t, err := time.ParseInLocation(time.DateOnly, text, w.Today().Location()); err == nil {
			return w.Date(t)
		}
	case collection.DatetimeNoTz:
		if t, err := time.ParseInLocation(collection.WallClock, text, w.Today().Location()); err == nil {
			return w.Exact(t)
		}
	case collection.Time:
		return strings.TrimSuffix(text, ":00")
	case collection.Decimal, collection.Double, collection.Integer:
		return numberWords(f, text)
	case collection.JSON:
		if f.IsList() {
			return listWords(f, v)
		}
	default:
		if choice, ok := f.Choice(text); ok {
			return choice.Label
		}
	}
	return text
}

func numberWords(f *collection.Field, text string) string {
	d, err := decimal.NewFromString(text)
	switch {
	case err == nil && percent(f):
		return views.Decimal(d.Shift(2).String()) + " %"
	case err == nil && f.Base() == collection.Decimal && f.Precision > 0:
		return views.Decimal(d.StringFixed(int32(f.Scale)))
	}
	return views.Decimal(text)
}

func listWords(f *collection.Field, v any) string {
	texts := listTexts(v)
	for i, text := range texts {
		if choice, ok := f.Choice(text); ok {
			texts[i] = choice.Label
		}
	}
	return strings.Join(texts, shownList)
}

// exactWords is fieldWords for places without room for a [views.Moment].
func exactWords(w views.Words, f *collection.Field, v any) string {
	text := fieldWords(w, f, v)
	if instants(f) && v != nil {
		if t, err := time.Parse(collection.Instant, text); err == nil {
			return w.Exact(t)
		}
	}
	return text
}
