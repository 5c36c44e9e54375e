package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

// WorkflowChange names what [Engine.UpdateWorkflow] sets; nil leaves a value as
// it is.
type WorkflowChange struct {
	Seen         int64 // SettingsRevision the change is based on; 0 changes whatever is there
	Title        *string
	Description  *string
	TriggerTitle *string
	Config       json.RawMessage // the trigger's settings, as a whole
	Incomplete   bool            // as in NodeChange, for Config
	Options      json.RawMessage
	Categories   *[]int64 // these and no others; those that do not exist are passed over
	Current      bool     // takes the place of the version that is current, on or off as Enabled says
	Enabled      *bool    // as [Engine.EnableWorkflow] does, with the rest or not at all
}

// UpdateWorkflow changes a version's own row. It returns Conflict when somebody
// else changed the row after the revision the change is based on, Invalid for the
// settings of a trigger whose version has run, and [NotReady] for what cannot be
// turned on.
func (e *Engine) UpdateWorkflow(ctx context.Context, actor auth.Actor, id int64, c WorkflowChange) (Workflow, error) {
	if err := e.mayHaveOptions(ctx, actor, id, c.Options); err != nil {
		return Workflow{}, err
	}
	w, err := e.change(ctx, actor, id, func(ctx context.Context, tx *pg.Tx, w *Workflow, nodes []Node) error {
		return e.apply(ctx, tx, actor, w, nodes, c)
	})
	if err != nil {
		return Workflow{}, fmt.Errorf("update workflow %d: %w", id, err)
	}
	return w, nil
}

// UpdateWorkflows is UpdateWorkflow for several versions, all or none; the ids of the
// changed ones come back. Those that are not there are passed over, unless c has
// settings of a trigger.
func (e *Engine) UpdateWorkflows(ctx context.Context, actor auth.Actor, ids []int64, c WorkflowChange) (changed []int64, err error) {
	for _, id := range ids {
		if err := e.mayHaveOptions(ctx, actor, id, c.Options); err != nil && !fault.Is(err, fault.NotFound) {
			return nil, fault.OfOne(err, len(ids), "Workflow", id)
		}
	}
	err = e.changing(ctx, func(tx *pg.Tx) (tell bool, err error) {
		changed = []int64{}
		for _, id := range sorted(ids) {
			_, told, err := e.changeIn(ctx, tx, actor, id, func(ctx context.Context, tx *pg.Tx, w *Workflow, nodes []Node) error {
				return e.apply(ctx, tx, actor, w, nodes, c)
			})
			switch {
			case fault.Is(err, fault.NotFound) && len(c.Config) == 0:
				continue
			case err != nil:
				return false, fault.OfOne(err, len(ids), "Workflow", id)
			}
			changed, tell = append(changed, id), tell || told
		}
		return tell, nil
	})
	if err != nil {
		return nil, fmt.Errorf("update %d workflows: %w", len(ids), err)
	}
	return changed, nil
}

// apply writes c to the row of w, which is locked.
func (e *Engine) apply(ctx context.Context, tx *pg.Tx, actor auth.Actor, w *Workflow, nodes []Node, c WorkflowChange) error {
	if c.Seen != 0 && c.Seen != w.SettingsRevision {
		return errLost
	}
	if len(c.Config) > 0 {
		if w.Frozen() {
			return errFrozen
		}
		if err := fault.Fields(e.checkTrigger(w.Type, c.Config, c.Incomplete)); err != nil {
			return err
		}
		w.Config = c.Config
	}
	if c.Title != nil {
		w.Title = strings.TrimSpace(*c.Title)
	}
	if w.Title == "" && c.Title != nil {
		return fault.Fields(map[string]string{"title": "Give the workflow a name."})
	}
	if len(w.Title) > 255 {
		return fault.Fields(map[string]string{"title": "Write at most 255 characters."})
	}
	if c.Description != nil {
		w.Description = *c.Description
	}
	if c.Description != nil && utf8.RuneCountInString(w.Description) > maxDescription {
		return errDescription
	}
	if c.TriggerTitle != nil {
		w.TriggerTitle = strings.TrimSpace(*c.TriggerTitle)
	}
	if len(c.Options) > 0 {
		if err := fault.Fields(checkOptions(c.Options)); err != nil {
			return err
		}
		if err := e.changeOptions(ctx, tx, actor, w, orObject(c.Options)); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, workflowQueries.Get("update"), w.ID, w.Title, w.Description,
		w.TriggerTitle, w.Config, w.Options)
	if err == nil && c.Categories != nil {
		err = categorize(ctx, tx, []int64{w.ID}, *c.Categories)
	}
	switch {
	case err != nil:
		return err
	case c.Enabled != nil && *c.Enabled != w.Enabled:
		return e.turn(ctx, tx, actor, w, nodes, *c.Enabled)
	case c.Current && !w.Current:
		return e.promote(ctx, tx, actor, w, nodes, false)
	}
	return nil
}

