package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"alur/engine/audit"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

// Limits of what people may ask for.
const (
	MaxAlertPeople  = 50
	MaxAlertRoles   = 20
	MaxAlertAfter   = 1000
	MaxAlertMinutes = 7 * 24 * 60
)

// Alerts is who hears by mail of what goes wrong with a workflow, and when; see
// package alert. Whoever may not see the workflow hears nothing.
type Alerts struct {
	Owner   bool        `json:"owner"` // who answers for it; see [Engine.SetOwner]
	UserIDs []int64     `json:"userIds"`
	Roles   []auth.Role `json:"roles"` // everybody who has one of them
	After   int         `json:"after"` // failures that the first mail is for: 1 is at once …
	Within  int         `json:"minutes"`
	// … so many within minutes, or in a row when that is 0. A success ends a row.
	Every     int  `json:"every"`     // minutes between two mails about failures; the later ones say all that came meanwhile
	Recovered bool `json:"recovered"` // a mail when it works again
}

// tidy leaves out doubles, and makes lists of nothing.
func (a Alerts) tidy() Alerts {
	slices.Sort(a.UserIDs)
	slices.Sort(a.Roles)
	a.UserIDs = append([]int64{}, slices.Compact(a.UserIDs)...)
	a.Roles = append([]auth.Role{}, slices.Compact(a.Roles)...)
	return a
}

// problems says what is wrong with a, by field.
func (a Alerts) problems() map[string]string {
	problems := map[string]string{}
	if len(a.UserIDs) > MaxAlertPeople {
		problems["userIds"] = fmt.Sprintf("Choose at most %d people. More have a role in common: choose that.", MaxAlertPeople)
	}
	if len(a.Roles) > MaxAlertRoles {
		problems["roles"] = fmt.Sprintf("Choose at most %d roles.", MaxAlertRoles)
	}
	if a.After < 1 || a.After > MaxAlertAfter {
		problems["after"] = "Enter a number from 1 to 1,000."
	}
	if a.Within < 0 || a.Within > MaxAlertMinutes {
		problems["minutes"] = "Enter a time between 1 minute and 7 days, or nothing for failures in a row."
	}
	if a.Every < 1 || a.Every > MaxAlertMinutes {
		problems["every"] = "Enter a time between 1 minute and 7 days."
	}
	return problems
}

// AlertMode says whose rules a workflow has.
type AlertMode string

// The modes; "" is the rules of the server.
const (
	OwnAlerts AlertMode = "own"
	NoAlerts  AlertMode = "none"
)

// WorkflowAlerts is what a workflow says about its alerts, in options.alerts; all
// its versions go by the current one. Alerts counts for OwnAlerts only.
type WorkflowAlerts struct {
	Mode AlertMode `json:"mode"`
	Alerts
}

// AlertSettings are for the whole server.
type AlertSettings struct {
	Alerts // of workflows that do not say otherwise

	// Server are those who hear of what is wrong with the server itself, and of a
	// workflow of which nobody else would hear.
	Server struct {
		UserIDs []int64     `json:"userIds"`
		Roles   []auth.Role `json:"roles"`
	} `json:"server"`
}

func defaultAlerts() AlertSettings {
	s := AlertSettings{Alerts: Alerts{Owner: true, After: 1, Every: 60, Recovered: true}}
	s.Server.Roles = []auth.Role{auth.Root, auth.Admin}
	return s
}

// ReadAlerts reads what a workflow says about its alerts out of its options;
// foreign shapes count as not given.
func ReadAlerts(options []byte) WorkflowAlerts {
	var o struct{ Alerts json.RawMessage }
	_ = json.Unmarshal(options, &o)
	var w WorkflowAlerts
	switch {
	case json.Unmarshal(o.Alerts, &w) != nil:
		return WorkflowAlerts{}
	case w.Mode == NoAlerts, w.Mode == OwnAlerts && len(w.problems()) == 0:
		return w
	}
	return WorkflowAlerts{}
}

