package api

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"alur/engine/fault"
)

const (
	maxParams = 1000
	maxArray  = 100 // a[200]=x makes an object, as in the qs library
)

// Params are the parameters of a query string in the style of the qs library:
// text, lists and objects of them; nil for a key without "=".
type Params map[string]any

// ParseQuery reads a[]=1&a[]=2, a[b][c]=d, a[0][b]=c and a=1&a=2.
func ParseQuery(raw string) (Params, error) {
	root := map[string]any{}
	n := 0
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		if n++; n > maxParams {
			return nil, fault.New(fault.Invalid, fmt.Sprintf("Send at most %d parameters.", maxParams))
		}
		k, v, assigned := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(k)
		if err != nil {
			return nil, badQuery
		}
		value, err := url.QueryUnescape(v)
		if err != nil {
			return nil, badQuery
		}
		path, err := keyPath(key)
		if err != nil {
			return nil, err
		}
		if assigned {
			insert(root, path, value)
		} else {
			insert(root, path, nil)
		}
	}
	for k, v := range root {
		root[k] = lists(v)
	}
	return root, nil
}

var badQuery = fault.New(fault.Invalid, "The address could not be read. Encode its parameters.")

// keyPath splits "a[b][]" into a, b and "".
func keyPath(key string) ([]string, error) {
	name, rest, nested := strings.Cut(key, "[")
	path := []string{name}
	for nested {
		part, after, closed := strings.Cut(rest, "]")
		if !closed {
			return []string{key}, nil // a lone bracket is part of the name
		}
		path = append(path, part)
		if len(path) > maxDepth {
			return nil, fault.New(fault.Invalid, "The parameters are nested too deeply.")
		}
		rest, nested = strings.CutPrefix(after, "[")
	}
	return path, nil
}

// several collects values that were given for one key.
type several []any

func insert(m map[string]any, path []string, v any) {
	key := path[0]
	old, there := m[key]
	if len(path) == 1 {
		switch list, ok := old.(several); {
		case !there && key == "":
			m[key] = several{v}
		case !there:
			m[key] = v
		case ok:
			m[key] = append(list, v)
		default:
			m[key] = several{old, v}
		}
		return
	}
	sub, ok := old.(map[string]any)
	if !ok {
		sub = map[string]any{}
		if there {
			sub[""] = several{old}
		}
		m[key] = sub
	}
	insert(sub, path[1:], v)
}

// lists turns objects with the keys "", 0, 1, … into lists.
func lists(v any) any {
	switch x := v.(type) {
	case several:
		return []any(x)
	case map[string]any:
		var indexes []int
		for k, e := range x {
			if many, ok := e.(several); ok && k == "" {
				x[k] = []any(many)
			} else {
				x[k] = lists(e)
			}
			i, err := strconv.Atoi(k)
			switch {
			case k == "":
			case err != nil || i < 0 || i >= maxArray:
				return objectOf(x)
			default:
				indexes = append(indexes, i)
			}
		}
		slices.Sort(indexes)
		list := []any{}
		for _, i := range indexes {
			list = append(list, x[strconv.Itoa(i)])
		}
		if more, ok := x[""].([]any); ok {
			list = append(list, more...)
		} else if one, ok := x[""]; ok {
			list = append(list, one)
		}
		return list
	}
	return v
}

// objectOf finishes an object that is no list.
func objectOf(x map[string]any) any {
	for k, e := range x {
		x[k] = lists(e)
	}
	return x
}

// Text is a parameter that is one text; "" when it is not there.
func (p Params) Text(name string) string {
	s, _ := p[name].(string)
	return s
}

// Has reports whether a parameter was sent.
func (p Params) Has(name string) bool { _, ok := p[name]; return ok }

// Int is a parameter that is a whole number; zero when it is not there.
func (p Params) Int(name string) (int, error) {
	s := p.Text(name)
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 1_000_000_000 {
		return 0, problem(name, "Write a whole number.")
	}
	return n, nil
}

// List is a parameter that is a list of names: a[]=x&a[]=y, a=x,y or a[]=x,y.
func (p Params) List(name string) ([]string, error) {
	var out []string
	add := func(names string) {
		for part := range strings.SplitSeq(names, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	switch v := p[name].(type) {
	case nil:
	case string:
		add(v)
	case []any:
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, problem(name, "Send a list of names.")
			}
			add(s)
		}
	default:
		return nil, problem(name, "Send a list of names.")
	}
	return out, nil
}

// JSON is a parameter that is JSON text, or an object or list in brackets.
func (p Params) JSON(name string) (any, error) {
	s, ok := p[name].(string)
	if !ok {
		return p[name], nil
	}
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	v, err := decode([]byte(s))
	if errors.Is(err, errDeep) {
		return nil, problem(name, errDeep.Msg)
	}
	if err != nil {
		return nil, problem(name, "Send JSON here.")
	}
	return v, nil
}

func problem(field, msg string) error {
	return fault.Fields(map[string]string{field: msg})
}
