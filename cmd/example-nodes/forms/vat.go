package forms

import (
	"encoding/json"
	"fmt"

	"alur/views"
	"alur/views/nodeforms"
)

var _ = nodeforms.Register(nodeforms.Kind{
	Name: "acme-vat", Title: "Value added tax", Group: "Acme", Icon: "calc",
	Help: "Works out tax and gross price. Later nodes use both.",
	Variants: []nodeforms.Variant{{Title: "Value added tax", Help: "Works out tax and gross price.",
		Config: `{"rate": 19}`}},
	Test: "Works out the tax with the values below. Nothing is changed or stored.",
	Keys: []string{"net", "rate"},
	New: nodeforms.Settings(
		nodeforms.Setting{Name: "net", Label: "Net price", Variables: true, Value: true},
		nodeforms.Setting{Name: "rate", Label: "Rate", Value: true, Options: []views.Option{
			{Value: "19", Text: "19 %"}, {Value: "7", Text: "7 %"}, {Value: "0", Text: "none"}}},
	),
	Summary: func(config json.RawMessage, env *nodeforms.Env) string {
		o := nodeforms.Decode(config)
		if o["net"] == nil {
			return ""
		}
		return fmt.Sprintf("%v %% on %s", o["rate"], env.Names.Short(nodeforms.LiteralText(o["net"])))
	},
	Said: func(r nodeforms.Result) string {
		if o, ok := r.Value.(nodeforms.Object); ok {
			return fmt.Sprintf("%v + %v tax = %v", o["net"], o["tax"], o["gross"])
		}
		return ""
	},
})