// ReadOwner is the person that the options name as who answers for the workflow;
// 0 for nobody.
func ReadOwner(options []byte) int64 {
	var o struct{ OwnerID number }
	_ = json.Unmarshal(options, &o)
	if o.OwnerID < 1 || o.OwnerID >= 1<<53 {
		return 0
	}
	return int64(o.OwnerID)
}

// AlertSettings returns who hears of what on this server.
func (e *Engine) AlertSettings(ctx context.Context, actor auth.Actor) (AlertSettings, error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return AlertSettings{}, err
	}
	return readAlertSettings(ctx, e.DB)
}

func readAlertSettings(ctx context.Context, q pg.Q) (AlertSettings, error) {
	return readSettings(ctx, q, "alerts", defaultAlerts())
}

// SaveAlertSettings changes who hears of what on this server. Those who hear of
// the server itself must manage all workflows.
func (e *Engine) SaveAlertSettings(ctx context.Context, actor auth.Actor, s AlertSettings) error {
	if err := actor.Require(auth.ManageServer); err != nil {
		return err
	}
	s.Alerts = s.Alerts.tidy()
	server := Alerts{UserIDs: s.Server.UserIDs, Roles: s.Server.Roles}.tidy()
	s.Server.UserIDs, s.Server.Roles = server.UserIDs, server.Roles
	problems := s.problems()
	if len(server.UserIDs) > MaxAlertPeople || len(server.Roles) > MaxAlertRoles {
		problems["server"] = fmt.Sprintf("Choose at most %d people and %d roles.", MaxAlertPeople, MaxAlertRoles)
	}
	if len(server.UserIDs)+len(server.Roles) == 0 {
		problems["server"] = "Choose somebody: else nobody hears that the server is in trouble."
	}
	here, err := e.rolesHere(ctx)
	if err != nil {
		return err
	}
	for field, roles := range map[string][]auth.Role{"roles": s.Roles, "server": server.Roles} {
		if problem := unknownRole(roles, here); problem != "" {
			problems[field] = problem
		}
	}
	for _, id := range server.UserIDs {
		name, may, err := e.person(ctx, id, func(a auth.Actor) (bool, error) { return a.Can(auth.ManageWorkflows), nil })
		if err != nil {
			return err
		}
		if !may {
			problems["server"] = name + " does not manage all workflows, and may not know how the server is. Choose somebody else."
		}
	}
	if err := fault.Fields(problems); err != nil {
		return err
	}
	return e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		if err := saveSettings(ctx, tx, "alerts", s, e.now()); err != nil {
			return err
		}
		return actor.Note(ctx, tx, audit.Settings, e.now(), "Changed who hears by mail of what goes wrong: "+s.Alerts.words()+".")
	})
}

// SetAlerts changes who hears of what goes wrong with a workflow, all its
// versions.
func (e *Engine) SetAlerts(ctx context.Context, actor auth.Actor, id int64, a WorkflowAlerts) error {
	a.Alerts = a.Alerts.tidy()
	var options []byte
	switch a.Mode {
	case "":
		options = []byte("null")
	case NoAlerts:
		options = []byte(`{"mode": "none"}`)
	case OwnAlerts:
		if err := fault.Fields(a.problems()); err != nil {
			return err
		}
		problems, err := e.alertPeople(ctx, actor, id, a.Alerts)
		if err != nil {
			return err
		}
		if err := fault.Fields(problems); err != nil {
			return err
		}
		if options, err = json.Marshal(a); err != nil {
			return fmt.Errorf("encode the alerts of workflow %d: %w", id, err)
		}
	default:
		return fault.Fields(map[string]string{"mode": "Choose own or none, or leave it to the server."})
	}
	_, err := e.change(ctx, actor, id, func(ctx context.Context, tx *pg.Tx, w *Workflow, _ []Node) error {
		if _, err := tx.ExecContext(ctx, workflowQueries.Get("set_alerts"), w.Key, options); err != nil {
			return err
		}
		return actor.NoteOn(ctx, tx, w.ID, 0, e.now(), fmt.Sprintf("Set the alerts of the workflow “%s”: %s.", w.Title, a.words()))
	})
	if err != nil {
		return fmt.Errorf("set the alerts of workflow %d: %w", id, err)
	}
	return nil
}

