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
	"alur/engine/expr"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
)

var _ = engine.RegisterTrigger(&collectionTrigger{})

// CollectionConfig is the settings of a collection trigger (spec/triggers-core.md §2).
type CollectionConfig struct {
	Collection        string        `json:"collection"`
	Mode              int           `json:"mode"`              // sum of 1 created, 2 updated, 4 deleted; 0: not chosen yet
	Changed           []string      `json:"changed"`           // updates count only when one of these fields changed; see below
	Condition         expr.Template `json:"condition"`         // a filter that the record meets after the write; empty: any. Of variables it may use $system
	Appends           []string      `json:"appends"`           // relations to load with the record
	RollbackOnFailure bool          `json:"rollbackOnFailure"` // synchronous workflows only

	// Nested counts records that were written for another one: those that a value of
	// it held, and links. nil is true; the reference never counts them.
	Nested *bool `json:"nested"`
	// Bulk counts changes of many records in one go, and what the database does to
	// records when one that they belong to is deleted. The reference never counts
	// them, and workflows that were made to rely on it leave this out.
	Bulk bool `json:"bulk"`
	// External counts changes that other programs make to the table, from when they
	// are committed: nothing can refuse them any more. The reference has no such thing.
	External bool `json:"external"`
}

// Changed of a relation to many counts updates of the record that name the relation:
// the set, or what is added to it and taken out ([collection.Store.Relate]). The
// reference knows no such thing (spec/triggers-core.md §2.3), and it is not all that
// one expects: a line that is created for an order, or gets another one, is no update
// of the order. So the form does not offer them.

// name is the collection without its data source; "main" is the only one.
func (c CollectionConfig) name() string { return strings.TrimPrefix(c.Collection, "main:") }

// deletes reports whether c is about deletions, for which conditions and relations
// count for nothing.
func (c CollectionConfig) deletes() bool { return c.Mode == int(collection.Deleted) }

var collectionModes = []int{1, 2, 3, 4}

// problems returns what is wrong with c on its own.
func (c CollectionConfig) problems() node.Problems {
	p := node.Problems{}
	source, _, foreign := strings.Cut(c.name(), ":")
	switch {
	case c.Collection == "":
		p["collection"] = "Choose the collection whose records start this workflow."
	case foreign:
		p["collection"] = fmt.Sprintf("There is no data source “%s”. Choose a collection of this server.", source)
	}
	if !slices.Contains(collectionModes, c.Mode) {
		p["mode"] = "Choose when it starts: after a record is created, updated, created or updated, or deleted."
	}
	if len(c.Changed) > 0 && c.Mode&int(collection.Updated) == 0 {
		p["changed"] = "Changed fields only make sense for updates. Remove them."
	}
	if len(c.Appends) > 0 && c.deletes() {
		p["appends"] = "A deleted record has no relations left to load. Remove them."
	}
	for _, path := range c.Condition.Paths() {
		if root, _, _ := strings.Cut(strings.TrimPrefix(path, "ctx."), "."); root != "$system" {
			p["condition"] = fmt.Sprintf("This condition is looked at before anything runs, so “%s” has no value in it. Use a value, or a variable of the system.", path)
		}
	}
	return p
}

// collectionTrigger starts workflows when a record is created, updated or
// deleted, in the transaction that does it.
type collectionTrigger struct{}

func (*collectionTrigger) Name() string { return "collection" }

func (*collectionTrigger) Decode(raw json.RawMessage) (any, node.Problems) {
	var c CollectionConfig
	wrong, whole := readConfig(raw, &c)
	switch {
	case whole && len(wrong) > 0:
		return nil, wrong.Above(c.problems())
	case len(wrong) > 0:
		return nil, wrong
	}
	return c, nil
}

// readConfig reads the settings of a trigger; a wrong type is a problem at its key.
func readConfig[C any](raw json.RawMessage, into *C) (wrong node.Problems, whole bool) {
	if len(raw) == 0 {
		return nil, true
	}
	return node.WrongTypes(raw, func(raw json.RawMessage) error {
		*into = *new(C)
		return json.Unmarshal(raw, into)
	})
}

// Later implements engine.Hesitant: a workflow without a mode can be kept, and never
// starts (spec/triggers-core.md §2.1).
func (*collectionTrigger) Later() []string { return []string{"mode"} }

func (t *collectionTrigger) Check(raw json.RawMessage, cat node.Catalogue) node.Problems {
	decoded, p := t.Decode(raw)
	if len(p) > 0 {
		return p
	}
	c := decoded.(CollectionConfig)
	p = c.problems()
	if p["collection"] != "" {
		return p
	}
	if _, ok := cat.Fields(c.name()); !ok {
		p["collection"] = fmt.Sprintf("There is no collection “%s” any more. Choose another.", c.name())
		return p
	}
	f := node.Fields{Catalogue: cat}
	find := func(field, problem string) {
		if problem != "" && p[field] == "" {
			p[field] = problem
		}
	}
	for _, name := range c.Changed {
		if strings.Contains(name, ".") {
			find("changed", fmt.Sprintf("“%s” leads to another record. Only fields of the record itself can be watched.", name))
		}
		find("changed", f.Path(c.name(), name))
	}
	find("appends", f.Paths(c.name(), c.Appends))
	find("condition", f.Filter(c.name(), c.Condition.Value()))
	if store, ok := cat.(*collection.Store); ok {
		c.checkIn(store, find)
	}
	return p
}

