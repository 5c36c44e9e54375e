package nodes

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"alur/engine/node"
)

func delayOf(t *testing.T, raw string) DelayConfig {
	t.Helper()
	var c DelayConfig
	if err := json.Unmarshal([]byte(raw), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDelayValidate(t *testing.T) {
	t.Parallel()
	for raw, field := range map[string]string{
		`{"duration": 1}`: "",
		`{"duration": 1, "unit": 60000, "endStatus": -1}`: "",
		`{"duration": "5", "unit": 604800000}`:            "",
		`{"duration": 25, "unit": 86400000}`:              "", // 2^31 ms and more
		`{"duration": "{{$context.data.days}}"}`:          "",
		`{"duration": "{{$context.data.days:3}}"}`:        "",
		`{"duration": "{{$context.a}}.{{$context.b}}"}`:   "",
		`{"duration": "{{$context.data.days}} days"}`:     "duration",
		`{}`:                                   "duration",
		`{"duration": null}`:                   "duration",
		`{"duration": 0}`:                      "duration",
		`{"duration": 0.5}`:                    "duration",
		`{"duration": "soon"}`:                 "duration",
		`{"duration": 600, "unit": 604800000}`: "duration",
		`{"duration": 1, "unit": 7}`:           "unit",
		`{"duration": 1, "endStatus": 0}`:      "endStatus",
		`{"duration": 1, "endStatus": -5}`:     "endStatus",
	} {
		p := delayOf(t, raw).Validate()
		if field == "" && p != nil || field != "" && (len(p) != 1 || p[field] == "") {
			t.Errorf("%s: %v, want a problem at %q", raw, p, field)
		}
	}
}

// vars are variables for one step.
type delayVars map[string]any

func (v delayVars) Root(name string) (any, bool) { x, ok := v[name]; return x, ok }

func TestDelayRun(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	vars := delayVars{"$context": map[string]any{"two": 2.0, "text": "3", "zero": 0.0, "minus": -1.0, "word": "soon", "much": 1e12}}
	for _, tc := range []struct {
		raw   string
		pause time.Duration
		then  node.Status
		fails string
	}{
		{`{"duration": 2}`, 2 * time.Second, node.Resolved, ""},
		{`{"duration": 2, "unit": 0}`, 2 * time.Second, node.Resolved, ""}, // as old versions may have it
		{`{"duration": 30, "unit": 86400000, "endStatus": -1}`, 30 * 24 * time.Hour, node.Failed, ""},
		{`{"duration": "{{$context.two}}", "unit": 60000}`, 2 * time.Minute, node.Resolved, ""},
		{`{"duration": "{{$context.text}}", "unit": 1000}`, 3 * time.Second, node.Resolved, ""},
		{`{"duration": "{{$context.zero}}"}`, 0, node.Resolved, ""},
		{`{"duration": "{{$context.minus}}"}`, 0, 0, "negative"},
		{`{"duration": "{{$context.word}}"}`, 0, 0, "no number: soon"},
		{`{"duration": "{{$context.none}}"}`, 0, 0, "no number: it is empty"},
		{`{"duration": "{{$context.much}}"}`, 0, 0, "10 years"},
	} {
		s := &node.Step{Now: now, Vars: vars}
		out, err := delay{}.Run(t.Context(), s, delayOf(t, tc.raw))
		if tc.fails != "" {
			if err == nil || !strings.Contains(err.Error(), tc.fails) {
				t.Errorf("%s: error %v, want one that says %q", tc.raw, err, tc.fails)
			}
			continue
		}
		if err != nil || out.Status != node.Pending || !out.Due.Equal(now.Add(tc.pause)) || out.Then != tc.then || out.Result != float64(tc.pause.Milliseconds()) {
			t.Errorf("%s: %+v %v", tc.raw, out, err)
		}
	}
	for raw, want := range map[string]string{`{"duration": 2}`: "seconds", `{"duration": 2, "unit": 1000}`: "seconds", `{"duration": 2, "unit": 604800000}`: "weeks"} {
		s := &node.Step{Now: now, Vars: vars}
		if _, err := (delay{}).Run(t.Context(), s, delayOf(t, raw)); err != nil || s.Input.(map[string]any)["unit"] != want {
			t.Errorf("%s: the log has %v (%v), want %s", raw, s.Input, err, want)
		}
	}
}
