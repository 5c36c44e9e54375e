package collection

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"alur/engine/value"
)

// Instant is how an instant is written: UTC with milliseconds.
const Instant = "2006-01-02T15:04:05.000Z"

const maxSafe = 1<<53 - 1 // the largest integer that a float64 holds exactly with all below

// number reads a JSON number, an integer of Go or a number in text.
func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, !math.IsNaN(n) && !math.IsInf(n, 0)
	case int64:
		return float64(n), true
	case int:
		return float64(n), true
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	case string:
		f, err := strconv.ParseFloat(strings.TrimSpace(n), 64)
		return f, err == nil && !math.IsInf(f, 0) && !math.IsNaN(f)
	}
	return 0, false
}

// integer reads a whole number without losing digits.
func integer(v any) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return n, true
	case int:
		return int64(n), true
	case string:
		if i, err := strconv.ParseInt(strings.TrimSpace(n), 10, 64); err == nil {
			return i, true
		}
	case json.Number:
		if i, err := n.Int64(); err == nil {
			return i, true
		}
	}
	f, ok := number(v)
	if !ok || f != math.Trunc(f) || math.Abs(f) > 1<<62 {
		return 0, false
	}
	return int64(f), true
}

// exact reads a decimal number without losing digits.
func exact(v any) (decimal.Decimal, bool) {
	switch n := v.(type) {
	case string:
		if len(n) > 200 {
			return decimal.Zero, false
		}
		d, err := decimal.NewFromString(strings.TrimSpace(n))
		return d, err == nil && d.Exponent() < 1000 && d.Exponent() > -1000
	case json.Number:
		return exact(n.String())
	case float64:
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return decimal.Zero, false
		}
		return decimal.NewFromFloat(n), true
	}
	i, ok := integer(v)
	return decimal.NewFromInt(i), ok
}

// Format words a value as JavaScript would turn it into text; nil is "".
func Format(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case bool:
		return strconv.FormatBool(x)
	case float64:
		if x == math.Trunc(x) && math.Abs(x) < 1e21 {
			return strconv.FormatFloat(x, 'f', -1, 64)
		}
		return strconv.FormatFloat(x, 'g', -1, 64)
	case int64:
		return strconv.FormatInt(x, 10)
	case int:
		return strconv.Itoa(x)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

// arg turns a JSON value into what the driver sends for f; problem says, as an
// instruction, what is wrong with it. nil stays nil.
func (f *Field) arg(v any, zone *time.Location) (arg any, problem string) {
	if v == nil {
		return nil, ""
	}
	if s, ok := v.(string); ok && s == "" && f.Type != String && f.Type != Text && f.Type != JSON {
		return nil, ""
	}
	switch f.Base() {
	case String, Text:
		return f.textArg(v)
	case Integer, BigInt:
		return f.integerArg(v)
	case Double:
		n, ok := number(v)
		if !ok {
			return nil, "Write a number."
		}
		return n, f.bounds(n, "a number")
	case Decimal:
		return f.decimalArg(v)
	case Boolean:
		return booleanArg(v)
	case Datetime:
		t, err := instant(v, zone)
		if err != nil {
			return nil, "Write a date and time such as 2026-05-07 14:30."
		}
		return t.UTC().Format(Instant), ""
	case DateOnly:
		return dateArg(v, zone)
	case DatetimeNoTz:
		return wallClockArg(v, zone)
	case Time:
		return timeArg(v)
	case UnixTimestamp:
		return f.unixArg(v, zone)
	case UUID:
		return uuidArg(v)
	case JSON:
		if f.IsList() {
			return f.listArg(v)
		}
		return f.jsonArg(v)
	}
	return nil, "This field cannot be written."
}

func (f *Field) textArg(v any) (any, string) {
	switch v.(type) {
	case map[string]any, []any:
		return nil, "Write text, not a list or an object."
	}
	s := Format(v)
	if strings.ContainsRune(s, 0) || !utf8.ValidString(s) {
		return nil, "Remove the characters that are not text."
	}
	if f.Options["trim"] == true {
		s = strings.TrimSpace(s)
	}
	if len(f.Enum) > 0 {
		if s == "" {
			return nil, ""
		}
		if _, ok := f.Choice(s); !ok {
			return nil, "Choose one of the offered values."
		}
	}
	if longest := f.longest(); longest > 0 && utf8.RuneCountInString(s) > longest {
		return nil, fmt.Sprintf("Write at most %d characters.", longest)
	}
	if problem := f.interfaceArg(s); problem != "" {
		return nil, problem
	}
	return s, f.ruled(s)
}

// longest is how many characters fit; 0: any number.
func (f *Field) longest() int {
	switch {
	case f.Length > 0:
		return f.Length
	case f.Base() == String:
		return 255
	}
	return 0
}

func (f *Field) integerArg(v any) (any, string) {
	i, ok := integer(v)
	if !ok {
		return nil, f.numberHint("a whole number")
	}
	if f.Base() == Integer && (i > math.MaxInt32 || i < math.MinInt32) {
		return nil, "Write a whole number between −2147483648 and 2147483647."
	}
	return i, f.bounds(float64(i), "a whole number")
}

func (f *Field) decimalArg(v any) (any, string) {
	d, ok := exact(v)
	if !ok {
		return nil, f.numberHint("a number")
	}
	if f.Precision > 0 {
		d = d.Round(int32(f.Scale))
		if d.Abs().Cmp(decimal.New(1, int32(f.Precision-f.Scale))) >= 0 {
			return nil, fmt.Sprintf("Write a number with at most %d digits before the point.", f.Precision-f.Scale)
		}
	}
	return d.String(), f.bounds(d.InexactFloat64(), "a number")
}

func (f *Field) bounds(n float64, what string) string {
	if f.Min != nil && n < *f.Min || f.Max != nil && n > *f.Max {
		return f.numberHint(what)
	}
	return f.ruled(n)
}

func (f *Field) numberHint(what string) string {
	switch {
	case f.Min != nil && f.Max != nil:
		return fmt.Sprintf("Write %s from %s to %s.", what, Format(*f.Min), Format(*f.Max))
	case f.Min != nil:
		return fmt.Sprintf("Write %s of %s or more.", what, Format(*f.Min))
	case f.Max != nil:
		return fmt.Sprintf("Write %s of %s or less.", what, Format(*f.Max))
	}
	return "Write " + what + "."
}

func booleanArg(v any) (any, string) {
	switch Format(v) {
	case "true", "1", "on", "yes":
		return true, ""
	case "false", "0", "off", "no":
		return false, ""
	}
	return nil, "Choose yes or no."
}

func dateArg(v any, zone *time.Location) (any, string) {
	const hint = "Write a date such as 2026-05-07."
	s, ok := v.(string)
	if !ok {
		return nil, hint
	}
	s = strings.TrimSpace(s)
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		if t.Year() < 1 {
			return nil, hint
		}
		return s, ""
	}
	t, err := instant(s, zone)
	if err != nil {
		return nil, hint
	}
	return t.Format(time.DateOnly), ""
}

