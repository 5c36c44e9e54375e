package triggers

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"alur/engine"
	"alur/engine/collection"
	"alur/engine/expr"
	"alur/engine/fault"
	"alur/engine/pg"
)

// changesAtOnce is how many changes are looked at together: one statement for the
// condition and one for each relation of a workflow.
const changesAtOnce = 500

func (*collectionTrigger) Bind(e *engine.Engine) { e.Records.Listen(collectionListener{e}) }

// collectionListener turns changes into events for one engine. Their $context has:
//
//   - data: the record. After a create or update it is the record as it was written,
//     with its own fields, or read again with the relations in appends; after a
//     deletion the record as it was.
//   - event: "created", "updated" or "deleted"; "manual" when started by hand.
//   - previous: of an update, the own fields of the record as they were.
//   - changed: of an update, the names of the fields that differ, relations to many
//     among them when the write changed where they lead.
//   - user: {id, nickname} of the person who wrote; null when a workflow did, or
//     another program.
type collectionListener struct{ e *engine.Engine }

// Changed implements collection.Listener.
func (l collectionListener) Changed(ctx context.Context, tx *pg.Tx, a collection.Access, changes []collection.Change) error {
	armed, err := l.e.Armed(ctx, "collection")
	if err != nil || len(armed) == 0 {
		return err
	}
	w := reading{e: l.e, tx: tx, a: a, broken: map[int64]bool{}, several: len(changes) > 1}
	events := 0
	for _, w := range armed {
		c := w.Config.(CollectionConfig)
		for _, ch := range changes {
			if c.wants(ch) {
				events++
			}
		}
	}
	if events > collection.MostHeard {
		return collection.TooMany(events)
	}
	if events == 0 {
		return nil
	}
	for part := range slices.Chunk(changes, changesAtOnce) {
		events, err := w.events(ctx, armed, part)
		if err != nil {
			return err
		}
		if err := l.e.Start(ctx, tx, events); err != nil {
			return err
		}
	}
	return nil
}

// Long implements collection.Listener: synchronous workflows run inside the
// change's transaction.
func (l collectionListener) Long(ctx context.Context, collection string) (bool, error) {
	armed, err := l.e.Armed(ctx, "collection")
	return slices.ContainsFunc(armed, func(w *engine.Armed) bool {
		return w.Sync && w.Config.(CollectionConfig).name() == collection
	}), err
}

// Starts implements collection.Listener.
func (l collectionListener) Starts(ctx context.Context) (each, bulk map[string]bool, err error) {
	armed, err := l.e.Armed(ctx, "collection")
	each, bulk = map[string]bool{}, map[string]bool{}
	for _, w := range armed {
		c := w.Config.(CollectionConfig)
		each[c.name()] = true
		bulk[c.name()] = bulk[c.name()] || c.Bulk
	}
	return each, bulk, err
}

// reading makes events of the changes of one write.
type reading struct {
	e      *engine.Engine
	tx     *pg.Tx
	a      collection.Access
	broken map[int64]bool // workflows whose settings do not fit, which is on record already

	several bool // the write is of more records than one
}

// events are those of changes, in their order, and for each change in that of the
// workflows.
func (r reading) events(ctx context.Context, armed []*engine.Armed, changes []collection.Change) ([]engine.Event, error) {
	data := make([][]collection.Record, len(armed)) // by workflow and change; nil where nothing starts
	for i, w := range armed {
		c := w.Config.(CollectionConfig)
		var wanted []int
		for at, ch := range changes {
			if c.wants(ch) {
				wanted = append(wanted, at)
			}
		}
		if len(wanted) == 0 || r.broken[w.ID] {
			continue
		}
		data[i] = make([]collection.Record, len(changes))
		err := r.read(ctx, c, changes, wanted, data[i])
		if fault.Is(err, fault.Invalid) {
			data[i], r.broken[w.ID] = nil, true
			err = r.misfit(ctx, w, err, changes[0].Outside)
		}
		if err != nil {
			return nil, err
		}
	}
	var events []engine.Event
	for at, ch := range changes {
		for i, w := range armed {
			if data[i] != nil && data[i][at] != nil {
				if ch.Outside && w.Sync { // there is nothing to take part in any more
					later := *w
					later.Sync = false
					w = &later
				}
				ev := engine.Event{Workflow: w, Context: r.context(ch, data[i][at]), Stack: r.a.Stack,
					CreatedBy: r.a.Actor.UserID, MustSucceed: w.Config.(CollectionConfig).RollbackOnFailure}
				if r.several && ch.Before != nil { // a new one is not there any more when it is refused
					ev.Record = collection.Format(ch.Collection.ID(ch.Before))
				}
				events = append(events, ev)
			}
		}
	}
	return events, nil
}

