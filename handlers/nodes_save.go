package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/views"
	"alur/views/nodeforms"
	"alur/views/triggerforms"
)

func (h *workflows) saveTrigger(c echo.Context) error {
	d, moved, err := h.openToChange(c)
	if err != nil {
		return err
	}
	return d.save(d.triggerPanel(), moved, func(p panel, config json.RawMessage, seen int64) error {
		_, err := h.engine.UpdateWorkflow(c.Request().Context(), actor(c), d.w.ID, engine.WorkflowChange{
			Seen: seen, TriggerTitle: &p.name, Config: config, Incomplete: true,
		})
		return err
	})
}

func (h *workflows) saveNode(c echo.Context) error {
	d, moved, err := h.openToChange(c)
	if err != nil {
		return err
	}
	n, err := d.node()
	if err != nil {
		return err
	}
	return d.save(d.nodePanel(n), moved, func(p panel, config json.RawMessage, seen int64) error {
		_, err := h.engine.UpdateNode(c.Request().Context(), actor(c), n.ID, engine.NodeChange{
			Seen: seen, Title: &p.name, Config: config, Incomplete: true,
		})
		return err
	})
}

func (h *workflows) openToChange(c echo.Context) (*desk, bool, error) {
	d, err := h.openFor(c, auth.Editor)
	if err != nil {
		return nil, false, err
	}
	return d.editable()
}

// save takes a posted drawer over, changes rows if that is what was asked,
// stores it, and answers with the drawer as typed. Stored is what the panel was
// before; moved tells that a draft was made for it.
func (d *desk) save(stored panel, moved bool, store func(p panel, config json.RawMessage, seen int64) error) error {
	c := d.c
	values, err := c.FormParams()
	if err != nil {
		return err
	}
	p := stored
	p.name = strings.TrimSpace(values.Get("title"))
	if p.form == nil {
		return fault.New(fault.Invalid, "Not saved: nobody here knows this type of node.")
	}
	p.form = newForm(p)
	p.form.Read(values, d.env)
	seen, _ := strconv.ParseInt(values.Get("revision"), 10, 64)
	verb, place, rows := strings.Cut(values.Get("do"), " ")
	switch {
	case verb == "overwrite": // after a conflict: what is there now has been shown
		seen, _ = strconv.ParseInt(place, 10, 64)
		rows = false
	case rows:
		p.form.Do(verb, place)
	}
	config := nodeforms.Decode(stored.config)
	p.form.Save(config)
	raw, err := json.Marshal(config)
	if err != nil {
		return fmt.Errorf("encode settings: %w", err)
	}
	p.typed = raw
	if p.problems = p.form.Problems(); len(p.problems) > 0 {
		return d.refuse(p, http.StatusUnprocessableEntity, nil)
	}
	if moved {
		seen = stored.revision // the draft has just been made from what was seen
	}
	err = store(p, raw, seen)
	f, _ := errors.AsType[*fault.Error](err)
	switch {
	case f != nil && f.Kind == fault.Invalid && len(f.Fields) > 0:
		p.problems = withoutPrefix(f.Fields)
		return d.refuse(p, http.StatusUnprocessableEntity, nil)
	case f != nil && f.Kind == fault.Conflict:
		p.revision = seen // what saves itself goes on being refused
		return d.refuse(p, http.StatusConflict, d.lost(stored, p, raw))
	case err != nil:
		return err
	case verb == "prune": // what was typed is saved; now ask
		branch, _ := strconv.Atoi(place)
		return d.c.Redirect(http.StatusSeeOther, d.branchURL(p.key, branch))
	}
	return d.saved(p, moved, rows)
}

func newForm(p panel) nodeforms.Form {
	if p.key == "trigger" {
		return triggerforms.Lookup(p.kind).New()
	}
	return nodeforms.Lookup(p.kind).New()
}

// withoutPrefix turns the API's field names into config keys.
func withoutPrefix(fields map[string]string) map[string]string {
	problems := map[string]string{}
	for field, msg := range fields {
		if field == "config" {
			field = ""
		}
		problems[strings.TrimPrefix(field, "config.")] = msg
	}
	return problems
}

// refuse answers with the drawer as typed and what is wrong with it.
func (d *desk) refuse(p panel, status int, lost *views.Lost) error {
	v := d.drawer(p)
	v.Lost = lost
	return render(d.c, status, views.EditorPage(d.editor(v)), views.NodeDrawer(*v))
}

