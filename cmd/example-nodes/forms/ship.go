package forms

import (
	"encoding/json"

	"alur/views/nodeforms"
)

var _ = nodeforms.Register(nodeforms.Kind{
	Name: "acme-ship", Title: "Order a parcel", Group: "Acme", Icon: "box",
	Help: "Orders a parcel at the carrier. After a crash of the server the order is sent again, with the same key.",
	Variants: []nodeforms.Variant{{Title: "Order a parcel", Help: "Orders a parcel at the carrier.",
		Config: `{"url": "https://carrier.example/orders"}`}},
	Keys: []string{"url", "address"},
	New: nodeforms.Settings(
		nodeforms.Setting{Name: "url", Label: "Carrier", Help: "The address that takes orders.", Required: true},
		nodeforms.Setting{Name: "address", Label: "Address", Rows: 3, Variables: true},
	),
	Summary: func(config json.RawMessage, env *nodeforms.Env) string {
		address, _ := nodeforms.Decode(config)["address"].(string)
		return env.Names.Short(address)
	},
	Said: func(r nodeforms.Result) string {
		o, _ := r.Value.(nodeforms.Object)
		parcel, _ := o["parcel"].(string)
		return "Parcel " + parcel
	},
})