// checkIn finds what only the store knows: collections that start nothing, and
// conditions that do not fit.
func (c CollectionConfig) checkIn(store *collection.Store, find func(field, problem string)) {
	coll, err := store.Collection(context.Background(), c.name())
	switch {
	case err != nil:
		return
	case !coll.Open():
		find("collection", fmt.Sprintf("“%s” is kept by the server itself, and its changes start no workflow. Choose another collection.", coll.Title))
	case coll.Key() == nil:
		find("collection", fmt.Sprintf("Records of “%s” have no key and cannot be changed here, so they start no workflow. Choose another collection.", coll.Title))
	}
	for _, path := range c.Appends {
		if first := coll.Field(firstOf(path)); first != nil && !first.IsRelation() {
			find("appends", fmt.Sprintf("“%s” is no relation, so it leads to nothing that could be loaded. Remove it.", first.Title))
		}
	}
	if len(c.Condition.Paths()) > 0 {
		return // fits or not when it has values
	}
	if f, ok := errors.AsType[*fault.Error](store.CheckFilter(context.Background(), auth.System, c.name(), c.Condition.Value())); ok {
		find("condition", f.Msg)
	}
}

func firstOf(path string) string {
	first, _, _ := strings.Cut(path, ".")
	return first
}

// Outputs describes $context; see [collectionListener] for what it holds.
func (t *collectionTrigger) Outputs(raw json.RawMessage, cat node.Catalogue) []node.Variable {
	decoded, p := t.Decode(raw)
	if len(p) > 0 {
		return nil
	}
	c := decoded.(CollectionConfig)
	record := node.Variable{Path: "data", Title: "Record", Target: c.name()}
	record.Children, _ = cat.Fields(c.name())
	all := []node.Variable{record}
	if c.Mode&int(collection.Updated) != 0 {
		before := node.Variable{Path: "previous", Title: "Before the change"}
		for _, f := range record.Children {
			if f.Target == "" {
				before.Children = append(before.Children, f)
			}
		}
		all = append(all, before, node.Variable{Path: "changed", Title: "Names of the changed fields", Type: collection.JSON})
	}
	return append(all, node.Variable{Path: "event", Title: "What happened", Type: collection.String},
		node.Variable{Path: "user", Title: "Who did it", Children: []node.Variable{
			{Path: "id", Title: "ID", Type: collection.BigInt}, {Path: "nickname", Title: "Name", Type: collection.String}}})
}

// Asks implements engine.Starter.
func (*collectionTrigger) Asks(config any) (string, bool) {
	return config.(CollectionConfig).name(), true
}

// Manual implements engine.Starter: values.data is a record or the key of one
// (spec/triggers-core.md §2.7).
func (*collectionTrigger) Manual(ctx context.Context, e *engine.Engine, q pg.Q, config any, values map[string]any) (map[string]any, bool, error) {
	c := config.(CollectionConfig)
	coll, data, err := chosenRecord(ctx, e, q, c.name(), c.Appends, values)
	if err != nil {
		return nil, false, err
	}
	condition, err := c.filter(e)
	if err != nil {
		return nil, false, err
	}
	if condition != nil && !c.deletes() {
		if coll.ID(data) == nil {
			return nil, false, fault.New(fault.Invalid, "The trigger has a condition, which only a stored record can meet. Send the id of one as “data”.")
		}
		met, err := e.Records.Matches(ctx, q, c.name(), coll.ID(data), condition)
		if err != nil || !met {
			return nil, false, err
		}
	}
	return map[string]any{"data": data, "event": "manual"}, true, nil
}

// chosenRecord is the record to start a workflow with by hand, from values.data: a
// record, which is read again when relations are wanted, or the key of one.
func chosenRecord(ctx context.Context, e *engine.Engine, q pg.Q, collectionName string, appends []string, values map[string]any) (*collection.Collection, collection.Record, error) {
	coll, err := e.Records.Collection(ctx, collectionName)
	if err == nil && coll.Key() == nil {
		err = fault.New(fault.Invalid, fmt.Sprintf("Records of “%s” have no key, so none can be chosen.", coll.Title))
	}
	if err != nil {
		if fault.Is(err, fault.NotFound) {
			err = fault.Wrap(fault.Invalid, fmt.Sprintf("There is no collection “%s” any more. Choose another one in the trigger.", collectionName), err)
		}
		return nil, nil, err
	}
	data, given := values["data"].(map[string]any)
	if given && len(appends) == 0 {
		return coll, data, nil
	}
	id := values["data"]
	if given {
		id = coll.ID(data)
	}
	if id == nil {
		return nil, nil, fault.New(fault.Invalid, "Say which record to start with: send its id, or the record itself, as “data”.")
	}
	var record collection.Record
	if collection.Comparable(coll.Key(), "$eq", id) == nil {
		record, err = e.Records.First(ctx, q, systemAccess, collectionName, collection.Query{Filter: coll.Keyed(id), Appends: appends})
	}
	if err == nil && record == nil {
		err = fault.New(fault.Invalid, fmt.Sprintf("There is no record %s in “%s”. Choose another.", collection.Format(id), coll.Title))
	}
	return coll, record, err
}

// systemAccess reads what the engine needs, whoever caused it.
var systemAccess = collection.Access{Actor: auth.System}