// words says who hears of what, for the audit log.
func (w WorkflowAlerts) words() string {
	switch w.Mode {
	case OwnAlerts:
		return w.Alerts.words()
	case NoAlerts:
		return "nobody hears of anything"
	}
	return "as set for the server"
}

func (a Alerts) words() string {
	var all []string
	if a.Owner {
		all = append(all, "the owner")
	}
	if len(a.UserIDs) > 0 {
		all = append(all, fmt.Sprintf("people with the ids %s", strings.Trim(fmt.Sprint(a.UserIDs), "[]")))
	}
	if len(a.Roles) > 0 {
		all = append(all, fmt.Sprintf("everybody with the roles %s", strings.Trim(fmt.Sprint(a.Roles), "[]")))
	}
	who := strings.Join(append(all, "nobody else"), ", ")
	when := fmt.Sprintf("after %d failures in a row", a.After)
	switch {
	case a.After == 1:
		when = "at once"
	case a.Within > 0:
		when = fmt.Sprintf("after %d failures within %s", a.After, span(time.Duration(a.Within)*time.Minute))
	}
	text := fmt.Sprintf("%s, %s, at most one mail in %s", who, when, span(time.Duration(a.Every)*time.Minute))
	if a.Recovered {
		text += ", and when it works again"
	}
	return text
}

// unknownRole says that one of roles is not here; "" when all are.
func unknownRole(roles []auth.Role, here map[string]bool) string {
	for _, r := range roles {
		if !here[string(r)] {
			return fmt.Sprintf("There is no role “%s” here. Choose another one.", r)
		}
	}
	return ""
}

// alertPeople says who among those that a names does not see a workflow, and which
// role is not there, by field. It reads people, so it is no part of a transaction.
func (e *Engine) alertPeople(ctx context.Context, actor auth.Actor, id int64, a Alerts) (map[string]string, error) {
	problems := map[string]string{}
	w, _, err := e.open(ctx, e.DB, actor, id, auth.Editor)
	if err != nil {
		return nil, err
	}
	here, err := e.rolesHere(ctx)
	if err != nil {
		return nil, err
	}
	if problem := unknownRole(a.Roles, here); problem != "" {
		problems["roles"] = problem
	}
	for _, id := range a.UserIDs {
		name, may, err := e.person(ctx, id, func(p auth.Actor) (bool, error) {
			level, err := p.LevelOn(ctx, e.DB, w.Key)
			return level != "", err
		})
		if err != nil {
			return nil, err
		}
		if !may {
			problems["userIds"] = name + " may not see this workflow. Give it to them under “People” first."
		}
	}
	return problems, nil
}

// person asks something about somebody; the name is "Somebody" when there is
// nobody with this id, or not any more.
func (e *Engine) person(ctx context.Context, id int64, ask func(auth.Actor) (bool, error)) (name string, yes bool, err error) {
	if e.people == nil {
		return "", true, nil
	}
	p, err := e.people(ctx, id)
	switch {
	case fault.Is(err, fault.NotFound):
		return "Somebody who was chosen is not there any more or", false, nil
	case err != nil:
		return "", false, err
	}
	yes, err = ask(p)
	return p.Name, yes, err
}

