package nodes

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"alur/engine/expr"
	"alur/engine/fault"
	"alur/engine/node"
)

var _ = node.Register[DelayConfig](delay{})

// maxDelay is the longest a delay may be.
const maxDelay = 10 * 365 * 24 * time.Hour

// DelayConfig is the settings of a delay node (spec/nodes-extension.md §3).
type DelayConfig struct {
	Duration  expr.Template `json:"duration"`  // a number of units, at least 1; or variables that come to one, at least 0
	Unit      *whole        `json:"unit"`      // how many milliseconds one is: of a second, minute, hour, day or week; nil is a second
	EndStatus *whole        `json:"endStatus"` // 1 go on, -1 fail; nil is 1
}

// delayUnits are the units by their milliseconds.
var delayUnits = map[whole]string{1000: "seconds", 60_000: "minutes", 3_600_000: "hours", 86_400_000: "days", 604_800_000: "weeks"}

// unit is never 0: versions that were saved with that count in seconds, as ever.
func (c DelayConfig) unit() time.Duration {
	if c.Unit == nil || *c.Unit == 0 {
		return time.Second
	}
	return time.Duration(*c.Unit) * time.Millisecond
}

func (c DelayConfig) then() node.Status {
	if c.EndStatus == nil {
		return node.Resolved
	}
	return node.Status(*c.EndStatus)
}

func (c DelayConfig) Validate() node.Problems {
	p := node.Problems{}
	switch n, ok := amount(filledIn(c.Duration)); {
	case c.Duration.IsZero(), c.Duration.Value() == "":
		p["duration"] = "Enter how long to wait."
	case !ok, len(c.Duration.Paths()) == 0 && (n < 1 || n*float64(c.unit()) > float64(maxDelay)):
		p["duration"] = "Enter a number of at least 1, for at most 10 years, or choose a variable."
	}
	if c.Unit != nil && delayUnits[*c.Unit] == "" {
		p["unit"] = "Choose seconds, minutes, hours, days or weeks."
	}
	if s := c.then(); s != node.Resolved && s != node.Failed {
		p["endStatus"] = "Choose what happens then: go on, or fail."
	}
	if len(p) == 0 {
		return nil
	}
	return p
}

// filledIn is what t comes to when each of its variables is 1: whether that is a number
// tells whether it can come to one.
func filledIn(t expr.Template) any {
	text, ok := t.Value().(string)
	if !ok {
		return t.Value()
	}
	var b strings.Builder
	last := 0
	for _, p := range expr.Placeholders(text) {
		b.WriteString(text[last:p.Start] + "1")
		last = p.End
	}
	return b.String() + text[last:]
}

// amount reads a number, also one that is written as text.
func amount(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case string:
		n, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
	}
	return 0, false
}

// delay pauses the execution for a while. The pause is a row in the database,
// not a sleeping goroutine, so it survives restarts and costs nothing.
type delay struct{}

func (delay) Kind() string { return "delay" }

func (delay) Effect() node.Effect { return node.Pure }

func (delay) Waits() {}

// Run waits; the result is the pause in milliseconds. The log has the unit by its
// name: 1000 beside a number reads as if that were one of milliseconds.
func (delay) Run(_ context.Context, s *node.Step, c DelayConfig) (node.Outcome, error) {
	v, err := c.Duration.Eval(s.Vars)
	if err != nil {
		return node.Outcome{}, err
	}
	s.Input = map[string]any{"duration": v, "unit": delayUnits[whole(c.unit().Milliseconds())]}
	n, ok := amount(v)
	switch {
	case !ok:
		return node.Outcome{}, fault.New(fault.Invalid, fmt.Sprintf("The time to wait is no number: %v. Choose another variable.", shown(v)))
	case n < 0:
		return node.Outcome{}, fault.New(fault.Invalid, fmt.Sprintf("The time to wait is negative: %v. Only what lies ahead can be waited for.", n))
	case n*float64(c.unit()) > float64(maxDelay):
		return node.Outcome{}, fault.New(fault.Invalid, "The time to wait is longer than 10 years, which is the most.")
	}
	pause := time.Duration(n * float64(c.unit()))
	out := node.WaitUntil(s.Now.Add(pause), c.then())
	out.Result = float64(pause.Milliseconds())
	return out, nil
}

func shown(v any) any {
	if v == nil || v == any(expr.Undefined) {
		return "it is empty"
	}
	return v
}

func (delay) Sample(c DelayConfig, _ node.Catalogue) any {
	n, ok := amount(c.Duration.Value())
	if !ok {
		n = 1
	}
	return n * float64(c.unit().Milliseconds())
}

func (delay) Outputs(DelayConfig, node.Catalogue) []node.Variable {
	return []node.Variable{{Title: "Time waited (ms)", Type: "integer"}}
}
