package engine

import (
	"encoding/json"

	"alur/engine/node"
)

// TriggerSampler is a TriggerKind that knows a better example of $context than one
// made of its Outputs.
type TriggerSampler interface {
	// Sample returns a JSON object.
	Sample(config json.RawMessage, cat node.Catalogue) map[string]any
}

// SampleContext is an example of $context; nil when the trigger gives nothing.
func SampleContext(k TriggerKind, config json.RawMessage, cat node.Catalogue) any {
	if s, ok := k.(TriggerSampler); ok {
		return s.Sample(config, cat)
	}
	return node.Sample(k.Outputs(config, cat))
}

// SampleVars are examples of what a version's trigger and nodes give, by the root of
// the variable: people see them before there was a run.
func (e *Engine) SampleVars(w Workflow, tree Level) map[string]any {
	vars := map[string]any{}
	if k := LookupTrigger(w.Type); k != nil {
		vars["$context"] = SampleContext(k, w.Config, e.Records)
	}
	results := map[string]any{}
	tree.Walk(func(n *TreeNode) {
		if n.Settings != nil {
			results[n.Key] = n.Kind.Sample(n.Settings, e.Records)
		}
	})
	vars["$jobsMapByNodeKey"] = results
	return vars
}
