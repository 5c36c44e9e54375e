package forms

import (
	"encoding/json"

	"alur/views/nodeforms"
	"alur/views/triggerforms"
)

var _ = triggerforms.Register(triggerforms.Kind{
	Name: "acme-folder", Title: "When a file appears", Icon: "file", Phrase: true,
	Help:   "Starts for each file that appears in a folder of the server, and moves the file into the folder “taken” below.",
	Keys:   []string{"folder", "ending"},
	ByHand: "As if a file had appeared.",
	New: nodeforms.Settings(
		nodeforms.Setting{Name: "folder", Label: "Folder", Help: "On the server: /var/orders.", Required: true},
		nodeforms.Setting{Name: "ending", Label: "Only names that end in", Placeholder: ".csv"},
	),
	Words: func(config json.RawMessage, _ *nodeforms.Env) string {
		folder, _ := nodeforms.Decode(config)["folder"].(string)
		if folder == "" {
			return ""
		}
		return "A file appears in " + folder
	},
	Summary: func(config json.RawMessage, _ *nodeforms.Env) string {
		o := nodeforms.Decode(config)
		ending, _ := o["ending"].(string)
		switch {
		case o["folder"] == nil:
			return ""
		case ending == "":
			return "Every file"
		}
		return "Names that end in " + ending
	},
})
