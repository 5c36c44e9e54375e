package collection

import (
	"encoding/json"
	"math"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"alur/engine/value"
)

// WallClock is how a date and time without zone is written.
const WallClock = "2006-01-02 15:04:05"

// interfaceArg checks a text against what its interface promises.
func (f *Field) interfaceArg(s string) string {
	if s == "" {
		return ""
	}
	switch f.Interface {
	case "email":
		if a, err := mail.ParseAddress(s); err != nil || a.Address != s || !strings.Contains(s[strings.LastIndex(s, "@"):], ".") {
			return "Write a mail address such as ann@example.org."
		}
	case "phone":
		if !phone.MatchString(s) || !strings.ContainsAny(s, "0123456789") {
			return "Write a phone number such as +49 30 1234567."
		}
	case "url":
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return "Write an address that begins with https:// or http://."
		}
	case "color":
		if !color.MatchString(s) {
			return "Write a color such as #1677ff."
		}
	case "icon":
		if !icon.MatchString(s) {
			return "Write the name of an icon: letters, digits and -."
		}
	}
	return ""
}

var (
	phone = regexp.MustCompile(`^\+?[0-9() ./-]{3,40}$`)
	color = regexp.MustCompile(`^(#([0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})|rgba?\([0-9., %]{5,40}\))$`)
	icon  = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_-]{0,80}$`)
	clock = regexp.MustCompile(`^([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:\.[0-9]+)?)?$`)
	// uuidForm is a UUID as PostgreSQL writes it.
	uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
)

func timeArg(v any) (any, string) {
	const hint = "Write a time such as 14:30."
	s, ok := v.(string)
	if !ok {
		return nil, hint
	}
	m := clock.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return nil, hint
	}
	if m[3] == "" {
		m[3] = "00"
	}
	if len(m[1]) == 1 {
		m[1] = "0" + m[1]
	}
	return m[1] + ":" + m[2] + ":" + m[3], ""
}

// wallClockArg reads a date and time as it stands. One with an offset is an
// instant; what a clock in zone shows then counts.
func wallClockArg(v any, zone *time.Location) (any, string) {
	t, err := instant(v, time.UTC)
	if err != nil {
		return nil, "Write a date and time such as 2026-05-07 14:30."
	}
	if here, err := instant(v, zone); err == nil && here.Equal(t) { // it has an offset
		t = t.In(zone)
	}
	return t.Format(WallClock), ""
}

func uuidArg(v any) (any, string) {
	s, _ := v.(string)
	if s = strings.ToLower(strings.TrimSpace(s)); !uuidForm.MatchString(s) {
		return nil, "Write a UUID such as 0191e1ad-4b2c-7cde-8f01-23456789abcd."
	}
	return s, ""
}

// unit is how many milliseconds one of a UnixTimestamp's numbers stands for.
func (f *Field) unit() int64 {
	if f.text("accuracy") == "millisecond" {
		return 1
	}
	return 1000
}

// unixArg reads a date and time, or the number that is stored for one.
func (f *Field) unixArg(v any, zone *time.Location) (any, string) {
	if n, ok := integer(v); ok {
		if n > 8_640_000_000_000_000/f.unit() || n < -62_135_596_800_000/f.unit() {
			return nil, "Write a date and time such as 2026-05-07 14:30."
		}
		return n, ""
	}
	t, err := instant(v, zone)
	if err != nil {
		return nil, "Write a date and time such as 2026-05-07 14:30."
	}
	return t.UnixMilli() / f.unit(), ""
}

// listArg reads the values of an Array or Set: a list, JSON of one, or a single
// value.
func (f *Field) listArg(v any) (any, string) {
	if s, ok := v.(string); ok {
		parsed, _ := value.Decode([]byte(s)) // else it is one value
		if list, ok := parsed.([]any); ok {
			v = list
		}
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	if len(list) > maxList {
		return nil, "Give at most " + strconv.Itoa(maxList) + " values."
	}
	out := []any{}
	for _, item := range list {
		if item == nil {
			continue
		}
		if len(f.Enum) > 0 {
			if _, ok := f.Choice(Format(item)); !ok {
				return nil, "Choose some of the offered values."
			}
			item = Format(item)
		}
		repeated := slices.ContainsFunc(out, func(o any) bool { return Same(o, item) })
		if f.Type == Set && repeated {
			continue
		}
		out = append(out, item)
	}
	return f.jsonArg(out)
}

// maxList is how many values a list holds.
const maxList = 1000

func (f *Field) jsonArg(v any) (any, string) {
	raw, err := json.Marshal(v)
	if err != nil || strings.Contains(string(raw), `\u0000`) {
		return nil, "This cannot be stored as JSON."
	}
	if len(raw) > maxJSON {
		return nil, "This is more than 1 MB. Store less."
	}
	return string(raw), ""
}

// maxJSON is how long the JSON of one value may be, in bytes.
const maxJSON = 1 << 20

// unixValue is the instant that a stored number stands for.
func (f *Field) unixValue(n int64) any {
	if n > math.MaxInt64/f.unit() || n < math.MinInt64/f.unit() {
		return strconv.FormatInt(n, 10)
	}
	return time.UnixMilli(n * f.unit()).UTC().Format(Instant)
}

// compared is f's column as filters compare it.
func (f *Field) compared(alias string) string {
	switch {
	case f.Options["columnIsEnum"] == true:
		return f.col(alias) + "::text"
	case f.Type != UnixTimestamp:
		return f.col(alias)
	}
	return "to_timestamp(" + f.col(alias) + " / " + strconv.FormatInt(1000/f.unit(), 10) + ".0)"
}
