package collection

import (
	"context"
	"maps"
	"slices"
	"strings"

	"alur/engine/auth"
	"alur/engine/fault"
)

// maxNesting bounds records written inside of records.
const maxNesting = 8

// related replaces the values of belongsTo fields by keys; objects that stand
// for no record become records first (spec/platform.md §4).
func (w *writer) related(ctx context.Context, c *Collection, values Record, depth int) (Record, error) {
	if depth > maxNesting {
		return nil, fault.New(fault.Invalid, "These records are nested too deeply.")
	}
	var out Record // a copy, once something has to be replaced
	problems := map[string]string{}
	for _, f := range c.Fields {
		v, there := values[f.Name]
		if f.Type != BelongsTo || !there || f.ReadOnly {
			continue
		}
		if out == nil {
			out = maps.Clone(values)
		}
		key, problem, err := w.key(ctx, f, v, depth)
		if err != nil {
			return nil, err
		}
		if problem != "" {
			problems[f.Name] = problem
		}
		out[f.ForeignKey] = key
	}
	if out == nil {
		out = values
	}
	if err := fault.Fields(problems); err != nil {
		return nil, err
	}
	return out, w.takeKeys(ctx, c, out)
}

// key reads the value of the belongsTo f.
func (w *writer) key(ctx context.Context, f *Field, v any, depth int) (key any, problem string, err error) {
	const choose = "Choose a record."
	target := w.cat.byName[f.Target]
	if target == nil || target.named(f.TargetKey) == nil {
		return nil, choose, nil
	}
	by := target.named(f.TargetKey)
	switch x := v.(type) {
	case []any:
		return nil, "Choose one record, not a list.", nil
	case map[string]any:
		if len(x) == 0 {
			return nil, "", nil
		}
		if key := x[by.Name]; key != nil && len(x) == 1 {
			return w.key(ctx, f, key, depth)
		}
		rec, err := w.nested(ctx, f, target, x, depth)
		if err != nil || rec == nil {
			return nil, choose, err
		}
		return rec[by.Name], "", nil
	}
	if _, problem = by.arg(v, w.a.zone()); problem != "" {
		return nil, choose, nil
	}
	if v == "" {
		v = nil
	}
	return v, "", nil
}

// nested finds the record that the object x stands for, or makes it. One that is
// there takes over x only when the path to f is among those that may be changed
// on the way ([Access.Nested]). It returns nil when there is no such record and
// none can be made.
func (w *writer) nested(ctx context.Context, f *Field, target *Collection, x Record, depth int) (Record, error) {
	w.path = append(w.path, f.Name)
	defer func() { w.path = w.path[:len(w.path)-1] }()
	by := target.key
	if by == nil || x[by.Name] == nil {
		by = target.named(f.TargetKey)
	}
	if by != nil && x[by.Name] != nil {
		is := Record{by.Name: map[string]any{"$eq": x[by.Name]}}
		rec, err := w.s.First(ctx, w.tx, w.a, target.Name, Query{Filter: is})
		if err != nil {
			return nil, err
		}
		if rec != nil {
			return rec, w.change(ctx, target, rec, x, depth)
		}
		if err := w.unseenKey(f, target); err != nil {
			return nil, err
		}
	}
	if w.allowed(target) != nil {
		return nil, nil
	}
	return w.create(ctx, target, x, depth+1)
}

// change writes the other values of x into the record it stands for, when its
// path is among those that may be changed.
func (w *writer) change(ctx context.Context, target *Collection, rec, x Record, depth int) error {
	if !slices.Contains(w.a.Nested, strings.Join(w.path, ".")) {
		return nil
	}
	if err := w.allowed(target); err != nil {
		return err
	}
	x = maps.Clone(x)
	delete(x, target.key.Name)
	_, err := w.update(ctx, target, Record{target.key.Name: map[string]any{"$eq": target.ID(rec)}}, x, depth+1)
	return err
}

// unseenKey refuses an object with a key that no record has, as far as the actor
// sees, when they do not see all: whether one could be made with it would tell that
// there is one out of their sight. Who sees all makes it.
func (w *writer) unseenKey(f *Field, target *Collection) error {
	limit, err := w.s.builder(w.cat, w.a).scope(target).limit(auth.View)
	if err != nil || limit == "" {
		return err
	}
	return fault.Fields(map[string]string{f.Name: noSuchRecord})
}

