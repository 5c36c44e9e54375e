package nodeforms

import (
	"encoding/json"

	"alur/engine"
	"alur/engine/collection"
)

// Result is what one run of a node came to, for words about it.
type Result struct {
	Config json.RawMessage // the settings of the node, as they are now
	Node   *engine.TreeNode
	Value  any             // a JSON value
	Meta   json.RawMessage // what the job keeps beside its result
	Set    string          // the summary of the settings
	Env    *Env
}

// RecordTitle words a record of the collection that the settings name under
// "collection".
func (r Result) RecordTitle(record collection.Record) string {
	if c := r.Env.Collection(text(Decode(r.Config)["collection"])); c != nil {
		return c.TitleOf(record)
	}
	return "1 record"
}

// SaidOf words a result by the type of its node; "" when there is nothing to say.
func SaidOf(kind string, r Result) string {
	if k := kinds[kind]; k != nil && k.Said != nil {
		return k.Said(r)
	}
	return ""
}

// Ways is what the job of a node with branches remembers of them.
type Ways struct {
	Taken int         // index of the branch that was chosen; -1: none
	Words string      // which one and why: "Big order · Total > 1000"
	Marks map[int]Way // by index of the branch
}

// Way is how one branch came off.
type Way struct {
	State string // of package views: views.Completed
	Word  string // "met"
}

// WaysOf is what a job remembers of the branches of its node; ok is false when it
// remembers no more than the branch that ran.
func WaysOf(kind string, r Result) (w Ways, ok bool) {
	if k := kinds[kind]; k != nil && k.Ways != nil {
		return k.Ways(r)
	}
	return Ways{}, false
}
