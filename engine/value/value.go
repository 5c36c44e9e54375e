package value

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Append adds the JSON text of v to dst. It takes JSON values, integers,
// json.RawMessage, and whatever json.Marshal takes. What JSON cannot say (NaN,
// infinities, NUL characters) becomes null, and U+FFFD in text, because
// PostgreSQL's jsonb refuses it.
func Append(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return appendString(dst, v)
	case float64:
		return appendFloat(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case []any:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = Append(dst, e)
		}
		return append(dst, ']')
	case map[string]any:
		dst = append(dst, '{')
		keys := make([]string, 0, 16)
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for i, k := range keys {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendString(dst, k)
			dst = append(dst, ':')
			dst = Append(dst, v[k])
		}
		return append(dst, '}')
	case json.RawMessage:
		return appendRaw(dst, v)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return appendString(dst, fmt.Sprintf("(not representable: %v)", err))
	}
	return appendRaw(dst, raw)
}

// appendRaw adds JSON text of unknown origin, as it stands when jsonb takes it.
func appendRaw(dst, raw []byte) []byte {
	raw = bytes.TrimSpace(raw) // as Decode does, which knows more spaces than JSON
	v, err := Decode(raw)
	if err != nil {
		return appendString(dst, fmt.Sprintf("(not representable: %v)", err))
	}
	// Numbers beyond all bounds, NUL characters, and halves of surrogate pairs, which Decode has replaced.
	if len(raw) == 0 || unfit(raw) || !utf8.Valid(raw) || bytes.Contains(raw, []byte(`\u0000`)) || bytes.Contains(bytes.ToLower(raw), []byte(`\ud`)) {
		return Append(dst, v)
	}
	return append(dst, raw...)
}

// Encode returns the JSON text of v, by the rules of [Append].
func Encode(v any) json.RawMessage { return Append(make([]byte, 0, 128), v) }

// Decode reads JSON text into a JSON value. A number that float64 cannot hold becomes
// text, with all its digits: one beyond its range, such as 1e400, and a whole number
// that it would round, such as 9007199254740993.
func Decode(raw []byte) (any, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return nil, nil
	}
	var v any
	if !hard(raw) {
		if err := json.Unmarshal(raw, &v); err != nil {
			return nil, err
		}
		return v, nil
	}
	if !json.Valid(raw) {
		return nil, json.Unmarshal(raw, &v)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return ofNumbers(v), nil
}

// hard reports whether some number of valid JSON text may need to become text.
func hard(raw []byte) bool {
	for lit := range numbers(raw) {
		if suspect(lit) {
			return true
		}
	}
	return false
}

// Normalize returns v as a JSON value. Values that are of that form already,
// all the way down, are returned as they are.
func Normalize(v any) any {
	switch v := v.(type) {
	case nil, bool, string:
		return v
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		return v
	case int:
		return ofInt(int64(v))
	case int64:
		return ofInt(v)
	case []any:
		for i, e := range v {
			if !normal(e) {
				c := slices.Clone(v)
				for j := i; j < len(c); j++ {
					c[j] = Normalize(c[j])
				}
				return c
			}
		}
		return v
	case map[string]any:
		for _, e := range v {
			if !normal(e) {
				c := make(map[string]any, len(v))
				for k, e := range v {
					c[k] = Normalize(e)
				}
				return c
			}
		}
		return v
	}
	n, err := Decode(Encode(v))
	if err != nil {
		return nil
	}
	return n
}

func normal(v any) bool {
	switch v := v.(type) {
	case nil, bool, string:
		return true
	case float64:
		return !math.IsNaN(v) && !math.IsInf(v, 0)
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { return !normal(e) })
	case map[string]any:
		for _, e := range v {
			if !normal(e) {
				return false
			}
		}
		return true
	}
	return false
}

func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return strconv.AppendInt(dst, int64(f), 10)
	}
	format := byte('f')
	if abs := math.Abs(f); abs < 1e-6 || abs >= 1e21 {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, 64)
}

const hex = "0123456789abcdef"

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(dst, s[start:i]...)
				dst = append(dst, "\uFFFD"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		case 0:
			dst = append(dst, "\uFFFD"...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}