// NotReady is why a workflow cannot be enabled: every problem at its node.
type NotReady struct{ Problems []Problem }

func (n *NotReady) Error() string { return n.Unwrap().(*fault.Error).Msg }

// Unwrap classifies a NotReady as Invalid, in words that fit a list, and with a
// field for each problem: "config.mode", "nodes.k3f.config.collection".
func (n *NotReady) Unwrap() error {
	msg := "This workflow cannot be turned on yet. " + n.Problems[0].String()
	if more := len(n.Problems) - 1; more == 1 {
		msg += " One more problem is marked."
	} else if more > 1 {
		msg += fmt.Sprintf(" %d more problems are marked.", more)
	}
	f := fault.New(fault.Invalid, msg)
	f.Fields = map[string]string{}
	for _, p := range n.Problems {
		name := "config"
		if p.NodeKey != "" {
			name = "nodes." + p.NodeKey + ".config"
		}
		f.Fields[join(name, p.Field)] = p.String()
	}
	return f
}

// EnableWorkflow turns a version on or off. Turning one on makes it the current
// version and turns every other version of its key off; what cannot run is
// refused with [NotReady]. Turning off keeps the version current.
func (e *Engine) EnableWorkflow(ctx context.Context, actor auth.Actor, id int64, on bool) (Workflow, error) {
	w, err := e.change(ctx, actor, id, func(ctx context.Context, tx *pg.Tx, w *Workflow, nodes []Node) error {
		return e.turn(ctx, tx, actor, w, nodes, on)
	})
	if err != nil {
		return Workflow{}, fmt.Errorf("enable workflow %d: %w", id, err)
	}
	return w, nil
}

// turn turns w, which is locked, on or off. Its schedule is planned by who calls.
func (e *Engine) turn(ctx context.Context, tx *pg.Tx, actor auth.Actor, w *Workflow, nodes []Node, on bool) error {
	if !on {
		if _, err := tx.ExecContext(ctx, workflowQueries.Get("disable"), w.ID); err != nil {
			return err
		}
		w.Enabled = false
		return actor.NoteOn(ctx, tx, w.ID, 0, e.now(), fmt.Sprintf("Turned off the workflow “%s” (version %d).", w.Title, w.Number))
	}
	if problems := e.Check(ctx, *w, nodes); len(problems) > 0 {
		return &NotReady{problems}
	}
	if _, err := tx.ExecContext(ctx, workflowQueries.Get("retire"), w.Key, w.ID); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, workflowQueries.Get("enable"), w.ID); err != nil {
		return err
	}
	w.Enabled, w.Current = true, true
	return actor.NoteOn(ctx, tx, w.ID, 0, e.now(), fmt.Sprintf("Published the workflow “%s” (version %d).", w.Title, w.Number))
}

// promote makes w, which is locked or new, the current version of its key, on or
// off. The one that was goes off (spec/engine.md §4), and so does its schedule.
func (e *Engine) promote(ctx context.Context, tx *pg.Tx, actor auth.Actor, w *Workflow, nodes []Node, on bool) error {
	if on {
		if err := e.turn(ctx, tx, actor, w, nodes, true); err != nil {
			return err
		}
		return e.plan(ctx, tx, *w)
	}
	if _, err := tx.ExecContext(ctx, workflowQueries.Get("retire"), w.Key, w.ID); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, workflowQueries.Get("take_over"), w.ID, false); err != nil {
		return err
	}
	w.Enabled, w.Current = false, true
	return e.plan(ctx, tx, *w)
}
