package nodes

import (
	"context"

	"alur/engine/node"
)

var _ = node.Register[EndConfig](end{})

// EndConfig is the settings of an end node (spec/nodes-core.md §5).
type EndConfig struct {
	EndStatus *whole `json:"endStatus"` // 1 succeeded, -1 failed; nil is 1
}

func (c EndConfig) status() node.Status {
	if c.EndStatus == nil {
		return node.Resolved
	}
	return node.Status(*c.EndStatus)
}

func (c EndConfig) Validate() node.Problems {
	if s := c.status(); s != node.Resolved && s != node.Failed {
		return node.Problems{"endStatus": "Choose how the workflow ends: succeeded or failed."}
	}
	return nil
}

// end ends the whole execution, whatever branches it is in.
type end struct{}

func (end) Kind() string { return "end" }

func (end) Effect() node.Effect { return node.Pure }

func (end) Run(_ context.Context, _ *node.Step, c EndConfig) (node.Outcome, error) {
	return node.End(c.status()), nil
}

func (end) Outputs(EndConfig, node.Catalogue) []node.Variable { return nil }
