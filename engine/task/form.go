package task

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"alur/engine/expr"
	"alur/engine/fault"
)

// maxText is how long a typed text may be.
const maxText = 10_000

// Check returns what was typed as JSON values, one for each field that was
// filled in, and Invalid with a problem per field. Texts are taken for every
// kind, as a browser sends them. What a field must hold depends on the button;
// saving asks for nothing to be complete.
func (f Form) Check(typed map[string]any, a Action) (map[string]any, error) {
	values, problems := map[string]any{}, map[string]string{}
	for _, field := range f.Fields {
		v, problem := field.read(typed[field.Name])
		switch {
		case problem != "":
			problems[field.Name] = problem
		case v != nil:
			values[field.Name] = v
		case a.Status != Open && field.Needed(a.Key):
			problems[field.Name] = field.missing(a)
		}
	}
	for name := range typed {
		if !slices.ContainsFunc(f.Fields, func(field Field) bool { return field.Name == name }) {
			problems[name] = fmt.Sprintf("This form has no field “%s”.", name)
		}
	}
	return values, fault.Fields(problems)
}

// Needed reports whether the button called action asks for a value.
func (f Field) Needed(action string) bool {
	return f.Required || slices.Contains(f.RequiredFor, action)
}

func (f Field) missing(a Action) string {
	switch {
	case !f.Required:
		return fmt.Sprintf("Fill this in to press “%s”.", a.Title)
	case f.Kind == Choice:
		return "Choose one."
	case f.Kind == YesNo:
		return "Tick this to go on."
	}
	return "Fill this in."
}

// read returns the value that v stands for, nil for nothing, or what to do
// about it.
func (f Field) read(v any) (value any, problem string) {
	text, isText := v.(string)
	text = strings.TrimSpace(text)
	if v == nil || isText && text == "" {
		return nil, ""
	}
	switch f.Kind {
	case Number, Integer:
		n, isNumber := v.(float64)
		if isText {
			parsed, err := strconv.ParseFloat(text, 64)
			n, isNumber = parsed, err == nil && !math.IsInf(parsed, 0) && !math.IsNaN(parsed)
		}
		switch {
		case f.Kind == Integer && (!isNumber || n != math.Trunc(n) || math.Abs(n) > 1<<53):
			return nil, "Write a whole number, such as 12."
		case !isNumber:
			return nil, "Write a number, such as 12.5."
		}
		return n, ""
	case Choice:
		for _, o := range f.Choices {
			if o.Value == v || isText && o.Text() == text {
				return o.Value, ""
			}
		}
		return nil, "Choose one of the list."
	case Date:
		if len(text) > len(time.DateOnly) { // a moment was sent: its day counts
			text = text[:len(time.DateOnly)]
		}
		if _, err := time.Parse(time.DateOnly, text); err != nil {
			return nil, "Write a date, such as 2026-12-24."
		}
		return text, ""
	case YesNo:
		yes, isBool := v.(bool)
		switch text {
		case "true", "on", "1":
			yes, isBool = true, true
		case "false", "off", "0":
			yes, isBool = false, true
		}
		if !isBool {
			return nil, "Choose yes or no."
		}
		if !yes && f.Required { // "I have read this" is meant to be ticked
			return nil, ""
		}
		return yes, ""
	}
	if !isText {
		return nil, "Write a text."
	}
	if utf8.RuneCountInString(text) > maxText {
		return nil, "Write at most 10,000 characters."
	}
	return strings.ReplaceAll(text, "\r\n", "\n"), ""
}

// Text is the value as a form field sends it.
func (o Option) Text() string { return plain(o.Value) }

func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// Typed is the value v of f as it stands in the input.
func (f Field) Typed(v any) string { return plain(v) }

// Shown is the value v of f for reading.
func (f Field) Shown(v any) string {
	if yes, ok := v.(bool); ok {
		if yes {
			return "Yes"
		}
		return "No"
	}
	for _, o := range f.Choices {
		if o.Value == v {
			return o.Label
		}
	}
	return plain(v)
}

// LaterRoots are the variables that are known when a button is pressed: who does
// it, what was typed, and when. The last three are their names of old.
var LaterRoots = []string{"$user", "$nForm", "$nDate", "currentUser", "currentRecord", "currentTime"}

// preset lays the values that the button a sets over those that were typed.
// They may hold variables of the step (as they were when the task was made) and
// of the decision: $user, $nForm, $nDate.now.
func (f Form) preset(a Action, typed map[string]any, user map[string]any, now time.Time) (map[string]any, error) {
	if a.Status == Open || len(a.Values) == 0 {
		return typed, nil
	}
	var t expr.Template
	if err := t.UnmarshalJSON(a.Values); err != nil {
		return nil, fmt.Errorf("values of action %s: %w", a.Key, err)
	}
	stamp := now.UTC().Format("2006-01-02T15:04:05.000Z")
	scope := expr.Vars{}
	maps.Copy(scope, f.Scope)
	maps.Copy(scope, expr.Vars{
		"$user": user, "$nForm": typed, "$nDate": map[string]any{"now": stamp},
		"currentUser": user, "currentRecord": typed, "currentTime": stamp,
	})
	v, err := t.Eval(scope)
	if err != nil {
		return nil, fmt.Errorf("values of action %s: %w", a.Key, err)
	}
	set, _ := expr.Clean(v).(map[string]any)
	out := maps.Clone(typed)
	maps.Copy(out, set)
	return out, nil
}
