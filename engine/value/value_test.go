package value_test

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"alur/engine/value"
)

// values draws JSON values of any shape.
func values() *rapid.Generator[any] {
	leaf := rapid.OneOf(
		rapid.Just[any](nil),
		rapid.Bool().AsAny(),
		rapid.Float64().Filter(func(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }).AsAny(),
		rapid.Custom(func(t *rapid.T) any { return float64(rapid.Int64Range(-1<<53, 1<<53).Draw(t, "int")) }),
		rapid.String().AsAny(),
	)
	var any_ func(depth int) *rapid.Generator[any]
	any_ = func(depth int) *rapid.Generator[any] {
		if depth == 0 {
			return leaf
		}
		return rapid.OneOf(leaf,
			rapid.Custom(func(t *rapid.T) any { return rapid.SliceOfN(any_(depth-1), 0, 4).Draw(t, "list") }),
			rapid.Custom(func(t *rapid.T) any {
				return rapid.MapOfN(rapid.String(), any_(depth-1), 0, 4).Draw(t, "object")
			}))
	}
	return any_(3)
}

// TestAppend compares with encoding/json: reading what Append wrote gives the
// same value as reading what json.Marshal wrote.
func TestAppend(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := values().Draw(t, "v")
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if err := json.Unmarshal([]byte(strings.ReplaceAll(string(want), `\u0000`, "\uFFFD")), &a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(value.Encode(v), &b); err != nil {
			t.Fatalf("%s: %v", value.Encode(v), err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("got %s, want %s", value.Encode(v), want)
		}
	})
}

func TestAppendUnusual(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		v    any
		want string
	}{
		{"NaN", math.NaN(), "null"},
		{"infinity in a list", []any{math.Inf(1), 1.5}, "[null,1.5]"},
		{"id", 5123456789012345.0, "5123456789012345"},
		{"int64", int64(7), "7"},
		{"NUL", "a\x00b", "\"a\uFFFDb\""},
		{"broken UTF-8", "a\xffb", "\"a\uFFFDb\""},
		{"raw", json.RawMessage(`{"a":1}`), `{"a":1}`},
		{"struct", struct{ A int }{1}, `{"A":1}`},
		{"sorted keys", map[string]any{"b": 1.0, "a": nil}, `{"a":null,"b":1}`},
	}
	for _, tc := range tests {
		if got := string(value.Encode(tc.v)); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestNormalize(t *testing.T) {
	t.Parallel()
	type pair struct {
		A int `json:"a"`
	}
	got := value.Normalize(map[string]any{"x": []any{1, int64(2), pair{3}}, "y": math.NaN()})
	want := map[string]any{"x": []any{1.0, 2.0, map[string]any{"a": 3.0}}, "y": nil}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}
