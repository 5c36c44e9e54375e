package forms

import (
	"encoding/json"

	"alur/views/nodeforms"
)

var _ = nodeforms.Register(nodeforms.Kind{
	Name: "acme-number", Title: "Next number", Group: "Acme", Icon: "number",
	Help: "Takes the next number of a series, without gaps and never twice.",
	Keys: []string{"series"},
	New:  nodeforms.Settings(nodeforms.Setting{Name: "series", Label: "Series", Placeholder: "INV-2030", Required: true}),
	Summary: func(config json.RawMessage, _ *nodeforms.Env) string {
		series, _ := nodeforms.Decode(config)["series"].(string)
		return series
	},
	Said: func(r nodeforms.Result) string {
		o, _ := r.Value.(nodeforms.Object)
		text, _ := o["text"].(string)
		return text
	},
})
