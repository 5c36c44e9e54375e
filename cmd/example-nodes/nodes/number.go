package nodes

import (
	"context"
	"fmt"
	"regexp"

	"alur/engine/node"
)

var _ = node.Register[NumberConfig](number{})

// NumberConfig is the settings of a node that takes the next number of a series,
// without gaps and never twice: for invoices.
type NumberConfig struct {
	Series string `json:"series"` // letters, digits and -, at most 20: "INV-2030"
}

var seriesName = regexp.MustCompile(`^[A-Za-z0-9-]{1,20}$`)

// Validate wants the name of a series.
func (c NumberConfig) Validate() node.Problems {
	if !seriesName.MatchString(c.Series) {
		return node.Problems{"series": "Enter the name of the series: letters, digits and -, at most 20."}
	}
	return nil
}

// number is local: it changes the database through the transaction of the step, so
// the number is taken exactly when the step is recorded, however often the server
// dies in between.
type number struct{}

func (number) Kind() string        { return "acme-number" }
func (number) Effect() node.Effect { return node.Local }

func (number) Run(ctx context.Context, s *node.Step, c NumberConfig) (node.Outcome, error) {
	s.Input = map[string]any{"series": c.Series}
	var last int64
	err := s.Tx.GetContext(ctx, &last, `
		INSERT INTO acme.numbers (series, last) VALUES ($1, 1)
		ON CONFLICT (series) DO UPDATE SET last = acme.numbers.last + 1
		RETURNING last`, c.Series)
	if err != nil {
		return node.Outcome{}, fmt.Errorf("take a number of %s: %w", c.Series, err)
	}
	return node.Done(map[string]any{"number": last, "text": fmt.Sprintf("%s-%05d", c.Series, last)}), nil
}

func (number) Outputs(NumberConfig, node.Catalogue) []node.Variable {
	return []node.Variable{{Path: "number", Title: "Number", Type: "integer"}, {Path: "text", Title: "With its series", Type: "string"}}
}

// Sample is an example that says more than one made of Outputs.
func (number) Sample(c NumberConfig, _ node.Catalogue) any {
	return map[string]any{"number": 42, "text": c.Series + "-00042"}
}
