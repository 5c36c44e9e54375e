package nodeforms_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"alur/engine/expr"
	"alur/engine/node"
	"alur/views/nodeforms"
)

// TestComparisonsOffered has every comparison that the form offers: the engine knows
// it with as many values as the form has for it, saving keeps it, and the card says
// it in words.
func TestComparisonsOffered(t *testing.T) {
	t.Parallel()
	world := env(t)
	words := map[string]string{
		"equal": "7 = x", "gte": "7 ≥ x", "empty": "7 is empty", "notEmpty": "7 is not empty",
		"equalNoCase": "7 = x in any case", "notEqualNoCase": "7 ≠ x in any case",
		"includesNoCase": "7 contains x in any case", "notIncludesNoCase": "7 does not contain x in any case",
		"sameDay": "7 is on the day of 2026-05-07", "notSameDay": "7 is not on the day of 2026-05-07",
		"beforeDay": "7 is before the day of 2026-05-07", "afterDay": "7 is after the day of 2026-05-07",
	}
	var offered []string
	first := nodeforms.Lookup("condition").New()
	first.Load(nodeforms.Decode(json.RawMessage(`{}`)))
	for _, o := range render(t, first, world).Find("[name='calculation.0.is'] option").EachIter() {
		offered = append(offered, o.AttrOr("value", ""))
	}
	if len(offered) < 22 {
		t.Errorf("%d comparisons are offered", len(offered))
	}
	for _, is := range offered {
		right := "x"
		if strings.HasSuffix(is, "Day") {
			right = "2026-05-07"
		}
		f := nodeforms.Lookup("condition").New()
		f.Read(url.Values{"rejectOnFalse": {"true"}, "engine": {"basic"}, "calculation.0.left": {"7"}, "calculation.0.is": {is}, "calculation.0.right": {right}}, world)
		config := nodeforms.Object{}
		f.Save(config)
		raw, err := json.Marshal(config)
		if err != nil {
			t.Fatal(err)
		}
		settings, problems := node.Lookup("condition").Decode(raw)
		if settings != nil {
			problems = settings.Validate()
		}
		if len(problems) > 0 {
			t.Errorf("%s: %v", is, problems)
		}
		c, err := expr.NewCondition(config["calculation"])
		if err != nil || c.Check() != nil {
			t.Errorf("%s: the engine says %v, %v", is, err, c.Check())
		}

		again := nodeforms.Lookup("condition").New()
		again.Load(config)
		doc := render(t, again, world)
		lone := strings.HasSuffix(strings.ToLower(is), "empty")
		if n := doc.Find("[name='calculation.0.right']").Length(); (n == 0) != lone {
			t.Errorf("%s has %d second values", is, n)
		}
		if got := doc.Find("[name='calculation.0.is'] option[selected]").AttrOr("value", ""); got != is {
			t.Errorf("%s is shown as %q", is, got)
		}
		saved := nodeforms.Object{}
		again.Read(submitted(doc), world)
		again.Save(saved)
		if back, _ := json.Marshal(saved); string(back) != string(raw) {
			t.Errorf("saved again as %s, was %s", back, raw)
		}
		if want := words[is]; want != "" {
			if got := nodeforms.SummaryOf("condition", raw, world); got != want {
				t.Errorf("%s is said as %q, want %q", is, got, want)
			}
			delete(words, is)
		}
	}
	for is := range words {
		t.Errorf("%s is not offered", is)
	}
}

// TestDaysAreExplained says whose days are meant only where it matters.
func TestDaysAreExplained(t *testing.T) {
	t.Parallel()
	world := env(t)
	for _, tc := range []struct {
		kind, config string
		want         bool
	}{
		{"condition", `{"rejectOnFalse": true, "calculation": {"group": {"type": "and", "calculations": [{"calculator": "equal", "operands": [1, 1]}]}}}`, false},
		{"condition", `{"rejectOnFalse": true, "calculation": {"group": {"type": "and", "calculations": [{"calculator": "equal", "operands": [1, 1]},
			{"group": {"type": "or", "calculations": [{"calculator": "beforeDay", "operands": [1, 1]}]}}]}}}`, true},
		{"multi-conditions", `{"conditions": [{}, {"calculation": {"group": {"type": "and", "calculations": [{"calculator": "sameDay", "operands": [1, 1]}]}}}]}`, true},
	} {
		f := nodeforms.Lookup(tc.kind).New()
		f.Load(nodeforms.Decode(json.RawMessage(tc.config)))
		if got := strings.Contains(render(t, f, world).Find(".help").Text(), "time zone of this server"); got != tc.want {
			t.Errorf("%s: says so %v, want %v", tc.config, got, tc.want)
		}
	}
}
