package collection_test

import (
	"encoding/json"
	"testing"

	"alur/engine/collection"
	"alur/engine/fault"
)

// FuzzComparable reads operators and values as a stranger may send them: each is
// taken or explained, and nothing breaks.
func FuzzComparable(f *testing.F) {
	for _, seed := range []struct{ op, value string }{
		{"$dateOn", `"2026-05-07 10:20:30.123+02:00"`}, {"$dateBetween", `"[2026W01,2027Q4)Z"`}, {"$dateBetween", `["2026w05", {"type": "past", "unit": "day", "number": 3}, "()"]`},
		{"$in", `[1, "2", null]`}, {"$includes", `["%", "_"]`}, {"$like", `"\\"`}, {"$eq", `9007199254740993`}, {"$match", `[{"a": []}]`}, {"$between", `["1e300", -1]`},
	} {
		f.Add(seed.op, seed.value)
	}
	f.Fuzz(func(t *testing.T, op, value string) {
		var v any
		if json.Unmarshal([]byte(value), &v) != nil {
			v = value
		}
		for _, typ := range collection.Types {
			if typ == collection.HasMany {
				continue
			}
			err := collection.Comparable(&collection.Field{Name: "x", Title: "X", Column: "x", Type: typ}, op, v)
			if err != nil && !fault.Is(err, fault.Invalid) {
				t.Errorf("%s %s %s: %v", typ, op, value, err)
			}
		}
	})
}
