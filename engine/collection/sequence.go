package collection

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/adhocore/gronx"
)

// pattern is one part of a sequence's value.
type pattern struct {
	kind  string // "string", "integer", "date" or "randomChar"
	text  string // string: the text; date: the format
	field string // date: the field it is taken from; "" is the moment of making

	digits, base int
	start        int64
	cycle        string // integer: cron expression at whose times the count begins anew

	length int
	chars  string
}

const (
	maxPatterns = 20
	dateFormat  = "YYYYMMDD"
)

var charsets = map[string]string{
	"number": "0123456789", "uppercase": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "lowercase": "abcdefghijklmnopqrstuvwxyz", "symbol": "!@#$%^&*_-+",
}

// patterns reads the definition of a sequence; without patterns it is a plain
// count from 1.
func (f *Field) patterns() (list []pattern, problem string) {
	items, _ := f.Options["patterns"].([]any)
	if len(items) == 0 {
		return []pattern{{kind: "integer", digits: 1, base: 10, start: 1}}, ""
	}
	if len(items) > maxPatterns {
		return nil, fmt.Sprintf("Use at most %d parts.", maxPatterns)
	}
	for _, item := range items {
		m, _ := item.(map[string]any)
		options, _ := m["options"].(map[string]any)
		p := pattern{kind: Format(m["type"])}
		if problem = p.read(options); problem != "" {
			return nil, problem
		}
		list = append(list, p)
	}
	return list, ""
}

func (p *pattern) read(o map[string]any) (problem string) {
	text := func(name string) string { s, _ := o[name].(string); return s }
	number := func(name string, usual int) int {
		if o[name] == nil || o[name] == "" {
			return usual
		}
		return whole(o[name])
	}
	switch p.kind {
	case "string":
		if p.text = Format(o["value"]); len(p.text) > 100 {
			return "Write at most 100 characters in one part."
		}
	case "integer":
		p.digits, p.base, p.start, p.cycle = number("digits", 1), number("base", 10), int64(number("start", 0)), text("cycle")
		if p.digits < 1 || p.digits > 18 || p.base < 2 || p.base > 36 || p.start < 0 {
			return "A number needs 1 to 18 digits, a base of 2 to 36 and a start of 0 or more."
		}
		if p.cycle != "" && !gronx.IsValid(p.cycle) {
			return "Write when the count begins anew as a cron expression, such as 0 0 1 1 * for every year."
		}
	case "date":
		if p.text, p.field = text("format"), text("field"); p.text == "" {
			p.text = dateFormat
		}
		if len(p.text) > 50 {
			return "Write at most 50 characters as the format of a date."
		}
	case "randomChar":
		if p.length = number("length", 6); p.length < 1 || p.length > 32 {
			return "Use 1 to 32 random characters."
		}
		sets, _ := o["charsets"].([]any)
		for _, s := range sets {
			p.chars += charsets[Format(s)]
		}
		if p.chars == "" {
			p.chars = charsets["number"]
		}
	default:
		return "A part is of the type string, integer, date or randomChar."
	}
	return ""
}

// sequence is the next value of f. The counter's row stays locked until the
// record is written, so that no number is given twice or lost: creates of one
// collection with a sequence happen one after the other.
func (w *writer) sequence(ctx context.Context, c *Collection, f *Field, values Record) (any, error) {
	patterns, problem := f.patterns()
	if problem != "" {
		return nil, nil // the definition was checked
	}
	var b strings.Builder
	now := w.s.now()
	for i, p := range patterns {
		switch p.kind {
		case "string":
			b.WriteString(p.text)
		case "integer":
			n, err := w.count(ctx, c, f, i, p, now)
			if err != nil {
				return nil, err
			}
			digits := strings.ToUpper(strconv.FormatInt(n, p.base))
			b.WriteString(strings.Repeat("0", max(p.digits-len(digits), 0)) + digits)
		case "date":
			t := now
			if given, err := instant(values[p.field], w.a.zone()); p.field != "" && err == nil {
				t = given
			}
			b.WriteString(formatDate(t.In(w.a.zone()), p.text))
		case "randomChar":
			b.WriteString(letters(p.chars, p.length))
		}
	}
	return b.String(), nil
}

// count takes the next number of the i-th pattern. A number that outgrows its
// digits gets longer, since beginning anew would give numbers twice.
func (w *writer) count(ctx context.Context, c *Collection, f *Field, i int, p pattern, now time.Time) (n int64, err error) {
	anew := time.Unix(0, 0) // before every count
	if p.cycle != "" {
		if anew, err = gronx.PrevTickBefore(p.cycle, now.In(w.a.zone()), true); err != nil {
			return 0, fmt.Errorf("find the start of the cycle %s: %w", p.cycle, err)
		}
	}
	err = w.tx.GetContext(ctx, &n, queries.Get("count"), c.Name, f.Name, strconv.Itoa(i), now.UTC(), p.start, anew.UTC())
	return n, err
}

var dateTokens = regexp.MustCompile(`\[[^\]]*\]|YYYY|YY|MMMM|MMM|MM|M|DD|D|HH|H|mm|m|ss|s|SSS|Q`)

// formatDate writes t by a format of Day.js: "YYYY-MM-DD", "[Q]Q".
func formatDate(t time.Time, format string) string {
	return dateTokens.ReplaceAllStringFunc(format, func(token string) string {
		switch token {
		case "YYYY":
			return t.Format("2006")
		case "YY":
			return t.Format("06")
		case "MMMM":
			return t.Format("January")
		case "MMM":
			return t.Format("Jan")
		case "MM":
			return t.Format("01")
		case "M":
			return t.Format("1")
		case "DD":
			return t.Format("02")
		case "D":
			return t.Format("2")
		case "HH":
			return t.Format("15")
		case "H":
			return strconv.Itoa(t.Hour())
		case "mm":
			return t.Format("04")
		case "m":
			return t.Format("4")
		case "ss":
			return t.Format("05")
		case "s":
			return t.Format("5")
		case "SSS":
			return t.Format(".000")[1:]
		case "Q":
			return strconv.Itoa((int(t.Month())-1)/3 + 1)
		}
		return strings.Trim(token, "[]")
	})
}