// SetOwner says who answers for a workflow, all its versions: one of the people
// who own it, 0 for the first of them.
func (e *Engine) SetOwner(ctx context.Context, actor auth.Actor, id, person int64) error {
	err := e.changeMembers(ctx, actor, id, func(tx *pg.Tx, w Workflow, list []Member) (string, error) {
		i := slices.IndexFunc(list, func(m Member) bool { return m.Level == auth.Owner && m.UserID != nil && *m.UserID == person })
		if i < 0 && person != 0 {
			return "", fault.Fields(map[string]string{"owner": "Choose one of the people who own the workflow."})
		}
		if person == ReadOwner(w.Options) {
			return "", nil
		}
		if _, err := tx.ExecContext(ctx, workflowQueries.Get("set_owner"), w.Key, person); err != nil {
			return "", err
		}
		if person == 0 {
			return fmt.Sprintf("Left it open who of its owners answers for the workflow “%s”.", w.Title), nil
		}
		return fmt.Sprintf("Made %s answer for the workflow “%s”.", list[i].Name, w.Title), nil
	})
	if err != nil {
		return fmt.Errorf("set the owner of workflow %d: %w", id, err)
	}
	return nil
}

// checkOptions says what is wrong with options that come as a whole, by field.
// What other programs put there is theirs, and of the reference's own options a
// foreign shape counts as not given (spec/engine.md §2.1).
func checkOptions(options json.RawMessage) map[string]string {
	problems := map[string]string{}
	if len(options) == 0 || string(options) == "null" {
		return problems
	}
	var o map[string]json.RawMessage
	if json.Unmarshal(options, &o) != nil {
		problems["options"] = "Send an object."
		return problems
	}
	given := func(name string) bool { raw, ok := o[name]; return ok && string(raw) != "null" }
	var p Priority
	if given("priority") && (json.Unmarshal(o["priority"], &p) != nil || !p.known()) {
		problems["options.priority"] = "Choose high, normal or low."
	}
	if given("ownerId") && ReadOwner(options) == 0 {
		problems["options.ownerId"] = "Send the id of a person who owns the workflow."
	}
	if !given("alerts") {
		return problems
	}
	var a WorkflowAlerts
	switch {
	case json.Unmarshal(o["alerts"], &a) != nil:
		problems["options.alerts"] = "Send an object with mode, owner, userIds, roles, after, minutes, every and recovered."
	case a.Mode != OwnAlerts && a.Mode != NoAlerts:
		problems["options.alerts.mode"] = "Choose own or none, or leave it to the server."
	case a.Mode == OwnAlerts:
		for field, problem := range a.problems() {
			problems["options.alerts."+field] = problem
		}
	}
	return problems
}

// mayHaveOptions returns what is wrong with new options for a workflow.
func (e *Engine) mayHaveOptions(ctx context.Context, actor auth.Actor, id int64, options json.RawMessage) error {
	problems := checkOptions(options)
	if a := ReadAlerts(options); len(problems) == 0 && a.Mode == OwnAlerts {
		wrong, err := e.alertPeople(ctx, actor, id, a.Alerts)
		if err != nil {
			return err
		}
		for field, problem := range wrong {
			problems["options.alerts."+field] = problem
		}
	}
	return fault.Fields(problems)
}

// changeOptions puts new options in the place of those of w, and notes it.
func (e *Engine) changeOptions(ctx context.Context, tx *pg.Tx, actor auth.Actor, w *Workflow, options json.RawMessage) error {
	if ReadOwner(options) != ReadOwner(w.Options) {
		if err := may(ctx, tx, actor, w.Key, auth.Owner); err != nil {
			return err
		}
	}
	if sameJSON(options, w.Options) {
		return nil
	}
	w.Options = options
	return actor.NoteOn(ctx, tx, w.ID, 0, e.now(), fmt.Sprintf("Changed the options of the workflow “%s” (version %d).", w.Title, w.Number))
}

// sameJSON reports whether two texts are the same value.
func sameJSON(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return bytes.Equal(a, b)
	}
	one, _ := json.Marshal(x)
	other, _ := json.Marshal(y)
	return bytes.Equal(one, other)
}
