package nodes

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"alur/engine/collection"
	"alur/engine/expr"
	"alur/engine/fault"
	"alur/engine/node"
)

var _ = node.Register[MultiConditionsConfig](multiConditions{})

// MultiConditionsConfig is the settings of a multi-conditions node
// (spec/nodes-core.md §3).
type MultiConditionsConfig struct {
	// Conditions are asked one after the other until one is met. That with index i
	// has branch i+1.
	Conditions listed[Case] `json:"conditions"`
	// ContinueOnNoMatch goes on below when no condition is met, instead of ending
	// with Failed. Branch 0 runs in both cases.
	ContinueOnNoMatch flag `json:"continueOnNoMatch"`
}

// Case is one condition of several. Engines that nobody knows are basic.
type Case struct {
	Title *string // nil: "Condition 2"
	question
}

// otherwise is the branch for what meets no condition.
const otherwise = 0

// UnmarshalJSON also compiles the expression.
func (c *Case) UnmarshalJSON(raw []byte) error {
	var plain struct {
		Title *string `json:"title"`
	}
	if err := json.Unmarshal(raw, &plain); err != nil {
		return err
	}
	c.Title = plain.Title
	return c.read(raw)
}

func (c MultiConditionsConfig) Validate() node.Problems {
	p := node.Problems{}
	for i, one := range c.Conditions {
		at := "conditions." + strconv.Itoa(i) + "."
		if one.Title != nil && *one.Title == "" {
			p[at+"title"] = "Give the condition a name, or none at all."
		}
		one.validate(p, at)
	}
	if len(p) == 0 {
		return nil
	}
	return p
}

// multiConditions asks its conditions in their order and runs the branch of the
// first that is met, or that for none. As with a single condition any value that
// counts as true meets it. Its result is the last answer, its meta all of them:
// {"conditions": [false, true]}. A text there is that of an error.
//
// A branch that fails ends this node's level as it does with a condition.
type multiConditions struct{}

func (multiConditions) Kind() string { return "multi-conditions" }

func (multiConditions) Effect() node.Effect { return node.Pure }

func (multiConditions) Run(ctx context.Context, s *node.Step, c MultiConditionsConfig) (node.Outcome, error) {
	out, used, err := c.ask(ctx, s.Vars)
	s.Input = asInput(used)
	return out, err
}

// ask also returns the variables of the conditions that were asked.
func (c MultiConditionsConfig) ask(ctx context.Context, vars node.Vars) (out node.Outcome, used map[string]any, err error) {
	answers, used, heard := []any{}, map[string]any{}, expr.Hear(vars)
	var last any
	for i, one := range c.Conditions {
		last, err = one.answer(ctx, heard)
		maps.Copy(used, one.used(heard.Again()))
		if err != nil {
			if out, err = failed(ctx, err); err != nil {
				return node.Outcome{}, nil, err
			}
			out.Meta = asked(append(answers, out.Result))
			return out, used, nil
		}
		answers = append(answers, brief(last))
		if met(last) {
			out = node.Enter(i+1, last)
			out.Meta = asked(answers)
			return out, used, nil
		}
	}
	out = node.Enter(otherwise, last)
	if !c.ContinueOnNoMatch {
		out.Status = node.Failed
	}
	out.Meta = asked(answers)
	return out, used, nil
}

// brief is an answer as the meta keeps it: texts, lists and objects by whether they
// meet the condition.
func brief(answer any) any {
	switch answer.(type) {
	case nil, bool, float64:
		return answer
	}
	return met(answer)
}

func asked(answers []any) map[string]any { return map[string]any{"conditions": answers} }

// Test answers the last condition that was asked and says in the log which branch
// would run. That none is met is no failure here.
func (multiConditions) Test(ctx context.Context, s *node.Step, c MultiConditionsConfig) (node.Outcome, error) {
	out, _, err := c.ask(ctx, s.Vars)
	if err != nil || out.Status == node.Error {
		return out, err
	}
	tried := node.Done(out.Result)
	tried.Meta = out.Meta
	for _, b := range (multiConditions{}).Branches(c) {
		if b.Index == out.Branch {
			tried.Log = fmt.Sprintf("The branch “%s” would run.", b.Label)
		}
	}
	return tried, nil
}

func (multiConditions) Branches(c MultiConditionsConfig) []node.Branch {
	var list []node.Branch
	for i, one := range c.Conditions {
		b := node.Branch{Index: i + 1, Label: "Condition " + strconv.Itoa(i+1)}
		if one.Title != nil && *one.Title != "" {
			b.Label = *one.Title
		}
		list = append(list, b)
	}
	return append(list, node.Branch{Index: otherwise, Label: "Otherwise"})
}

// Prune takes a condition out. The last one and what is for no condition stay.
func (multiConditions) Prune(config json.RawMessage, branch int) (json.RawMessage, error) {
	settings := map[string]json.RawMessage{}
	var list []json.RawMessage
	if json.Unmarshal(config, &settings) != nil || json.Unmarshal(settings["conditions"], &list) != nil {
		return nil, fault.New(fault.Invalid, "The settings of this node cannot be read. Correct them first.")
	}
	i := branch - 1
	switch {
	case branch == otherwise:
		return nil, fault.New(fault.Invalid, "“Otherwise” stays: it is for everything that meets no condition. Delete the nodes in it instead.")
	case i < 0 || i >= len(list):
		return nil, fault.New(fault.NotFound, "There is no such condition. It may have been deleted.")
	case len(list) == 1:
		return nil, fault.New(fault.Invalid, "The last condition stays. Delete the node instead.")
	}
	rest, err := json.Marshal(slices.Delete(list, i, i+1))
	if err != nil {
		return nil, fmt.Errorf("encode conditions: %w", err)
	}
	settings["conditions"] = rest
	return json.Marshal(settings)
}

// Check asks for a condition: none at all may be saved, but leaves nothing to ask.
func (multiConditions) Check(c MultiConditionsConfig, _ node.Catalogue) node.Problems {
	if len(c.Conditions) == 0 {
		return node.Problems{"conditions": "Add at least one condition."}
	}
	return nil
}

func (multiConditions) Sample(MultiConditionsConfig, node.Catalogue) any { return true }

func (multiConditions) Outputs(c MultiConditionsConfig, _ node.Catalogue) []node.Variable {
	last := node.Variable{Title: "Last condition met", Type: collection.Boolean}
	if slices.ContainsFunc(c.Conditions, func(one Case) bool { return one.calculates() }) {
		last.Type = ""
	}
	return []node.Variable{last}
}
