package forms

import (
	"encoding/json"

	"alur/views"
	"alur/views/nodeforms"
)

var _ = nodeforms.Register(nodeforms.Kind{
	Name: "acme-pickup", Title: "Wait for the courier", Group: "Acme", Icon: "waiting",
	Help: "Hands out a link and waits until the courier has answered there.",
	Variants: []nodeforms.Variant{
		{Name: "end", Title: "Wait for the courier", Help: "Ends the execution when the courier refuses.", Config: `{}`},
		{Name: "branch", Title: "Wait for the courier, with a branch", Help: "Has a branch for what the courier refuses.", Config: `{"refused": "branch"}`},
	},
	Keys: []string{"refused"},
	New: nodeforms.Settings(nodeforms.Setting{Name: "refused", Label: "When the courier refuses", Options: []views.Option{
		{Value: "", Text: "End the execution"}, {Value: "branch", Text: "Run a branch, then go on"}}}),
	Summary: func(config json.RawMessage, _ *nodeforms.Env) string {
		if nodeforms.Decode(config)["refused"] == "branch" {
			return "With a branch for refusals"
		}
		return "Until somebody answers at the link"
	},
	Said: func(r nodeforms.Result) string {
		o, _ := r.Value.(nodeforms.Object)
		courier, _ := o["courier"].(string)
		return "Picked up by " + courier
	},
})
