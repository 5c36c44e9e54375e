package triggers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
)

var _ = engine.RegisterTrigger(&collectionTrigger{})

// CollectionConfig is the settings of a collection trigger (spec/triggers-core.md §2).
type CollectionConfig struct {
	Collection        string         `json:"collection"`
	Mode              int            `json:"mode"`    // sum of 1 created, 2 updated, 4 deleted; 0: not chosen yet
	Changed           []string       `json:"changed"` // updates count only when one of these fields changed
	Condition         map[string]any `json:"condition"`
	Appends           []string       `json:"appends"`
	RollbackOnFailure bool           `json:"rollbackOnFailure"` // synchronous workflows only
}

// name is the collection without its data source; "main" is the only one.
func (c CollectionConfig) name() string { return strings.TrimPrefix(c.Collection, "main:") }

var collectionModes = []int{1, 2, 3, 4}

// problems returns what is wrong with c on its own.
func (c CollectionConfig) problems() node.Problems {
	p := node.Problems{}
	if c.Collection == "" {
		p["collection"] = "Choose the collection whose records start this workflow."
	}
	if !slices.Contains(collectionModes, c.Mode) {
		p["mode"] = "Choose when it starts: after a record is created, updated, created or updated, or deleted."
	}
	if len(c.Changed) > 0 && c.Mode&int(collection.Updated) == 0 {
		p["changed"] = "Changed fields only make sense for updates. Remove them."
	}
	if len(c.Appends) > 0 && c.Mode == int(collection.Deleted) {
		p["appends"] = "A deleted record has no relations left to load. Remove them."
	}
	return p
}

// collectionTrigger starts workflows when a record is created, updated or
// deleted, in the transaction that does it.
type collectionTrigger struct{}

func (*collectionTrigger) Name() string { return "collection" }

func (*collectionTrigger) Decode(raw json.RawMessage) (any, node.Problems) {
	var c CollectionConfig
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &c); err != nil {
			return nil, node.Problems{"": "The settings of this trigger are not readable: " + err.Error()}
		}
	}
	return c, nil
}

func (t *collectionTrigger) Check(raw json.RawMessage, cat node.Catalogue) node.Problems {
	decoded, p := t.Decode(raw)
	if len(p) > 0 {
		return p
	}
	c := decoded.(CollectionConfig)
	p = c.problems()
	if c.Collection == "" {
		return p
	}
	if _, ok := cat.Fields(c.name()); !ok {
		p["collection"] = fmt.Sprintf("There is no collection “%s” any more. Choose another.", c.name())
		return p
	}
	f := node.Fields{Catalogue: cat}
	for field, problem := range map[string]string{
		"changed": f.Paths(c.name(), c.Changed), "condition": f.Filter(c.name(), c.Condition), "appends": f.Paths(c.name(), c.Appends),
	} {
		if problem != "" && p[field] == "" {
			p[field] = problem
		}
	}
	return p
}

func (t *collectionTrigger) Outputs(raw json.RawMessage, cat node.Catalogue) []node.Variable {
	decoded, p := t.Decode(raw)
	if len(p) > 0 {
		return nil
	}
	c := decoded.(CollectionConfig)
	record := node.Variable{Path: "data", Title: "Record", Target: c.name()}
	record.Children, _ = cat.Fields(c.name())
	return []node.Variable{record}
}

func (*collectionTrigger) Bind(e *engine.Engine) { e.Records.Listen(collectionListener{e}) }

// collectionListener turns changes into events for one engine.
type collectionListener struct{ e *engine.Engine }

// Changed implements collection.Listener.
func (l collectionListener) Changed(ctx context.Context, tx *pg.Tx, a collection.Access, changes []collection.Change) error {
	armed, err := l.e.Armed(ctx, "collection")
	if err != nil || len(armed) == 0 {
		return err
	}
	var events []engine.Event
	for _, change := range changes {
		for _, w := range armed {
			c := w.Config.(CollectionConfig)
			if !c.wants(change) {
				continue
			}
			data, ok, err := l.data(ctx, tx, c, change)
			if fault.Is(err, fault.Invalid) {
				err = l.broken(ctx, tx, a, w, err)
			}
			if err != nil {
				return err
			}
			if ok {
				events = append(events, engine.Event{
					Workflow: w, Context: map[string]any{"data": data}, Stack: a.Stack,
					CreatedBy: a.Actor.UserID, MustSucceed: c.RollbackOnFailure,
				})
			}
		}
	}
	return l.e.Start(ctx, tx, events)
}

