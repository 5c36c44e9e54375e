package nodes

import (
	"context"

	"alur/engine/node"
)

var _ = node.Register[EndConfig](end{})

// EndConfig is the settings of an end node (spec/nodes-core.md §5).
type EndConfig struct {
	EndStatus *node.Status `json:"endStatus"` // Resolved or Failed; nil is Resolved
}

func (c EndConfig) status() node.Status {
	if c.EndStatus == nil {
		return node.Resolved
	}
	return *c.EndStatus
}

func (c EndConfig) Validate() node.Problems {
	if s := c.status(); s != node.Resolved && s != node.Failed {
		return node.Problems{"endStatus": "Choose “succeeded” (1) or “failed” (-1)."}
	}
	return nil
}

// end ends the whole execution at once, also from inside branches.
type end struct{}

func (end) Kind() string { return "end" }

func (end) Effect() node.Effect { return node.Pure }

func (end) Run(_ context.Context, _ *node.Step, c EndConfig) (node.Outcome, error) {
	return node.End(c.status()), nil
}

func (end) Outputs(EndConfig, node.Catalogue) []node.Variable { return nil }
