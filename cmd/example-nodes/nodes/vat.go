package nodes

import (
	"context"
	"math"

	"alur/engine/expr"
	"alur/engine/node"
)

var _ = node.Register[VATConfig](vat{})

// VATConfig is the settings of a node that works out value added tax.
type VATConfig struct {
	Net  expr.Template `json:"net"`  // a number, or a variable that holds one
	Rate float64       `json:"rate"` // percent, 0 to 30
}

// Validate is asked when the node is saved. A problem stands beside the field of
// its key.
func (c VATConfig) Validate() node.Problems {
	p := node.Problems{}
	if c.Net.IsZero() {
		p["net"] = "Enter the net price, or choose a variable that holds it."
	} else if _, ok := c.Net.Value().(float64); !ok && len(c.Net.Paths()) == 0 {
		p["net"] = "Enter a number, such as 19.90."
	}
	if c.Rate < 0 || c.Rate > 30 {
		p["rate"] = "Enter a rate between 0 and 30 percent."
	}
	return p
}

// vat needs memory only, so it is pure: it costs no trip to the database, and runs
// again after a crash as if nothing had been.
type vat struct{}

func (vat) Kind() string        { return "acme-vat" } // stored in workflows: never rename
func (vat) Effect() node.Effect { return node.Pure }

func (vat) Run(_ context.Context, s *node.Step, c VATConfig) (node.Outcome, error) {
	v, err := c.Net.Eval(s.Vars)
	if err != nil {
		return node.Outcome{}, err
	}
	s.Input = map[string]any{"net": v} // shown in the log
	net, ok := v.(float64)
	if !ok {
		// What can be expected to happen is an outcome with a reason, not an error.
		return node.Stop(node.Failed, map[string]any{"message": "The net price is no number. Choose another variable."}), nil
	}
	tax := cents(net * c.Rate / 100)
	return node.Done(map[string]any{"net": net, "tax": tax, "gross": cents(net + tax)}), nil
}

func cents(v float64) float64 { return math.Round(v*100) / 100 }

// Test makes the tab “Test” in the editor; what it does is what Run does.
func (v vat) Test(ctx context.Context, s *node.Step, c VATConfig) (node.Outcome, error) {
	return v.Run(ctx, s, c)
}

// Outputs are the variables that later nodes can use. The example that people see
// before the first run is made of them.
func (vat) Outputs(VATConfig, node.Catalogue) []node.Variable {
	return []node.Variable{
		{Path: "net", Title: "Net", Type: "double"},
		{Path: "tax", Title: "Tax", Type: "double"},
		{Path: "gross", Title: "Gross", Type: "double"},
	}
}