// linkAll writes what values say of the other relations of a record that has
// just been written, and returns which files it holds otherwise than before, and
// the relations that lead to other records than before.
func (w *writer) linkAll(ctx context.Context, c *Collection, rec, values Record, depth int, created bool) (files map[string]Moved, linked []string, err error) {
	for _, f := range c.Fields {
		v, there := values[f.Name]
		if !there || f.ReadOnly || !f.IsRelation() || f.Type == BelongsTo {
			continue
		}
		to, problem := f.links(v)
		if problem != "" {
			return nil, nil, fault.Fields(map[string]string{f.Name: problem})
		}
		source, target := c.named(f.SourceKey), w.cat.byName[f.Target]
		if source == nil || rec[source.Name] == nil || target == nil {
			return nil, nil, fault.Fields(map[string]string{f.Name: "This relation has lost its way. Look at its definition."})
		}
		if f.Type != BelongsToMany {
			moved, err := w.link(ctx, f, target, rec[source.Name], to, depth, created)
			if err != nil {
				return nil, nil, err
			}
			if moved {
				linked = append(linked, f.Name)
			}
			continue
		}
		moved, err := w.linkThrough(ctx, f, target, rec[source.Name], to, depth, created)
		if err != nil {
			return nil, nil, err
		}
		if slices.EqualFunc(moved.Before, moved.After, Same) {
			continue
		}
		linked = append(linked, f.Name)
		if f.HoldsFiles() {
			if files == nil {
				files = map[string]Moved{}
			}
			files[f.Name] = moved
		}
	}
	return files, linked, nil
}

// items are the records that v, the value of relation f, stands for.
func (f *Field) items(v any) (items []any, problem string) {
	list, isList := v.([]any)
	switch {
	case v == nil, v == "":
		return nil, ""
	case isList && f.ToOne():
		return nil, "Choose one record, not a list."
	case isList:
		return list, ""
	case f.ToOne():
		return []any{v}, ""
	}
	return nil, "Give a list of records."
}

// link makes the records that to stands for belong to the one whose key is source: f
// is a hasOne or hasMany. Keys that no record has are passed over. moved reports
// whether others belong to it than before.
func (w *writer) link(ctx context.Context, f *Field, target *Collection, source any, to links, depth int, created bool) (moved bool, err error) {
	back := target.byName[f.ForeignKey]
	if back == nil || w.allowed(target) != nil {
		return false, fault.Fields(map[string]string{f.Name: "These records cannot be changed here."})
	}
	id := target.key.Name
	keys, fresh := []any{}, []Record{}
	for _, item := range to.items {
		x, isObject := item.(map[string]any)
		if isObject {
			found, err := w.known(ctx, f, target, x, depth)
			if err != nil {
				return false, err
			}
			if found == nil {
				fresh = append(fresh, x)
				continue
			}
			item = found
		}
		if _, problem := target.key.arg(item, w.a.zone()); problem != "" || item == nil || item == "" {
			return false, fault.Fields(map[string]string{f.Name: "Give a list of records."})
		}
		keys = append(keys, item)
	}
	w.path = append(w.path, f.Name)
	defer func() { w.path = w.path[:len(w.path)-1] }()
	which := map[string]any{"$notIn": keys}
	if !to.all {
		_, drop, err := w.dropped(ctx, target, target.key, to.drop)
		if err != nil {
			return false, err
		}
		which = map[string]any{"$in": drop}
	}
	if !created && (to.all || len(to.drop) > 0) {
		gone := Record{back.Name: map[string]any{"$eq": source}, id: which}
		w.linking = back.Name
		left, err := w.update(ctx, target, gone, Record{back.Name: nil}, depth+1)
		if err != nil {
			return false, err
		}
		moved = len(left) > 0
	}
	if len(keys) > 0 {
		come := Record{back.Name: map[string]any{"$ne": source}, id: map[string]any{"$in": keys}}
		w.linking = back.Name
		came, err := w.update(ctx, target, come, Record{back.Name: source}, depth+1)
		if err != nil {
			return false, err
		}
		moved = moved || len(came) > 0
	}
	for _, x := range fresh {
		x = maps.Clone(x)
		if back.Relation != "" {
			delete(x, back.Relation)
		}
		x[back.Name] = source
		w.linking = back.Name
		if _, err := w.create(ctx, target, x, depth+1); err != nil {
			return false, err
		}
	}
	return moved || len(fresh) > 0, nil
}

// known is the key of the record that x stands for, nil when there is none yet.
func (w *writer) known(ctx context.Context, f *Field, target *Collection, x Record, depth int) (any, error) {
	key := x[target.key.Name]
	if key == nil || len(x) == 1 {
		return key, nil
	}
	is := Record{target.key.Name: map[string]any{"$eq": key}}
	rec, err := w.s.First(ctx, w.tx, w.a, target.Name, Query{Filter: is})
	if err != nil {
		return nil, err
	}
	if rec == nil {
		return nil, w.unseenKey(f, target)
	}
	w.path = append(w.path, f.Name)
	defer func() { w.path = w.path[:len(w.path)-1] }()
	return key, w.change(ctx, target, rec, x, depth)
}

