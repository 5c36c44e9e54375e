package engine

import (
	"context"
	"fmt"
	"strconv"

	"github.com/lib/pq"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
)

// Refused is why a file does not come in: what is wrong with its workflows, by
// their number in the file from 0.
type Refused struct{ Wrong map[int][]Problem }

func (r *Refused) Error() string { return r.Unwrap().(*fault.Error).Msg }

// Unwrap classifies a Refused as Invalid, with a field for each problem:
// "workflows.0.nodes.k3f.config.mode", "workflows.0.trigger.config.mode", or "workflows.0.title" of the workflow
// itself.
func (r *Refused) Unwrap() error {
	f := fault.New(fault.Invalid, "Nothing was imported: some workflows of the file cannot be made. Leave them out, or correct the file.")
	f.Fields = map[string]string{}
	for i, problems := range r.Wrong {
		for _, p := range problems {
			at := "workflows." + strconv.Itoa(i)
			if p.NodeKey != "" {
				at = join(at, "nodes."+p.NodeKey)
			}
			f.Fields[join(at, p.Field)] = p.String()
		}
	}
	return f
}

// ImportWorkflows makes the workflows of a file, all of them or none. They are off.
// Each is a workflow of its own, which actor owns, unless [Choices] make it a
// version of one that is here. The key of the file stays when actor manages all
// workflows and no workflow has it. It returns what was made, in the order of the
// file, and [Refused] for what nobody could save.
func (e *Engine) ImportWorkflows(ctx context.Context, actor auth.Actor, file Portable, c Choices) ([]Workflow, error) {
	p, err := e.PreviewImport(ctx, actor, file, c)
	if err != nil {
		return nil, err
	}
	refused, any := Refused{Wrong: map[int][]Problem{}}, false
	for i, a := range p.Arrivals {
		if !c.Leave[i] {
			any = true
			if len(a.Wrong) > 0 {
				refused.Wrong[i] = a.Wrong
			}
		}
	}
	switch {
	case !any:
		return nil, fault.Fields(map[string]string{"take": "Choose at least one workflow to import."})
	case len(refused.Wrong) > 0:
		return nil, &refused
	}
	if err := e.known(ctx, c.People); err != nil {
		return nil, err
	}
	var made []Workflow
	err = e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		made = nil
		for i, a := range p.Arrivals {
			if c.Leave[i] {
				continue
			}
			w, err := e.admit(ctx, tx, actor, a, c.Versions[i])
			if err != nil {
				return err
			}
			made = append(made, w)
		}
		return nil
	})
	switch pg.Code(err) {
	case "22P05", "22021", "22P02", "22003": // jsonb holds no such character, no such number
		return nil, fault.Wrap(fault.Invalid, "Nothing was imported: the file holds a character or a number that cannot be stored, such as \\u0000. Take it out.", err)
	}
	if err != nil {
		return nil, fmt.Errorf("import workflows: %w", err)
	}
	return made, nil
}

// known refuses people who are not here.
func (e *Engine) known(ctx context.Context, people map[string]int64) error {
	var ids pq.Int64Array
	for _, id := range people {
		if id != 0 {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var rows []person
	if err := e.DB.SelectContext(ctx, &rows, portableSQL.Get("people"), ids, pq.StringArray{}, pq.StringArray{}); err != nil {
		return fmt.Errorf("look for people: %w", err)
	}
	active := map[int64]bool{}
	for _, r := range rows {
		active[r.ID] = r.Active
	}
	problems := map[string]string{}
	for key, id := range people {
		if id != 0 && !active[id] {
			problems["people."+key] = "There is no such person, or they were deactivated. Choose somebody else, or nobody."
		}
	}
	return fault.Fields(problems)
}

// admit writes one workflow.
func (e *Engine) admit(ctx context.Context, tx *pg.Tx, actor auth.Actor, a Arrival, version bool) (Workflow, error) {
	w := a.w
	switch {
	case version:
		here, _, err := e.lock(ctx, tx, actor, a.Here.ID, auth.Editor)
		if err != nil {
			return w, err
		}
		w.Key = here.Key
	case w.Key == "" || !actor.Can(auth.ManageWorkflows):
		w.Key = newKey(11)
	default:
		var taken bool
		if err := tx.GetContext(ctx, &taken, portableSQL.Get("key_taken"), w.Key); err != nil {
			return w, fmt.Errorf("look for workflow %q: %w", w.Key, err)
		}
		if taken {
			w.Key = newKey(11)
		}
	}
	_, err := tx.ExecContext(ctx, workflowQueries.Get("create"), w.ID, w.Key, w.Title, w.Description, w.Type, w.TriggerTitle, w.Config,
		w.Options, w.Sync, userID(actor), e.now())
	if err != nil {
		return w, fmt.Errorf("make workflow %q: %w", w.Title, err)
	}
	if _, err := tx.ExecContext(ctx, workflowQueries.Get("create_stats"), w.Key, w.ID); err != nil {
		return w, fmt.Errorf("start the statistics of workflow %q: %w", w.Title, err)
	}
	if err := e.sort(ctx, tx, actor, w.ID, a.Portable); err != nil {
		return w, err
	}
	for _, n := range a.nodes {
		_, err := tx.ExecContext(ctx, workflowQueries.Get("add_node"), n.ID, n.Key, n.Title, w.ID, n.UpstreamID, n.DownstreamID,
			n.BranchIndex, n.Type, n.Config, 1, e.now())
		if err != nil {
			return w, fmt.Errorf("make node %q of workflow %q: %w", n.Key, w.Title, err)
		}
	}
	if err := e.own(ctx, tx, actor, w.Key); err != nil {
		return w, err
	}
	if w, _, err = loadWorkflow(ctx, tx, auth.System.Reach(auth.Viewer), w.ID); err != nil {
		return w, err
	}
	return w, actor.NoteOn(ctx, tx, w.ID, 0, e.now(), fmt.Sprintf("Imported the workflow “%s” (version %d) from a file.", w.Title, w.Number))
}

// sort gives a version the categories of the file; those that are not here are made
// by who may.
func (e *Engine) sort(ctx context.Context, tx *pg.Tx, actor auth.Actor, id int64, p PortableWorkflow) error {
	known, err := e.categoriesCalled(ctx, tx, []PortableWorkflow{p})
	if err != nil {
		return err
	}
	var ids []int64
	for _, title := range p.Categories {
		if known[title] == 0 && title != "" && actor.Can(auth.ManageWorkflows) {
			made, err := e.Records.Create(ctx, tx, collection.Access{Actor: actor}, "workflowCategories", collection.Record{"title": title}, nil)
			if err != nil {
				return fmt.Errorf("make category %q: %w", title, err)
			}
			made64, _ := made["id"].(float64)
			known[title] = int64(made64)
		}
		if known[title] != 0 {
			ids = append(ids, known[title])
		}
	}
	return categorize(ctx, tx, []int64{id}, ids)
}

// categoriesCalled are the categories of workflows that are here, by title.
func (e *Engine) categoriesCalled(ctx context.Context, q pg.Q, workflows []PortableWorkflow) (map[string]int64, error) {
	titles := pq.StringArray{}
	for _, w := range workflows {
		titles = append(titles, w.Categories...)
	}
	var rows []Category
	if err := q.SelectContext(ctx, &rows, portableSQL.Get("categories_called"), titles); err != nil {
		return nil, fmt.Errorf("look for categories: %w", err)
	}
	known := map[string]int64{}
	for _, c := range rows {
		if known[c.Title] == 0 {
			known[c.Title] = c.ID
		}
	}
	return known, nil
}
