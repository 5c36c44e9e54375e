package nodeforms_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"alur/engine/script"
	"alur/engine/script/modules"
	"alur/engine/script/scripttest"
	"alur/views/nodeforms"
)

// TestScriptHelp holds the help to what is there: its example runs, and it names
// every module.
func TestScriptHelp(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := nodeforms.Lookup("script").More().Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	doc, err := goquery.NewDocumentFromReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	row := func(a, b float64) any { return map[string]any{"price": a, "quantity": b} }
	got, err := scripttest.Shared().Run(t.Context(), script.Request{Key: "help", Source: doc.Find("pre").Text(), Args: []script.Arg{
		{Name: "order", Value: map[string]any{"rows": []any{row(10, 2), row(5, 4)}}}, {Name: "discount", Value: 0.25},
	}})
	want := script.Result{Value: map[string]any{"sum": 40.0, "total": 30.0}, Returned: true, Log: "[info] rows 2\n"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("the example gives %+v, %v, want %+v", got, err, want)
	}
	table := doc.Find("[aria-labelledby=help-modules] table").Text()
	for _, name := range append(modules.Names(), "crypto") {
		if !strings.Contains(table, name[strings.LastIndex(name, "/")+1:]) {
			t.Errorf("the help does not name the module %q", name)
		}
	}
	for _, n := range doc.Find("[aria-labelledby=help-modules] tbody th").EachIter() {
		_, err := scripttest.Shared().Run(t.Context(), script.Request{Key: "help", Source: `require("` + n.Text() + `")`})
		if err != nil {
			t.Errorf("the help names %q: %v", n.Text(), err)
		}
	}
}

func TestScriptSummary(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"\n// Twice the stock\nreturn 2 * stock": "Twice the stock",
		"/*\n * Twice\n */\nreturn 2":            "Twice",
		"  return 2 * stock\n":                   "return 2 * stock",
		"":                                       "Not set up yet",
		" \n//\n":                                "Not set up yet",
	} {
		raw, err := json.Marshal(map[string]string{"content": content})
		if err != nil {
			t.Fatal(err)
		}
		if got := nodeforms.SummaryOf("script", raw, &nodeforms.Env{}); got != want {
			t.Errorf("%q is summed up as %q, want %q", content, got, want)
		}
	}
}
