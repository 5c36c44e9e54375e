package expr

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"alur/engine/value"
)

// Template is a JSON value with placeholders, compiled. A text that is one
// placeholder, "{{$context.data.total}}", becomes the variable's value;
// placeholders inside a longer text are filled in as text. Keys of objects may
// have placeholders too. {{path:default}} gives the default for a missing
// variable, though not for null.
//
// The zero Template has no value and evaluates to Undefined.
type Template struct {
	raw  json.RawMessage
	root part
}

// NewTemplate compiles a JSON value: nil, bool, number, string, []any or
// map[string]any. Other types go through their JSON.
func NewTemplate(v any) (Template, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return Template{}, fmt.Errorf("compile template: %w", err)
	}
	var t Template
	err = t.UnmarshalJSON(raw)
	return t, err
}

// UnmarshalJSON compiles raw.
func (t *Template) UnmarshalJSON(raw []byte) error {
	v, err := value.Decode(raw)
	if err != nil {
		return err
	}
	*t = Template{raw: bytes.Clone(raw), root: compile(v)}
	return nil
}

// MarshalJSON returns what the template was compiled from.
func (t Template) MarshalJSON() ([]byte, error) {
	if t.raw == nil {
		return []byte("null"), nil
	}
	return t.raw, nil
}

// IsZero reports whether there is no template: absent or null.
func (t Template) IsZero() bool { return t.raw == nil || string(t.raw) == "null" }

// Eval fills in the variables. The result is the caller's: containers are new,
// except those that come out of variables, which must not be changed. A text
// that is one placeholder without a value gives [Undefined].
func (t Template) Eval(s Scope) (any, error) {
	if t.root == nil {
		return Undefined, nil
	}
	return t.root.eval(s), nil
}

// Value returns the JSON value that t was compiled from, placeholders and all;
// nil for the zero Template.
func (t Template) Value() any {
	v, _ := value.Decode(t.raw) // it was read before
	return v
}

// Paths returns the paths of all variables in t, each once.
func (t Template) Paths() []string {
	var out []string
	walk(t.root, func(p *placeholder) {
		if !slices.Contains(out, p.path.text) {
			out = append(out, p.path.text)
		}
	})
	return out
}

// Missing returns the paths of those variables in t that have no value in s
// and no default, also inside of longer texts. A filter with one must not run.
func (t Template) Missing(s Scope) []string {
	var out []string
	walk(t.root, func(p *placeholder) {
		if _, ok := p.path.resolve(s); !ok && !p.hasDefault && !slices.Contains(out, p.path.text) {
			out = append(out, p.path.text)
		}
	})
	return out
}

// part is a piece of a compiled template.
type part interface{ eval(s Scope) any }

type (
	constant    struct{ v any } // a scalar
	placeholder struct {
		path       path
		def        string
		hasDefault bool
	}
	interpolation []part // constants that are texts, and placeholders
	array         []part
	object        []entry
	entry         struct{ key, value part }
)

func (c constant) eval(Scope) any { return c.v }

func (p *placeholder) eval(s Scope) any {
	if v, ok := p.path.resolve(s); ok {
		return v
	}
	if p.hasDefault {
		return p.def
	}
	return Undefined
}

func (t interpolation) eval(s Scope) any {
	b := make([]byte, 0, 64)
	for _, p := range t {
		b = appendText(b, p.eval(s))
	}
	return string(b)
}

func (a array) eval(s Scope) any {
	out := make([]any, len(a))
	for i, p := range a {
		out[i] = p.eval(s)
	}
	return out
}

func (o object) eval(s Scope) any {
	out := make(map[string]any, len(o))
	for _, e := range o {
		out[jsString(e.key.eval(s))] = e.value.eval(s)
	}
	return out
}

func walk(p part, fn func(*placeholder)) {
	switch p := p.(type) {
	case *placeholder:
		fn(p)
	case interpolation:
		for _, e := range p {
			walk(e, fn)
		}
	case array:
		for _, e := range p {
			walk(e, fn)
		}
	case object:
		for _, e := range p {
			walk(e.key, fn)
			walk(e.value, fn)
		}
	}
}

func compile(v any) part {
	switch v := v.(type) {
	case string:
		return compileText(v)
	case []any:
		a := make(array, len(v))
		for i, e := range v {
			a[i] = compile(e)
		}
		return a
	case map[string]any:
		o := make(object, 0, len(v))
		for _, k := range sortedKeys(v) {
			o = append(o, entry{compileText(k), compile(v[k])})
		}
		return o
	}
	return constant{v}
}

// compileText turns a text into a constant, the value of one placeholder, or
// an interpolation.
func compileText(text string) part {
	var parts interpolation
	var only *placeholder
	rest, found := text, 0
	for {
		start, end := findPlaceholder(rest, inTemplate)
		if start < 0 {
			break
		}
		if start > 0 {
			parts = append(parts, constant{rest[:start]})
		}
		only = newPlaceholder(rest[start+2 : end-2])
		parts = append(parts, only)
		rest = rest[end:]
		found++
	}
	switch {
	case found == 0:
		return constant{text}
	case found == 1 && strings.HasPrefix(text, "{{") && strings.HasSuffix(text, "}}"):
		return only
	}
	if rest != "" {
		parts = append(parts, constant{rest})
	}
	return parts
}

func newPlaceholder(inside string) *placeholder {
	key, def, has := strings.Cut(strings.Trim(inside, jsSpace), ":")
	return &placeholder{path: parsePath(key), def: def, hasDefault: has}
}

// Placeholder is one {{…}} of a text.
type Placeholder struct {
	Start, End int    // bytes of the text that it stands at, braces included
	Path       string // "$context.data.title"; without a default
}

// Placeholders finds the variables of a text as templates read it, from left to
// right.
func Placeholders(text string) []Placeholder {
	return placeholders(text, inTemplate, func(inside string) (string, bool) {
		key, _, _ := strings.Cut(strings.Trim(inside, jsSpace), ":")
		return key, true
	})
}

func placeholders(text string, ok func(rune) bool, path func(inside string) (string, bool)) []Placeholder {
	var all []Placeholder
	for from := 0; ; {
		start, end := findPlaceholder(text[from:], ok)
		if start < 0 {
			return all
		}
		start, end = from+start, from+end
		if p, is := path(text[start+2 : end-2]); is {
			all = append(all, Placeholder{start, end, p})
		}
		from = end
	}
}

// findPlaceholder returns the bounds of the first {{…}} whose inside is not
// empty and has only characters that ok allows; start is -1 without one.
func findPlaceholder(s string, ok func(rune) bool) (start, end int) {
	for from := 0; ; {
		i := strings.Index(s[from:], "{{")
		if i < 0 {
			return -1, -1
		}
		start = from + i
		inside := s[start+2:]
		n := strings.IndexFunc(inside, func(r rune) bool { return !ok(r) })
		if n > 0 && strings.HasPrefix(inside[n:], "}}") {
			return start, start + 2 + n + 2
		}
		from = start + 1
	}
}

// inTemplate reports whether r may stand inside a template's placeholder.
func inTemplate(r rune) bool {
	return inPath(r) || strings.ContainsRune(":+,@/()?=*", r) || strings.ContainsRune(jsSpace, r)
}

// inPath reports whether r may stand in a path.
func inPath(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			r == '_' || r == '$' || r == '.' || r == '-'
	case r == utf8.RuneError:
		return false
	}
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r)
}
