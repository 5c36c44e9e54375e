package engine

import (
	"cmp"
	"fmt"
	"slices"

	"alur/engine/node"
)

// Level is a run of nodes one after the other: the workflow itself or one
// branch of it.
type Level []*TreeNode

// TreeNode is a node with its branches.
type TreeNode struct {
	Node
	Kind     *node.Kind    // nil when nobody registered Type
	Settings node.Config   // nil when Kind is, or when Config is not readable
	Problems node.Problems // why Config is not readable
	Branches []TreeBranch  // in order; empty ones of the kind included
}

// TreeBranch is one way out of a branching node.
type TreeBranch struct {
	Index int
	Label string
	Nodes Level
}

// BuildTree orders nodes by their links. A graph that is not a tree comes back
// as far as it can be walked from its head, with an error that names what is
// wrong: such a workflow can be looked at but not run.
func BuildTree(nodes []Node) (Level, error) {
	if len(nodes) == 0 {
		return nil, nil
	}
	b := treeBuilder{byID: map[int64]Node{}, heads: map[int64][]Node{}, seen: map[int64]bool{}}
	var head *Node
	for _, n := range nodes {
		b.byID[n.ID] = n
		switch {
		case n.UpstreamID == nil && head != nil:
			b.fail("two nodes come first, %s and %s", head.name(), n.name())
		case n.UpstreamID == nil:
			head = &n
		case n.BranchIndex != nil:
			b.heads[*n.UpstreamID] = append(b.heads[*n.UpstreamID], n)
		}
	}
	if head == nil {
		return nil, fmt.Errorf("no node comes first")
	}
	tree := b.level(*head)
	if b.err == nil && len(b.seen) < len(nodes) {
		for _, n := range nodes {
			if !b.seen[n.ID] {
				b.fail("%s is not connected", n.name())
				break
			}
		}
	}
	return tree, b.err
}

type treeBuilder struct {
	byID  map[int64]Node
	heads map[int64][]Node // first nodes of branches by their opener
	seen  map[int64]bool
	err   error
}

func (b *treeBuilder) fail(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf(format, args...)
	}
}

func (b *treeBuilder) level(n Node) Level {
	var level Level
	for {
		if b.seen[n.ID] {
			b.fail("%s is reached twice", n.name())
			return level
		}
		b.seen[n.ID] = true
		level = append(level, b.node(n))
		if n.DownstreamID == nil {
			return level
		}
		next, ok := b.byID[*n.DownstreamID]
		if !ok {
			b.fail("what follows %s is missing", n.name())
			return level
		}
		n = next
	}
}

func (b *treeBuilder) node(n Node) *TreeNode {
	t := &TreeNode{Node: n, Kind: node.Lookup(n.Type)}
	if t.Kind != nil {
		t.Settings, t.Problems = t.Kind.Decode(n.Config)
	}
	if t.Settings != nil {
		for _, branch := range t.Kind.Branches(t.Settings) {
			t.Branches = append(t.Branches, TreeBranch{Index: branch.Index, Label: branch.Label})
		}
	}
	heads := b.heads[n.ID]
	slices.SortFunc(heads, func(a, z Node) int { return cmp.Compare(*a.BranchIndex, *z.BranchIndex) })
	for _, head := range heads {
		i := slices.IndexFunc(t.Branches, func(tb TreeBranch) bool { return tb.Index == *head.BranchIndex })
		if i < 0 {
			// The settings do not know this branch, but its nodes must not vanish from sight.
			t.Branches = append(t.Branches, TreeBranch{Index: *head.BranchIndex, Label: fmt.Sprintf("Branch %d", *head.BranchIndex)})
			i = len(t.Branches) - 1
		}
		if t.Branches[i].Nodes != nil {
			b.fail("two nodes come first in a branch of %s", n.name())
			continue
		}
		t.Branches[i].Nodes = b.level(head)
	}
	return t
}

// name is what people call n in a sentence.
func (n Node) name() string {
	if n.Title != "" {
		return "“" + n.Title + "”"
	}
	return "a node of type " + n.Type
}

// Walk calls fn for every node of the tree, in the order in which a page shows
// them: a node, then its branches, then what follows.
func (l Level) Walk(fn func(*TreeNode)) {
	for _, n := range l {
		fn(n)
		for _, b := range n.Branches {
			b.Nodes.Walk(fn)
		}
	}
}

// Find returns the node called key, or nil.
func (l Level) Find(key string) *TreeNode {
	var found *TreeNode
	l.Walk(func(n *TreeNode) {
		if n.Key == key {
			found = n
		}
	})
	return found
}

// Before returns the nodes that may have run when the node called key starts:
// everything above it, finished branches included, and none of the branches
// that exclude it. ok is false when there is no such node.
func (l Level) Before(key string) (before []*TreeNode, ok bool) {
	for _, n := range l {
		if n.Key == key {
			return before, true
		}
		before = append(before, n)
		for _, b := range n.Branches {
			if inner, found := b.Nodes.Before(key); found {
				return append(before, inner...), true
			}
		}
		for _, b := range n.Branches {
			b.Nodes.Walk(func(n *TreeNode) { before = append(before, n) })
		}
	}
	return before, false
}

// around returns the nodes whose branches the node called key stands in, the
// nearest first.
func (l Level) around(key string) []*TreeNode {
	for _, n := range l {
		for _, b := range n.Branches {
			if b.Nodes.Find(key) != nil {
				return append(b.Nodes.around(key), n)
			}
		}
	}
	return nil
}

// apart reports whether two nodes stand in different branches of one node, so that
// never more than one of them runs.
func (l Level) apart(a, b string) bool {
	for _, n := range l {
		inA, inB := -1, -1
		for i, branch := range n.Branches {
			if branch.Nodes.Find(a) != nil {
				inA = i
			}
			if branch.Nodes.Find(b) != nil {
				inB = i
			}
		}
		if inA >= 0 && inB >= 0 {
			return inA != inB || n.Branches[inA].Nodes.apart(a, b)
		}
	}
	return false
}