// Long implements collection.Listener: synchronous workflows run inside the
// change's transaction.
func (l collectionListener) Long(ctx context.Context, collection string) (bool, error) {
	armed, err := l.e.Armed(ctx, "collection")
	return slices.ContainsFunc(armed, func(w *engine.Armed) bool {
		return w.Sync && w.Config.(CollectionConfig).name() == collection
	}), err
}

// broken is for settings that do not fit the collection any more. They stop no
// one's work, except when nothing may be saved without this workflow.
func (l collectionListener) broken(ctx context.Context, tx *pg.Tx, a collection.Access, w *engine.Armed, cause error) error {
	words := cause.Error()
	if f, ok := errors.AsType[*fault.Error](cause); ok {
		words = f.Msg
	}
	if w.Sync && w.Config.(CollectionConfig).RollbackOnFailure {
		return fault.Wrap(fault.Invalid, fmt.Sprintf("Not saved. The workflow “%s” must agree to this change, and its trigger does not fit the collection any more: %s", w.Title, words), cause)
	}
	return l.e.Skip(ctx, tx, w, engine.BrokenTrigger, "The trigger does not fit its collection any more: "+words, a.Stack)
}

// wants reports whether change is of the kind c asks for.
func (c CollectionConfig) wants(change collection.Change) bool {
	if c.name() != change.Collection.Name || c.Mode&int(change.Kind) == 0 {
		return false
	}
	if change.Kind != collection.Updated || len(c.Changed) == 0 {
		return true
	}
	return slices.ContainsFunc(c.Changed, func(name string) bool {
		f := change.Collection.Field(name)
		if f == nil {
			return false
		}
		if f.Type == collection.BelongsTo {
			name = f.ForeignKey
		}
		return slices.Contains(change.Changed, name)
	})
}

// data returns the record for $context, or false when the condition does not
// hold for it.
func (l collectionListener) data(ctx context.Context, tx *pg.Tx, c CollectionConfig, change collection.Change) (any, bool, error) {
	if change.Kind == collection.Deleted {
		return change.Before, true, nil
	}
	id := change.Collection.ID(change.After)
	if len(c.Condition) > 0 {
		ok, err := l.e.Records.Matches(ctx, tx, change.Collection.Name, id, c.Condition)
		if err != nil || !ok {
			return nil, false, err
		}
	}
	if len(c.Appends) == 0 {
		return change.After, true, nil
	}
	record, err := l.e.Records.First(ctx, tx, systemAccess, change.Collection.Name, collection.Query{
		Filter: change.Collection.Keyed(id), Appends: c.Appends,
	})
	return record, record != nil, err
}

// Asks implements engine.Starter.
func (*collectionTrigger) Asks(config any) (string, bool) {
	return config.(CollectionConfig).name(), true
}

// Manual implements engine.Starter: values.data is a record or the id of one
// (spec/triggers-core.md §2.7).
func (*collectionTrigger) Manual(ctx context.Context, e *engine.Engine, q pg.Q, config any, values map[string]any) (map[string]any, bool, error) {
	c := config.(CollectionConfig)
	data, err := chosenRecord(ctx, e, q, c.name(), c.Appends, values)
	if err != nil {
		return nil, false, err
	}
	if id := data["id"]; id != nil && len(c.Condition) > 0 {
		met, err := e.Records.Matches(ctx, q, c.name(), id, c.Condition)
		if err != nil || !met {
			return nil, false, err
		}
	}
	return map[string]any{"data": data}, true, nil
}

// chosenRecord is the record to start a workflow with by hand, from values.data: a
// record, which is read again when relations are wanted, or the key of one.
func chosenRecord(ctx context.Context, e *engine.Engine, q pg.Q, collectionName string, appends []string, values map[string]any) (map[string]any, error) {
	data, given := values["data"].(map[string]any)
	if given && len(appends) == 0 {
		return data, nil
	}
	id := values["data"]
	if given {
		id = data["id"]
	}
	if id == nil {
		return nil, fault.New(fault.Invalid, "Say which record to start with: send its id, or the record itself, as “data”.")
	}
	record, err := e.Records.First(ctx, q, systemAccess, collectionName, collection.Query{Filter: map[string]any{"id": id}, Appends: appends})
	if err == nil && record == nil {
		err = fault.New(fault.Invalid, fmt.Sprintf("There is no record %v in “%s”. Choose another.", id, collectionName))
	}
	return record, err
}

// systemAccess reads what the engine needs, whoever caused it.
var systemAccess = collection.Access{Actor: auth.System}
