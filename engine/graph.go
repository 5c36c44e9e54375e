package engine

import (
	"fmt"
	"slices"

	"alur/engine/fault"
)

// graph is the nodes of one version by id, with the rules by which links change
// (spec/http-api.md §3). It works in memory; the caller writes what [graph.moved]
// returns.
type graph struct {
	nodes map[int64]*Node
	was   map[int64]Node
}

func newGraph(nodes []Node) *graph {
	g := &graph{nodes: map[int64]*Node{}, was: map[int64]Node{}}
	for _, n := range nodes {
		g.nodes[n.ID] = &n
		g.was[n.ID] = n
	}
	return g
}

// list returns the nodes as they are linked now, in no order.
func (g *graph) list() []Node {
	nodes := make([]Node, 0, len(g.nodes))
	for _, n := range g.nodes {
		nodes = append(nodes, *n)
	}
	return nodes
}

func (g *graph) at(id *int64) *Node {
	if id == nil {
		return nil
	}
	return g.nodes[*id]
}

// head returns the first node of a branch of opener; of the whole workflow when
// opener is nil.
func (g *graph) head(opener *int64, branch *int) *Node {
	for _, n := range g.nodes {
		switch {
		case opener == nil && n.UpstreamID == nil:
			return n
		case opener != nil && n.UpstreamID != nil && *n.UpstreamID == *opener &&
			n.BranchIndex != nil && *n.BranchIndex == *branch:
			return n
		}
	}
	return nil
}

// insert links n, which is not part of g yet, after upstream, as head of one of
// upstream's branches, or as head of the workflow.
func (g *graph) insert(n *Node, upstream *int64, branch *int) error {
	up := g.at(upstream)
	if upstream != nil && up == nil {
		return fault.New(fault.Conflict, "Not added: the node above is gone. Choose another place.")
	}
	n.UpstreamID, n.BranchIndex, n.DownstreamID = upstream, nil, nil
	var next *Node
	switch {
	case up == nil:
		next = g.head(nil, nil)
	case branch != nil:
		n.BranchIndex = branch
		next = g.head(upstream, branch)
	default:
		next = g.at(up.DownstreamID)
		up.DownstreamID = &n.ID
	}
	if next != nil {
		n.DownstreamID = &next.ID
		next.UpstreamID, next.BranchIndex = &n.ID, nil
	}
	g.nodes[n.ID] = n
	return nil
}

// take moves what follows n into a branch of n, which must be empty.
func (g *graph) take(n *Node, branch int) {
	next := g.at(n.DownstreamID)
	if next == nil {
		return
	}
	next.BranchIndex = &branch
	n.DownstreamID = nil
}

// remove unlinks the node with id and everything in its branches. With keep the
// nodes of that branch take its place. It returns the ids that are gone.
func (g *graph) remove(id int64, keep *int) ([]int64, error) {
	n := g.nodes[id]
	var first, last *Node // what takes n's place
	if keep != nil {
		if first = g.head(&id, keep); first == nil {
			return nil, fault.New(fault.Invalid, fmt.Sprintf("Branch %d not found: there is nothing to keep in it.", *keep))
		}
		first.BranchIndex = nil
		for last = first; last.DownstreamID != nil; last = g.nodes[*last.DownstreamID] {
		}
	}
	next := g.at(n.DownstreamID)
	if first == nil {
		first = next
	} else if next != nil {
		last.DownstreamID, next.UpstreamID = &next.ID, &last.ID
	}
	if first != nil {
		first.UpstreamID, first.BranchIndex = n.UpstreamID, n.BranchIndex
	}
	if up := g.at(n.UpstreamID); up != nil && n.BranchIndex == nil {
		up.DownstreamID = nil
		if first != nil {
			up.DownstreamID = &first.ID
		}
	}
	n.DownstreamID = nil
	return g.drop(id), nil
}

// drop deletes a node whose links to the outside are gone, with all below it.
func (g *graph) drop(id int64) []int64 {
	gone := []int64{id}
	delete(g.nodes, id)
	for again := true; again; {
		again = false
		for other, n := range g.nodes {
			if n.UpstreamID != nil && slices.Contains(gone, *n.UpstreamID) {
				gone = append(gone, other)
				delete(g.nodes, other)
				again = true
			}
		}
	}
	slices.Sort(gone)
	return gone
}

// moved returns the nodes whose links differ from those g was made of, by id.
func (g *graph) moved() []Node {
	var moved []Node
	for id, n := range g.nodes {
		was, ok := g.was[id]
		if ok && (!same(was.UpstreamID, n.UpstreamID) || !same(was.DownstreamID, n.DownstreamID) ||
			!same(was.BranchIndex, n.BranchIndex)) {
			moved = append(moved, *n)
		}
	}
	slices.SortFunc(moved, func(a, b Node) int { return int(a.ID - b.ID) })
	return moved
}

func same[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// detach takes n out of its place with all that is in its branches. What stood
// above and below it is joined.
func (g *graph) detach(n *Node) {
	if next := g.at(n.DownstreamID); next != nil {
		next.UpstreamID, next.BranchIndex = n.UpstreamID, n.BranchIndex
	}
	if up := g.at(n.UpstreamID); up != nil && n.BranchIndex == nil {
		up.DownstreamID = n.DownstreamID
	}
	n.UpstreamID, n.DownstreamID, n.BranchIndex = nil, nil, nil
	delete(g.nodes, n.ID)
}

// within reports whether the node with id is n or stands in one of its branches.
func (g *graph) within(n *Node, id int64) bool {
	for at := g.nodes[id]; at != nil; at = g.opener(at) {
		if at == n {
			return true
		}
	}
	return false
}

// opener is the node in one of whose branches n stands; nil for the outermost
// level.
func (g *graph) opener(n *Node) *Node {
	for n.BranchIndex == nil {
		if n = g.at(n.UpstreamID); n == nil {
			return nil
		}
	}
	return g.at(n.UpstreamID)
}

// dropBranch deletes the nodes of a branch and returns their ids, none when it
// is empty. With shift the branches after it move up by one.
func (g *graph) dropBranch(opener int64, branch int, shift bool) []int64 {
	var gone []int64
	if head := g.head(&opener, &branch); head != nil {
		gone = g.drop(head.ID)
	}
	for _, n := range g.nodes {
		if shift && n.UpstreamID != nil && *n.UpstreamID == opener && n.BranchIndex != nil && *n.BranchIndex > branch {
			index := *n.BranchIndex - 1
			n.BranchIndex = &index
		}
	}
	return gone
}
