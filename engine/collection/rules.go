package collection

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// rule is one condition of a field's validation.
type rule struct {
	name    string
	n       float64        // of rules with a number
	pattern *regexp.Regexp // of "pattern"
	message string         // somebody's own words; "" for ours
}

// ruleNumbers are the rules that need a number.
var ruleNumbers = []string{"min", "max", "length", "minLength", "maxLength", "greater", "less", "multiple", "precision"}

// ruleWords are the rules without a value.
var ruleWords = []string{"email", "url", "uri", "uuid", "integer", "positive", "negative", "uppercase", "lowercase", "alphanum", "required"}

// setRules reads the validation of f: {"rules": [{"name": "max", "args": {"limit":
// 10}}]}, or shorter {"max": 10}. It returns what is wrong with it.
func (f *Field) setRules() (problem string) {
	f.rules = nil
	v, ok := f.Options["validation"].(map[string]any)
	if !ok {
		if f.Options["validation"] != nil {
			return "Write the rules as an object."
		}
		return ""
	}
	list, long := v["rules"].([]any)
	if !long {
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if name != "type" {
				list = append(list, map[string]any{"name": name, "args": v[name]})
			}
		}
	}
	if len(list) > 50 {
		return "Give at most 50 rules."
	}
	for _, item := range list {
		m, _ := item.(map[string]any)
		r, problem := newRule(m)
		if problem != "" {
			return problem
		}
		if r.name != "" {
			f.rules = append(f.rules, r)
		}
	}
	return ""
}

// newRule reads one rule; one without a name is none.
func newRule(m map[string]any) (r rule, problem string) {
	r.name, _ = m["name"].(string)
	r.message, _ = m["message"].(string)
	args, isObject := m["args"].(map[string]any)
	arg := m["args"]
	if isObject {
		for _, key := range []string{"limit", "base", "regex", "value"} {
			if args[key] != nil {
				arg = args[key]
			}
		}
	}
	switch {
	case slices.Contains(ruleNumbers, r.name):
		n, ok := number(arg)
		if !ok {
			return r, fmt.Sprintf("The rule “%s” needs a number.", r.name)
		}
		r.n = n
	case r.name == "pattern":
		text, _ := arg.(string)
		if strings.HasPrefix(text, "/") && strings.LastIndex(text, "/") > 0 {
			text = text[1:strings.LastIndex(text, "/")]
		}
		if len(text) > 1000 {
			return r, "The pattern is longer than 1000 characters. Write a shorter one."
		}
		p, err := regexp.Compile(text)
		if err != nil || text == "" {
			return r, "The pattern cannot be understood. Write a regular expression in RE2 syntax, without look-ahead."
		}
		r.pattern = p
	case slices.Contains(ruleWords, r.name):
		if arg == false {
			return rule{}, ""
		}
	default:
		return r, fmt.Sprintf("There is no rule “%s”.", short(r.name))
	}
	return r, ""
}

// ruled says what of the rules v breaks; v is text or a number.
func (f *Field) ruled(v any) string {
	for _, r := range f.rules {
		problem := ""
		switch x := v.(type) {
		case string:
			if x != "" || r.name == "required" {
				problem = r.text(x)
			}
		case float64:
			problem = r.number(x)
		}
		if problem != "" && r.message != "" {
			return r.message
		}
		if problem != "" {
			return problem
		}
	}
	return ""
}

func (r rule) text(s string) string {
	n := float64(utf8.RuneCountInString(s))
	switch {
	case (r.name == "min" || r.name == "minLength") && n < r.n:
		return fmt.Sprintf("Write at least %s characters.", Format(r.n))
	case (r.name == "max" || r.name == "maxLength") && n > r.n:
		return fmt.Sprintf("Write at most %s characters.", Format(r.n))
	case r.name == "length" && n != r.n:
		return fmt.Sprintf("Write exactly %s characters.", Format(r.n))
	case r.name == "pattern" && !r.pattern.MatchString(s):
		return fmt.Sprintf("This does not fit the pattern %s.", short(r.pattern.String()))
	case r.name == "uppercase" && s != strings.ToUpper(s):
		return "Write capital letters only."
	case r.name == "lowercase" && s != strings.ToLower(s):
		return "Write small letters only."
	case r.name == "alphanum" && strings.ContainsFunc(s, notAlphanumeric):
		return "Write letters and digits only."
	case r.name == "required" && s == "":
		return "Fill this in."
	case r.name == "uuid":
		_, problem := uuidArg(s)
		return problem
	case r.name == "email", r.name == "url":
		return (&Field{Interface: r.name}).interfaceArg(s)
	case r.name == "uri":
		return (&Field{Interface: "url"}).interfaceArg(s)
	}
	return ""
}

func notAlphanumeric(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}

func (r rule) number(n float64) string {
	switch {
	case r.name == "min" && n < r.n:
		return fmt.Sprintf("Write a number of %s or more.", Format(r.n))
	case r.name == "max" && n > r.n:
		return fmt.Sprintf("Write a number of %s or less.", Format(r.n))
	case r.name == "greater" && n <= r.n:
		return fmt.Sprintf("Write a number above %s.", Format(r.n))
	case r.name == "less" && n >= r.n:
		return fmt.Sprintf("Write a number below %s.", Format(r.n))
	case r.name == "integer" && n != math.Trunc(n):
		return "Write a whole number."
	case r.name == "positive" && n <= 0:
		return "Write a number above 0."
	case r.name == "negative" && n >= 0:
		return "Write a number below 0."
	case r.name == "multiple" && r.n != 0 && math.Abs(math.Remainder(n, r.n)) > 1e-9:
		return fmt.Sprintf("Write a multiple of %s.", Format(r.n))
	case r.name == "precision" && math.Abs(n*math.Pow(10, r.n)-math.Round(n*math.Pow(10, r.n))) > 1e-6:
		return fmt.Sprintf("Write at most %s digits after the point.", Format(r.n))
	}
	return ""
}