// instantForms are the ways to write an instant, with and without zone.
var instantForms = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700", "2006-01-02T15:04Z07:00",
	"2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999-07",
	"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04",
	time.DateOnly,
}

// instant reads an ISO date and time, or milliseconds since 1970. Without an
// offset it is meant in zone.
func instant(v any, zone *time.Location) (time.Time, error) {
	switch x := v.(type) {
	case time.Time:
		return x, nil
	case float64:
		if math.Abs(x) > 8.64e15 {
			return time.Time{}, fmt.Errorf("%v is out of range", x)
		}
		return time.UnixMilli(int64(x)).UTC(), nil
	case int64:
		return time.UnixMilli(x).UTC(), nil
	case string:
		for _, form := range instantForms {
			t, err := time.ParseInLocation(form, strings.TrimSpace(x), zone)
			if err == nil && t.Year() > 0 && t.Year() < 10000 {
				return t, nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("%v is no date and time", v)
}

// value turns what the driver scanned for f into a JSON value.
func (f *Field) value(v any) any {
	switch x := v.(type) {
	case int64:
		if f.Type == UnixTimestamp {
			return f.unixValue(x)
		}
		if x > maxSafe || x < -maxSafe {
			return strconv.FormatInt(x, 10)
		}
		return float64(x)
	case time.Time:
		switch f.Type {
		case DateOnly:
			return x.Format(time.DateOnly)
		case DatetimeNoTz:
			return x.Format(WallClock)
		case Time:
			return x.Format(time.TimeOnly)
		}
		return x.UTC().Format(Instant)
	case []byte:
		switch f.Base() {
		case JSON:
			if out, err := value.Decode(x); err == nil {
				return out
			}
		case Decimal:
			return decimalValue(string(x))
		}
		return string(x)
	}
	return v
}

// decimalValue gives a number when 15 digits hold it, else text.
func decimalValue(s string) any {
	digits := 0
	for _, r := range strings.TrimLeft(s, "-0.") {
		if r >= '0' && r <= '9' {
			digits++
		}
	}
	if digits <= 15 {
		if n, err := strconv.ParseFloat(s, 64); err == nil && !math.IsNaN(n) {
			return n
		}
	}
	return s
}

// Same reports whether a and b, values of one field, are equal.
func Same(a, b any) bool {
	switch x := a.(type) {
	case nil, bool, float64, string:
		return a == b
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k := range x {
			other, there := y[k]
			if !there || !Same(x[k], other) {
				return false
			}
		}
		return true
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !Same(x[i], y[i]) {
				return false
			}
		}
		return true
	}
	return false
}
