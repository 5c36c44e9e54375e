package value_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"alur/engine/pgtest"
	"alur/engine/value"
)

// TestNumbers: a number that float64 does not hold is text with all its digits, any
// other is a number; both read the same after the database had them.
func TestNumbers(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for raw, want := range map[string]any{
		"1e400": "1e400", "-1E+400": "-1E+400", "1e200000": "1e200000", strings.Repeat("9", 400): strings.Repeat("9", 400),
		"9007199254740993": "9007199254740993", "-9007199254740993": "-9007199254740993", "18446744073709551615": "18446744073709551615",
		"9007199254740991": 9007199254740991.0, "9007199254740992": 9007199254740992.0, "1000000000000000000": 1e18,
		"1000000000000000000000": 1e21, "12345678901234567000": 12345678901234567000.0,
		"1e21": 1e21, "1e308": 1e308, "1" + strings.Repeat("0", 308): 1e308, "1e-400": 0.0, "1e-20000": 0.0, "0.1000000000000000055511151231257827": 0.1, "-0": 0.0, "1.50": 1.5,
	} {
		for _, shape := range []string{"%", `{"1e400": [%, "1e400 9007199254740993 \"", 1]}`} {
			text := strings.ReplaceAll(shape, "%", raw)
			got, err := value.Decode([]byte(text))
			if err != nil {
				t.Fatalf("%.60s: %v", text, err)
			}
			in := got
			if shape != "%" {
				in = got.(map[string]any)["1e400"].([]any)[0]
			}
			if in != want {
				t.Errorf("%.60s is read as %.60v, want %.60v", text, in, want)
			}
			var back string
			if err := db.GetContext(t.Context(), &back, "SELECT CAST($1 AS jsonb)", []byte(value.Encode(json.RawMessage(text)))); err != nil {
				t.Errorf("%.60s: %v", text, err)
				continue
			}
			if again, err := value.Decode([]byte(back)); err != nil || !reflect.DeepEqual(again, got) {
				t.Errorf("%.60s came back as %.60s, %v", text, back, err)
			}
		}
	}
	for raw, want := range map[string]string{`{"a": ["1e400", 2, -1e400, 1e500]}`: "-1e400", `{"1e400": 9007199254740993}`: "", `[]`: ""} {
		if got := value.Overflow([]byte(raw)); got != want {
			t.Errorf("in %s %q is beyond float64, want %q", raw, got, want)
		}
	}
	if got := value.Normalize(int64(9007199254740993)); got != "9007199254740993" {
		t.Errorf("the whole number is %v", got)
	}
	for _, broken := range []string{"1e400x", `{"a": 1e400`, "9007199254740993 1"} {
		if v, err := value.Decode([]byte(broken)); err == nil {
			t.Errorf("%s is read as %v", broken, v)
		}
	}
}
