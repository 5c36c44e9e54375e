package value_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"alur/engine/pgtest"
	"alur/engine/value"
)

// hostile are values that JSON can say, or Go can hold, and jsonb refuses.
var hostile = []any{
	"a\x00b", "\xff\xfe", map[string]any{"k\x00": "v\x00"}, []any{"\x00"},
	map[string]string{"k\x00": "v"}, struct{ S string }{"\x00"}, []string{"\x00"},
	json.RawMessage(`"\u0000"`), json.RawMessage(`{"a": "\ud800"}`), json.RawMessage(`"\uD83D"`), json.RawMessage("\"\xff\""),
	json.RawMessage(`{"broken`), json.RawMessage(`  `), json.RawMessage(`1e999`), json.Number("1e999"), func() {}, make(chan int),
	"\x01\x1f\x7f\u2028\u2029😀\ufffe", 1e308, -1e-320, 9007199254740993.0, 123456789012345678901234567890.0,
}

// TestDatabaseTakesAll sends what Append writes to the database.
func TestDatabaseTakesAll(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for _, v := range hostile {
		text := value.Encode(v)
		var back string
		if err := db.GetContext(t.Context(), &back, "SELECT CAST($1 AS jsonb)", []byte(text)); err != nil {
			t.Errorf("%T %v is written as %s: %v", v, v, text, err)
			continue
		}
		got, err := value.Decode([]byte(back))
		if err != nil {
			t.Errorf("%T %v came back as %s: %v", v, v, back, err)
		}
		if want := value.Normalize(v); !reflect.DeepEqual(got, value.Normalize(plain(t, want))) {
			t.Errorf("%T %v came back as %v, want %v", v, v, got, want)
		}
	}
}

// plain is a JSON value after it was written and read.
func plain(t *testing.T, v any) any {
	t.Helper()
	out, err := value.Decode(value.Encode(v))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// FuzzAppend: whatever JSON says comes back as it was, in text that jsonb takes.
func FuzzAppend(f *testing.F) {
	for _, s := range []string{`null`, `{"a": [1, 2.5, -0, 1e21, 1e-7, "x\n\u0001\u0000"]}`, `"\ud83d\ude00 \ud800"`, `9007199254740993`, "\"\xff\"", `{"": {"": []}}`, `1e308`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := value.Decode(raw)
		if err != nil {
			return
		}
		for name, text := range map[string]json.RawMessage{"value": value.Encode(v), "raw": value.Encode(json.RawMessage(raw))} {
			if !json.Valid(text) || !utf8.Valid(text) || strings.Contains(strings.ReplaceAll(string(text), `\\`, ""), `\u0000`) {
				t.Fatalf("%s: %q is written as %q", name, raw, text)
			}
			back, err := value.Decode(text)
			if err != nil {
				t.Fatalf("%s: %q is written as %q: %v", name, raw, text, err)
			}
			again := value.Encode(back)
			if string(again) != string(value.Encode(v)) {
				t.Fatalf("%s: %q comes back as %s, want %s", name, raw, again, value.Encode(v))
			}
		}
	})
}
