package nodeforms_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"alur/views/nodeforms"
)

// TestToManyValues chooses related records by their numbers and by variables.
func TestToManyValues(t *testing.T) {
	t.Parallel()
	world := env(t)
	for name, tc := range map[string]struct{ typed, want, problem string }{
		"numbers":                {"3, 4;5 6", `[3,4,5,6]`, ""},
		"a variable":             {"{{$context.data.gifts.id}}", `["{{$context.data.gifts.id}}"]`, ""},
		"a variable with commas": {"7,{{$context.data.x:1, 2}}", `[7,"{{$context.data.x:1, 2}}"]`, ""},
		"nothing":                {" ", `[]`, ""},
		"no number":              {"3, pen", `[3]`, "“pen” is no number of a record."},
		"a fraction":             {"1.5", `[1.5]`, ""}, // the store knows what a key is
	} {
		for _, kind := range []string{"create", "update"} {
			f := nodeforms.Lookup(kind).New()
			form := url.Values{"collection": {"orders"}, "values.0.field": {"gifts"}, "values.0.value": {tc.typed}}
			f.Read(form, world)
			config := nodeforms.Object{}
			f.Save(config)
			values := config["params"].(nodeforms.Object)["values"].(nodeforms.Object)
			if got, _ := json.Marshal(values["gifts"]); string(got) != tc.want {
				t.Errorf("%s, %s: saved %s, want %s", kind, name, got, tc.want)
			}
			if got := f.Problems()["values.0"]; !strings.HasPrefix(got, tc.problem) || tc.problem == "" && got != "" {
				t.Errorf("%s, %s: problem %q, want %q", kind, name, got, tc.problem)
			}
			doc := render(t, f, world)
			if n := doc.Find(`select[name="values.0.field"] option[value=gifts][selected], select[name="values.0.field"] option[value=parts]`).Length(); n != 2 {
				t.Errorf("%s, %s: the fields do not offer the relations", kind, name)
			}
			if got := doc.Find(`input[name="values.0.value"]`).AttrOr("value", "none"); got != tc.typed {
				t.Errorf("%s, %s: the line has %q, want what was typed", kind, name, got)
			}
		}
	}
}