// read puts the records of the wanted changes into out, as far as they meet the
// condition.
func (r reading) read(ctx context.Context, c CollectionConfig, changes []collection.Change, wanted []int, out []collection.Record) error {
	coll := changes[wanted[0]].Collection
	if len(c.Changed) > 0 && !slices.ContainsFunc(c.Changed, func(name string) bool { return coll.Field(name) != nil }) {
		return fault.New(fault.Invalid, fmt.Sprintf("none of the fields that it watches is there any more (“%s”).", c.Changed[0]))
	}
	if c.deletes() {
		for _, at := range wanted {
			out[at] = changes[at].Before
		}
		return nil
	}
	ids := make([]any, len(wanted))
	for i, at := range wanted {
		ids[i] = coll.ID(changes[at].After)
	}
	condition, err := c.filter(r.e)
	if err != nil {
		return err
	}
	met := map[string]bool(nil)
	if condition != nil {
		if met, err = r.e.Records.Matching(ctx, r.tx, coll.Name, ids, condition); err != nil || len(met) == 0 {
			return err
		}
	}
	loaded := map[string]collection.Record(nil)
	if len(c.Appends) > 0 {
		page, err := r.e.Records.List(ctx, r.tx, systemAccess, coll.Name, collection.Query{
			Filter: map[string]any{coll.Key().Name: map[string]any{"$in": ids}}, Appends: c.Appends, All: true})
		if err != nil {
			return err
		}
		loaded = map[string]collection.Record{}
		for _, rec := range page.Records {
			loaded[collection.Format(coll.ID(rec))] = rec
		}
	}
	for i, at := range wanted {
		switch id := collection.Format(ids[i]); {
		case condition != nil && !met[id]:
		case loaded != nil:
			out[at] = loaded[id]
		default:
			out[at] = changes[at].After
		}
	}
	return nil
}

// context is $context.
func (r reading) context(ch collection.Change, data collection.Record) map[string]any {
	out := map[string]any{"data": data, "user": nil}
	if u := r.a.Actor; u.Signed() && !u.IsSystem() {
		out["user"] = map[string]any{"id": float64(u.UserID), "nickname": u.Name}
	}
	switch ch.Kind {
	case collection.Created:
		out["event"] = "created"
	case collection.Deleted:
		out["event"] = "deleted"
	case collection.Updated:
		changed := []any{}
		for _, name := range slices.Concat(ch.Changed, ch.Linked) {
			if !slices.Contains(changed, any(name)) {
				changed = append(changed, name)
			}
		}
		out["event"], out["previous"], out["changed"] = "updated", ch.Before, changed
	}
	return out
}

// misfit is for settings that do not fit the collection any more. They stop no
// one's work, except when nothing may be saved without this workflow; what other
// programs changed is saved already.
func (r reading) misfit(ctx context.Context, w *engine.Armed, cause error, saved bool) error {
	words := cause.Error()
	if f, ok := errors.AsType[*fault.Error](cause); ok {
		words = f.Msg
	}
	if !saved && w.Sync && w.Config.(CollectionConfig).RollbackOnFailure {
		return fault.Wrap(fault.Invalid, fmt.Sprintf("Not saved. The workflow “%s” must agree to this change, and its trigger does not fit the collection any more: %s", w.Title, words), cause)
	}
	return r.e.Skip(ctx, r.tx, w, engine.BrokenTrigger, "The trigger does not fit its collection any more: "+words, r.a.Stack)
}

// filter is the condition of c with the variables of the system filled in; nil when
// there is none.
func (c CollectionConfig) filter(e *engine.Engine) (any, error) {
	if hollow(c.Condition.Value()) {
		return nil, nil
	}
	if len(c.Condition.Paths()) == 0 {
		return c.Condition.Value(), nil
	}
	vars := expr.Vars{"$system": e.SystemVars()}
	if missing := c.Condition.Missing(vars); len(missing) > 0 {
		return nil, fault.New(fault.Invalid, fmt.Sprintf("its condition uses “%s”, which has no value.", missing[0]))
	}
	return c.Condition.Eval(vars)
}

// hollow reports whether a filter has no condition: nothing, {}, or groups of such.
func hollow(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		return !slices.ContainsFunc(v, func(part any) bool { return !hollow(part) })
	case map[string]any:
		for key, part := range v {
			if key != "$and" && key != "$or" || !hollow(part) {
				return false
			}
		}
		return true
	}
	return false
}

// wants reports whether change is of the kind c asks for.
func (c CollectionConfig) wants(change collection.Change) bool {
	switch {
	case c.name() != change.Collection.Name, c.Mode&int(change.Kind) == 0,
		change.Bulk && !c.Bulk, change.Outside && !c.External,
		change.Nested && c.Nested != nil && !*c.Nested:
		return false
	case change.Kind != collection.Updated, len(c.Changed) == 0:
		return true
	}
	known := false
	for _, name := range c.Changed {
		f := change.Collection.Field(name)
		if f == nil {
			continue
		}
		known = true
		if f.Type == collection.BelongsTo {
			name = f.ForeignKey
		}
		if slices.Contains(change.Changed, name) || slices.Contains(change.Linked, name) {
			return true
		}
	}
	return !known // read finds that nothing it watches is left
}