// saved answers after a change: with the drawer as typed, and with everything
// its settings show in. Without JavaScript it leads back to the page, unless a
// row was added that is not worth storing yet.
func (d *desk) saved(p panel, moved, rows bool) error {
	after, err := d.h.openID(d.c, d.w.ID)
	if err != nil {
		return err
	}
	more := d.loadedBy(after, p.key)
	if !isPartial(d.c.Request()) && !rows {
		return done(d.c, after.panelURL(p.key), strings.TrimSpace("Saved. "+more))
	}
	if p.key == "trigger" {
		p.revision, p.problems = after.w.SettingsRevision, after.problemsAt("")
	} else {
		n, err := after.nodeCalled(p.key)
		if err != nil {
			return err
		}
		p.revision, p.problems = n.Revision, after.problemsAt(p.key)
	}
	p.url = after.panelURL(p.key)
	drawer := after.drawer(p)
	drawer.Saved = true
	if moved && isPartial(d.c.Request()) {
		after.replaceMain(p.url)
		after.toast = &views.Notice{State: views.Completed, Text: strings.TrimSpace("Your changes are in a draft. Publish it when it is ready. " + more)}
		return after.render(http.StatusOK, drawer)
	}
	if more != "" {
		after.toast = &views.Notice{State: views.Completed, Text: more}
	}
	return after.renderSaved(drawer)
}

// loadedBy says which relations others than what was saved load from now on, because
// a variable goes through them; "" for none. d is from before.
func (d *desk) loadedBy(after *desk, saved string) string {
	var says []string
	names := after.env.Names
	names.Groups = after.scope("")
	look := func(who, path string, was, is json.RawMessage) {
		loaded := engine.LoadedRelations(was)
		for _, relation := range engine.LoadedRelations(is) {
			if !slices.Contains(loaded, relation) {
				says = append(says, fmt.Sprintf("%s loads “%s” from now on.", who, names.Label(path+relation).Rest))
			}
		}
	}
	if saved != "trigger" {
		look("The trigger", "$context.data.", d.w.Config, after.w.Config)
	}
	for _, n := range after.nodes {
		if before := d.tree.Find(n.Key); before != nil && n.Key != saved {
			look("“"+nodeTitle(after.tree.Find(n.Key))+"”", "$jobsMapByNodeKey."+n.Key+".", before.Config, n.Config)
		}
	}
	return strings.Join(says, " ")
}

func (d *desk) panelURL(key string) string {
	if key == "trigger" {
		return d.url() + "/trigger"
	}
	return d.nodeURL(key)
}

// lost words an edit that somebody else was faster than: what is saved now, and
// what was not.
func (d *desk) lost(stored, mine panel, raw json.RawMessage) *views.Lost {
	now, err := d.h.openID(d.c, d.w.ID)
	if err != nil {
		now = d
	}
	theirs := stored
	if stored.key == "trigger" {
		theirs = now.triggerPanel()
	} else if n := now.tree.Find(stored.key); n != nil {
		theirs = now.nodePanel(n)
	}
	l := &views.Lost{When: words(d.c).Ago(now.w.UpdatedAt), Revision: theirs.revision}
	if now.w.UpdatedByID != nil {
		for _, u := range d.env.Users {
			if u.Value == views.ID(*now.w.UpdatedByID) {
				l.Who = u.Text
			}
		}
	}
	facts := func(name string, config json.RawMessage) []views.Fact {
		summary := nodeforms.SummaryOf
		if stored.key == "trigger" {
			summary = triggerforms.SummaryOf
		}
		list := []views.Fact{{Name: "Name", Value: name}, {Name: "In short", Value: summary(stored.kind, config, now.env)}}
		return append(list, settingsFacts(config)...)
	}
	l.Now, l.Mine = differing(facts(theirs.name, theirs.config), facts(mine.name, raw))
	return l
}

// settingsFacts lists settings by their key.
func settingsFacts(config json.RawMessage) []views.Fact {
	var list []views.Fact
	settings := nodeforms.Decode(config)
	for _, key := range sortedKeys(settings) {
		raw, _ := json.Marshal(settings[key])
		list = append(list, views.Fact{Name: key, Value: views.Clip(string(raw), 300)})
	}
	return list
}

func sortedKeys(o nodeforms.Object) []string {
	var keys []string
	for key := range o {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// differing leaves out the facts that are the same on both sides.
func differing(a, b []views.Fact) (onlyA, onlyB []views.Fact) {
	has := func(list []views.Fact, f views.Fact) bool { return slices.Contains(list, f) }
	for _, f := range a {
		if !has(b, f) {
			onlyA = append(onlyA, f)
		}
	}
	for _, f := range b {
		if !has(a, f) {
			onlyB = append(onlyB, f)
		}
	}
	return onlyA, onlyB
}
