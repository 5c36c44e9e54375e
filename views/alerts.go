package views

// AlertsForm is who hears of what goes wrong: with one workflow, or with all that
// do not say otherwise and with the server.
type AlertsForm struct {
	Workflow string // its title; "" for the server
	Action   string
	Back     string
	Server   string // what the server says, in words; for a workflow
	Mode     string // "", own or none; for a workflow
	Problems map[string]string

	Owner                     bool
	OwnerName                 string // who answers for the workflow; "" when that differs, or nobody does
	People, Roles             []Option
	After, Within, WithinUnit string
	Every, EveryUnit          string
	Recovered                 bool

	ServerPeople, ServerRoles []Option // who hears of the server; for the server
}

// AlertUnits are the units of the times of alerts, by their minutes.
var AlertUnits = []Option{{Value: "1", Text: "minutes"}, {Value: "60", Text: "hours"}, {Value: "1440", Text: "days"}}

// ownerHelp says who that is.
func (f AlertsForm) ownerHelp() string {
	switch {
	case f.Workflow == "":
		return "Of each workflow the one who answers for it."
	case f.OwnerName == "":
		return "Nobody owns it at present, so it helps nobody."
	}
	return "At present " + f.OwnerName + "."
}
