package collection

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

const (
	// maxTree is how many records one page of a tree may hold.
	maxTree = 10_000
	// maxTreeDepth is how deep a tree is read.
	maxTreeDepth = 64
)

// treeParent is the relation by which records of c stand under each other: the one
// marked as such, else one to c that is called parent. children is what the records
// below are shown as.
func (c *Collection) treeParent() (parent *Field, children string) {
	children = "children"
	for _, f := range c.Fields {
		switch {
		case f.Target != c.Name:
		case f.Type == HasMany && f.Options["treeChildren"] == true:
			children = f.Name
		case f.Type == BelongsTo && f.Options["treeParent"] == true, f.Type == BelongsTo && f.Name == "parent" && parent == nil:
			parent = f
		}
	}
	return parent, children
}

// treeRead reads records that stand under each other.
type treeRead struct {
	s        *Store
	q        pg.Q
	a        Access
	c        *Collection
	p        Query
	up       string          // the key of the parent
	children string          // see treeParent
	kept     map[string]bool // only these; nil: all
	unasked  []string        // fields that are read only to put the records in their places
}

// Tree is List of a collection whose records stand under each other: a page of
// those at the top, with all others below them. With a filter the records that
// match come with the ways to them and nothing else. What the actor may not see
// hides nothing: the records below stand at the top.
func (s *Store) Tree(ctx context.Context, q pg.Q, a Access, collection string, p Query) (Page, error) {
	c, _, err := s.openTo(ctx, a, collection, auth.View)
	if err != nil {
		return Page{}, err
	}
	parent, children := c.treeParent()
	if parent == nil || c.key == nil || parent.TargetKey != "" && parent.TargetKey != c.key.Name {
		return Page{}, fault.Fields(map[string]string{"tree": fmt.Sprintf("“%s” is no tree. Add a relation to itself that is called parent.", c.Title)})
	}
	t := &treeRead{s: s, q: q, a: a, c: c, p: p, up: parent.ForeignKey, children: children}
	top := any(map[string]any{t.up: map[string]any{"$eq": nil}})
	if p.Filter != nil || !c.grant(a.Actor, auth.View).Any {
		if top, err = t.ways(ctx); err != nil {
			return Page{}, err
		}
	}
	for _, name := range []string{c.key.Name, t.up} {
		if len(p.Fields) > 0 && !slices.Contains(p.Fields, name) || slices.Contains(p.Except, name) {
			t.unasked = append(t.unasked, name)
		}
	}
	if len(p.Fields) > 0 {
		t.p.Fields = slices.Concat(p.Fields, t.unasked)
	}
	t.p.Except = slices.DeleteFunc(slices.Clone(p.Except), func(name string) bool { return slices.Contains(t.unasked, name) })
	roots := t.p
	roots.Filter = top
	page, err := s.List(ctx, q, a, c.Name, roots)
	if err != nil {
		return Page{}, err
	}
	return page, t.fill(ctx, page.Records)
}

// ways finds the records that match and those above them, and returns the filter
// for the ones at the top.
func (t *treeRead) ways(ctx context.Context) (top any, err error) {
	t.kept = map[string]bool{}
	above := map[string]any{} // each record's parent
	where := t.p.Filter
	for range maxTreeDepth {
		found, err := t.s.List(ctx, t.q, t.a, t.c.Name, Query{Filter: where, Fields: []string{t.c.key.Name, t.up}, PageSize: maxTree + 1, NoCount: true})
		if err != nil {
			return nil, err
		}
		var next []any
		for _, r := range found.Records {
			t.kept[Format(t.c.ID(r))] = true
			above[Format(t.c.ID(r))] = r[t.up]
		}
		if len(t.kept) > maxTree {
			return nil, tooManyInTree
		}
		for _, r := range found.Records {
			if up := r[t.up]; up != nil && !t.kept[Format(up)] {
				next = append(next, up)
			}
		}
		if len(next) == 0 {
			break
		}
		where = map[string]any{t.c.key.Name: map[string]any{"$in": next}}
	}
	roots := []any{}
	for id, up := range above {
		if up == nil || !t.kept[Format(up)] {
			roots = append(roots, id)
		}
	}
	return map[string]any{t.c.key.Name: map[string]any{"$in": roots}}, nil
}

var tooManyInTree = fault.Fields(map[string]string{"tree": fmt.Sprintf("A page of a tree holds at most %d records. Filter it, or read fewer at a time.", maxTree)})

// fill puts the records below level where they belong, then those below these.
func (t *treeRead) fill(ctx context.Context, level []Record) error {
	seen, all := map[string]bool{}, level
	for range maxTreeDepth {
		byID, ids := map[string]Record{}, []any{}
		for _, r := range level {
			id := t.c.ID(r)
			byID[Format(id)], seen[Format(id)] = r, true
			ids = append(ids, id)
		}
		if len(ids) == 0 {
			break
		}
		below := t.p
		below.Filter = map[string]any{t.up: map[string]any{"$in": ids}}
		below.Page, below.PageSize, below.Offset, below.All, below.NoCount = 1, maxTree+1, 0, false, true
		found, err := t.s.List(ctx, t.q, t.a, t.c.Name, below)
		if err != nil {
			return err
		}
		level = nil
		for _, r := range found.Records {
			id := Format(t.c.ID(r))
			if seen[id] || t.kept != nil && !t.kept[id] {
				continue
			}
			over := byID[Format(r[t.up])]
			under, _ := over[t.children].([]any)
			over[t.children] = append(under, any(r))
			level = append(level, r)
		}
		if all = append(all, level...); len(all) > maxTree {
			return tooManyInTree
		}
	}
	for _, r := range all {
		maps.DeleteFunc(r, func(name string, _ any) bool { return slices.Contains(t.unasked, name) })
	}
	return nil
}
