package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/lib/pq"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
)

// Place says where a node stands.
type Place struct {
	UpstreamID  *int64 // nil: first of all
	BranchIndex *int   // first in that branch of the upstream node; nil: after it
}

// MoveNode moves a node with its branches to another place of its version, which
// has not run (spec/http-api.md §3.5). It is Invalid to move a node below itself
// or to where it is.
func (e *Engine) MoveNode(ctx context.Context, actor auth.Actor, id int64, to Place) (Node, error) {
	if to.UpstreamID == nil {
		to.BranchIndex = nil
	}
	if to.UpstreamID != nil {
		if _, err := e.Node(ctx, actor, *to.UpstreamID); err != nil {
			return Node{}, err
		}
	}
	var moved Node
	err := e.changeNode(ctx, actor, id, 0, func(ctx context.Context, tx *pg.Tx, w *Workflow, nodes []Node) error {
		g := newGraph(nodes)
		n := g.nodes[id]
		switch {
		case same(n.UpstreamID, to.UpstreamID) && same(n.BranchIndex, to.BranchIndex):
			return fault.New(fault.Invalid, "The node is in this place already.")
		case to.UpstreamID != nil && *to.UpstreamID == id:
			return fault.New(fault.Invalid, "A node cannot follow itself.")
		case to.UpstreamID != nil && g.nodes[*to.UpstreamID] == nil:
			return fault.New(fault.Invalid, "The node above belongs to another workflow. Choose a node of the same one.")
		case to.UpstreamID != nil && g.within(n, *to.UpstreamID):
			return fault.New(fault.Invalid, "A node cannot move into a branch of its own. Choose a place outside of it.")
		}
		g.detach(n)
		if err := g.insert(n, to.UpstreamID, to.BranchIndex); err != nil {
			return err
		}
		if err := relink(ctx, tx, g); err != nil {
			return err
		}
		list := g.list()
		loads := e.load(w, list, nil) // for what it sees there, and for those that see it now
		moved = list[slices.IndexFunc(list, func(other Node) bool { return other.ID == id })]
		return e.storeLoads(ctx, tx, w, list, loads)
	})
	if err != nil {
		return Node{}, fmt.Errorf("move node %d: %w", id, err)
	}
	return moved, nil
}

// linkNode makes next follow a node, as clients do that draw links one by one.
// What is so already is fine; links that would make anything but a tree are
// Invalid.
func linkNode(ctx context.Context, tx *pg.Tx, nodes []Node, id int64, next *int64) error {
	g := newGraph(nodes)
	n := g.nodes[id]
	if same(n.DownstreamID, next) {
		return nil
	}
	if below := g.at(next); below != nil {
		below.UpstreamID, below.BranchIndex = &id, nil
	}
	n.DownstreamID = next
	linked := make([]Node, 0, len(nodes))
	for _, n := range g.nodes {
		linked = append(linked, *n)
	}
	if _, err := BuildTree(linked); err != nil {
		return fault.Wrap(fault.Invalid, "These links do not make a tree. Move the node instead.", err)
	}
	return relink(ctx, tx, g)
}

// RemoveBranch deletes all nodes of a branch and returns the first of them, nil
// when it was empty. With shift the branches after it move up by one. The
// settings of the node stay as they are.
func (e *Engine) RemoveBranch(ctx context.Context, actor auth.Actor, id int64, branch int, shift bool) (*Node, error) {
	var head *Node
	err := e.changeNode(ctx, actor, id, 0, func(ctx context.Context, tx *pg.Tx, _ *Workflow, nodes []Node) (err error) {
		head, err = removeBranch(ctx, tx, nodes, id, branch, shift)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("remove branch %d of node %d: %w", branch, id, err)
	}
	return head, nil
}

func removeBranch(ctx context.Context, tx *pg.Tx, nodes []Node, id int64, branch int, shift bool) (head *Node, err error) {
	g := newGraph(nodes)
	head = g.head(&id, &branch)
	if gone := g.dropBranch(id, branch, shift); len(gone) > 0 {
		if _, err := tx.ExecContext(ctx, workflowQueries.Get("remove_nodes"), pq.Int64Array(gone)); err != nil {
			return nil, err
		}
	}
	return head, relink(ctx, tx, g)
}

// PruneNode takes a branch out of a node whose settings list its branches: the
// entry there and the nodes in it go at once, and the branches after it move up by
// one. It returns Conflict when somebody changed the node after revision seen; 0
// does not ask.
func (e *Engine) PruneNode(ctx context.Context, actor auth.Actor, id, seen int64, branch int) error {
	err := e.changeNode(ctx, actor, id, seen, func(ctx context.Context, tx *pg.Tx, _ *Workflow, nodes []Node) error {
		n := nodes[slices.IndexFunc(nodes, func(n Node) bool { return n.ID == id })]
		k := node.Lookup(n.Type)
		if k == nil {
			return fault.New(fault.Invalid, fmt.Sprintf("There is no node type %q.", n.Type))
		}
		config, err := k.Prune(n.Config, branch)
		if err != nil {
			return err
		}
		if _, err := removeBranch(ctx, tx, nodes, id, branch, true); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, workflowQueries.Get("update_node"), id, n.Title, config, e.now())
		return err
	})
	if err != nil {
		return fmt.Errorf("remove branch %d of node %d: %w", branch, id, err)
	}
	return nil
}

// DuplicateNode adds a copy of a node, without its branches, to the same version.
// Settings that are not given are those of the original, complete or not.
func (e *Engine) DuplicateNode(ctx context.Context, actor auth.Actor, id int64, to Place, config json.RawMessage) (Node, error) {
	n, err := e.Node(ctx, actor, id)
	if err != nil {
		return Node{}, err
	}
	return e.AddNode(ctx, actor, n.WorkflowID, NewNode{
		Type: n.Type, Title: n.Title, Config: json.RawMessage(cmp.Or(string(config), string(n.Config))),
		Incomplete: len(config) == 0, UpstreamID: to.UpstreamID, BranchIndex: to.BranchIndex,
	})
}

// Rearm makes every process read the definitions of workflows again.
func (e *Engine) Rearm(ctx context.Context, actor auth.Actor) error {
	if err := actor.Require(auth.ManageWorkflows); err != nil {
		return err
	}
	e.workflowsChanged(ctx)
	return nil
}