// linkThrough makes links from source to the records that to stands for, and
// removes others as it says. An item may hold values for its link under the name of the
// through collection. moved are the keys of the target before and after.
func (w *writer) linkThrough(ctx context.Context, f *Field, target *Collection, source any, to links, depth int, created bool) (moved Moved, err error) {
	through, by := w.cat.byName[f.Through], target.named(f.TargetKey)
	if through == nil || by == nil || w.allowed(through) != nil {
		return moved, fault.Fields(map[string]string{f.Name: "These records cannot be linked here."})
	}
	wanted, err := w.wanted(ctx, f, target, by, to.items, depth)
	if err != nil {
		return moved, err
	}
	var kept, dropped map[string]bool
	mine := Record{f.ForeignKey: map[string]any{"$eq": source}}
	if to.all {
		kept, err = w.unseen(ctx, f, target, by, through, source)
	} else {
		var keys []any
		dropped, keys, err = w.dropped(ctx, target, by, to.drop)
		for _, l := range wanted {
			keys = append(keys, l.key)
		}
		if !f.HoldsFiles() { // whose history names all
			mine[f.OtherKey] = map[string]any{"$in": keys}
		}
	}
	if err != nil {
		return moved, err
	}
	ends := func(key string) bool { return to.all && !kept[key] || dropped[key] }
	if !slices.ContainsFunc(wanted, func(l wantedLink) bool { return len(l.values) > 0 }) {
		// The right to write the relation is the right to make its links; only who
		// writes into a link needs a right on these.
		asker := w.a
		w.a = w.a.trusted()
		defer func() { w.a = asker }()
	}
	var there []Record
	if !created {
		page, err := w.s.List(ctx, w.tx, w.a, through.Name, Query{Filter: mine, All: true})
		if err != nil {
			return moved, err
		}
		there = page.Records
	}
	var gone []any
	for _, l := range there {
		moved.Before = append(moved.Before, l[f.OtherKey])
		i := slices.IndexFunc(wanted, func(to wantedLink) bool { return Format(to.key) == Format(l[f.OtherKey]) })
		if i < 0 && ends(Format(l[f.OtherKey])) {
			gone = append(gone, through.ID(l))
			continue
		}
		moved.After = append(moved.After, l[f.OtherKey])
		if i < 0 {
			continue
		}
		if wanted[i].there = true; len(wanted[i].values) > 0 {
			is := Record{through.key.Name: map[string]any{"$eq": through.ID(l)}}
			if _, err := w.update(ctx, through, is, wanted[i].values, depth+1); err != nil {
				return moved, err
			}
		}
	}
	if len(gone) > 0 {
		if _, err := w.destroy(ctx, through, Record{through.key.Name: map[string]any{"$in": gone}}, true); err != nil {
			return moved, err
		}
	}
	wanted = slices.DeleteFunc(wanted, func(l wantedLink) bool { return l.there })
	if f.HoldsFiles() {
		if err := w.takeMore(ctx, f, wanted, len(moved.After)); err != nil {
			return moved, err
		}
	}
	for _, to := range wanted {
		values := Record{}
		maps.Copy(values, to.values)
		values[f.ForeignKey], values[f.OtherKey] = source, to.key
		if _, err := w.create(ctx, through, values, depth+1); err != nil {
			return moved, err
		}
		moved.After = append(moved.After, to.key)
	}
	return moved, nil
}

// wantedLink is one link that a belongsToMany shall have.
type wantedLink struct {
	key    any    // the target's
	values Record // of the link itself
	there  bool
}

// wanted are the links that items ask for, each once; keys that no record has
// are passed over.
func (w *writer) wanted(ctx context.Context, f *Field, target *Collection, by *Field, items []any, depth int) ([]wantedLink, error) {
	var list []wantedLink
	add := func(l wantedLink) {
		if !slices.ContainsFunc(list, func(o wantedLink) bool { return Format(o.key) == Format(l.key) }) {
			list = append(list, l)
		}
	}
	keys := []any{}
	plain := make([]any, len(items)) // the key of an item that is nothing else
	for i, item := range items {
		x, isObject := item.(map[string]any)
		switch {
		case isObject && len(x) == 1 && x[by.Name] != nil:
			item = x[by.Name]
		case isObject:
			continue
		}
		if _, problem := by.arg(item, w.a.zone()); problem != "" || item == nil || item == "" {
			return nil, fault.Fields(map[string]string{f.Name: "Give a list of records."})
		}
		plain[i] = item
		keys = append(keys, item)
	}
	there := map[string]any{}
	if len(keys) > 0 {
		asker := w.a
		if f.HoldsFiles() {
			asker = w.seesFiles()
		}
		page, err := w.s.List(ctx, w.tx, asker, target.Name, Query{Filter: Record{by.Name: map[string]any{"$in": keys}}, Fields: []string{by.Name}, All: true})
		if err != nil {
			return nil, err
		}
		for _, rec := range page.Records {
			there[Format(rec[by.Name])] = rec[by.Name]
		}
	}
	for i, item := range items {
		if plain[i] != nil {
			if key := there[Format(plain[i])]; key != nil {
				add(wantedLink{key: key})
			} else if f.HoldsFiles() { // nobody is to think that it was saved
				return nil, fault.Fields(map[string]string{f.Name: "One of these files is not there any more, or not yours to use. Add it again."})
			}
			continue
		}
		x := maps.Clone(item.(map[string]any))
		values, _ := x[f.Through].(map[string]any)
		delete(x, f.Through)
		rec, err := w.nested(ctx, f, target, x, depth)
		if err != nil {
			return nil, err
		}
		if rec != nil {
			add(wantedLink{key: rec[by.Name], values: values})
		}
	}
	return list, nil
}
