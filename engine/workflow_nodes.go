package engine

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lib/pq"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/pg"
)

// NewNode is what [Engine.AddNode] adds, and where.
type NewNode struct {
	Key         string // generated when empty
	Type        string
	Title       string
	Config      json.RawMessage // checked unless it is empty
	Incomplete  bool            // see NodeChange
	UpstreamID  *int64          // nil: first of all
	BranchIndex *int            // first in that branch of the upstream node
	Take        *int            // the branch of the new node that takes what follows; nil: it stays below
}

// AddNode adds a node to a version that has not run.
func (e *Engine) AddNode(ctx context.Context, actor auth.Actor, workflowID int64, n NewNode) (Node, error) {
	added := Node{ID: e.IDs.Next(), Key: n.Key, Title: strings.TrimSpace(n.Title), WorkflowID: workflowID, Type: n.Type, Config: orObject(n.Config)}
	if added.Key == "" {
		added.Key = newKey(11)
	}
	_, err := e.change(ctx, actor, workflowID, func(ctx context.Context, tx *pg.Tx, w *Workflow, nodes []Node) error {
		if w.Frozen() {
			return errFrozen
		}
		if e.maxNodes > 0 && len(nodes) >= e.maxNodes {
			return fault.New(fault.Invalid, fmt.Sprintf("A workflow has at most %s on this server. Move a part of this one to a workflow of its own.", plural(e.maxNodes, "node", "nodes")))
		}
		if err := mayStand(node.Lookup(n.Type), *w); err != nil {
			return err
		}
		if err := e.checkNode(added, n.Incomplete); err != nil {
			return err
		}
		g := newGraph(nodes)
		if err := g.insert(&added, n.UpstreamID, n.BranchIndex); err != nil {
			return err
		}
		if n.Take != nil {
			g.take(&added, *n.Take)
		}
		added.Revision, added.CreatedAt, added.UpdatedAt = w.Revision+1, e.now(), e.now()
		_, err := tx.ExecContext(ctx, workflowQueries.Get("add_node"), added.ID, added.Key, added.Title, workflowID,
			added.UpstreamID, added.DownstreamID, added.BranchIndex, added.Type, added.Config, added.Revision, added.CreatedAt)
		if err == nil {
			err = relink(ctx, tx, g)
		}
		if err != nil {
			return err
		}
		return e.loadNeeded(ctx, tx, w, g.list(), added)
	})
	if err != nil {
		return Node{}, fmt.Errorf("add node to workflow %d: %w", workflowID, err)
	}
	return added, nil
}

func relink(ctx context.Context, tx *pg.Tx, g *graph) error {
	for _, n := range g.moved() {
		if _, err := tx.ExecContext(ctx, workflowQueries.Get("link_node"), n.ID, n.UpstreamID, n.DownstreamID, n.BranchIndex); err != nil {
			return err
		}
	}
	return nil
}

// mayStand refuses a node of kind k in w; nil for a kind that nobody knows.
func mayStand(k *node.Kind, w Workflow) error {
	if k != nil && k.Waits && w.Sync {
		return fault.Fields(map[string]string{"type": "A synchronous workflow cannot wait, and nodes of this type do."})
	}
	return nil
}

func (e *Engine) checkNode(n Node, incomplete bool) error {
	return checkNode(n, incomplete, func(c node.Config) node.Problems { return node.Lookup(n.Type).Check(c, e.Records) })
}

// checkNode returns what is wrong with a node's own settings. Empty settings
// pass: a node may be made first and set up later. So does what is only needed to
// run and not filled in yet; with incomplete also what every node must have.
func checkNode(n Node, incomplete bool, check func(node.Config) node.Problems) error {
	if n.Type == "" {
		return fault.Fields(map[string]string{"type": "Choose a type of node."})
	}
	k := node.Lookup(n.Type)
	if k == nil {
		return fault.Fields(map[string]string{"type": fmt.Sprintf("There is no node type %q.", n.Type)})
	}
	if len(n.Title) > 255 {
		return fault.Fields(map[string]string{"title": "Write at most 255 characters."})
	}
	if isEmpty(n.Config) {
		return nil
	}
	settings, problems := k.Decode(n.Config)
	if settings != nil {
		problems = check(settings)
		must := settings.Validate()
		maps.DeleteFunc(problems, func(field, _ string) bool { return must[field] == "" && unset(n.Config, field) })
	}
	return fault.Fields(configProblems(n.Config, problems, incomplete && settings != nil))
}

// configProblems names the fields of problems as the API does. With incomplete
// it leaves out what has not been filled in yet.
func configProblems(config json.RawMessage, problems node.Problems, incomplete bool) map[string]string {
	fields := map[string]string{}
	for field, msg := range problems {
		switch {
		case incomplete && unset(config, field):
		case field == "":
			fields["config"] = msg
		default:
			fields["config."+field] = msg
		}
	}
	return fields
}

// unset reports whether nothing has been filled in yet at a dotted path of a
// JSON object.
func unset(raw json.RawMessage, path string) bool {
	if path == "" {
		return false
	}
	for _, key := range strings.Split(path, ".") {
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) != nil {
			var list []json.RawMessage
			if json.Unmarshal(raw, &list) != nil {
				return false
			}
			object = map[string]json.RawMessage{}
			for i, v := range list {
				object[fmt.Sprint(i)] = v
			}
		}
		raw = object[key]
	}
	var v any
	return isEmpty(raw) || json.Unmarshal(raw, &v) == nil && hollow(v)
}

func isEmpty(raw json.RawMessage) bool {
	switch strings.TrimSpace(string(raw)) {
	case "", "null", "{}", "[]", `""`:
		return true
	}
	return false
}

// hollow reports whether v holds nothing but lists and objects, as {"$and": []} does.
func hollow(v any) bool {
	switch v := v.(type) {
	case []any:
		return !slices.ContainsFunc(v, func(inner any) bool { return !hollow(inner) })
	case map[string]any:
		for _, inner := range v {
			if !hollow(inner) {
				return false
			}
		}
		return true
	}
	return false
}

// NodeChange names what [Engine.UpdateNode] sets.
type NodeChange struct {
	Seen   int64 // Revision of the node that the change is based on; 0 changes whatever is there
	Title  *string
	Config json.RawMessage // as a whole; nil leaves it
	// Incomplete accepts settings in which something required is not filled in
	// yet; [Engine.Check] keeps such a workflow from being enabled. What is
	// filled in must be right all the same.
	Incomplete bool

	Links bool   // DownstreamID becomes Next
	Next  *int64 // the node that shall follow; nil for none
}

// UpdateNode changes a node of a version that has not run. It returns Conflict
// when somebody else changed the node after the revision the change is based on.
func (e *Engine) UpdateNode(ctx context.Context, actor auth.Actor, id int64, c NodeChange) (n Node, err error) {
	if err := e.changeNode(ctx, actor, id, c.Seen, e.nodeUpdate(id, c, &n)); err != nil {
		return Node{}, fmt.Errorf("update node %d: %w", id, err)
	}
	return n, nil
}

// UpdateNodes is UpdateNode for several nodes, all or none.
func (e *Engine) UpdateNodes(ctx context.Context, actor auth.Actor, ids []int64, c NodeChange) error {
	err := e.changing(ctx, func(tx *pg.Tx) (tell bool, err error) {
		for _, id := range sorted(ids) {
			told, err := e.changeNodeIn(ctx, tx, actor, id, c.Seen, e.nodeUpdate(id, c, new(Node)))
			if err != nil {
				return false, fault.OfOne(err, len(ids), "Node", id)
			}
			tell = tell || told
		}
		return tell, nil
	})
	if err != nil {
		return fmt.Errorf("update %d nodes: %w", len(ids), err)
	}
	return nil
}

// nodeUpdate changes a node, and leaves it as it is then in now.
func (e *Engine) nodeUpdate(id int64, c NodeChange, now *Node) changeFunc {
	return func(ctx context.Context, tx *pg.Tx, w *Workflow, nodes []Node) error {
		n := nodes[slices.IndexFunc(nodes, func(n Node) bool { return n.ID == id })]
		if c.Title != nil {
			n.Title = strings.TrimSpace(*c.Title)
		}
		if c.Config != nil {
			n.Config = orObject(c.Config)
		}
		if err := e.checkNode(n, c.Incomplete); err != nil {
			return err
		}
		n.UpdatedAt, n.Revision = e.now(), w.Revision+1
		_, err := tx.ExecContext(ctx, workflowQueries.Get("update_node"), id, n.Title, n.Config, n.UpdatedAt)
		if err == nil && c.Links {
			n.DownstreamID, err = c.Next, linkNode(ctx, tx, nodes, id, c.Next)
		}
		if err != nil {
			return err
		}
		*now = n
		return e.loadNeeded(ctx, tx, w, nodes, n)
	}
}

// RemoveNode deletes a node with everything in its branches; with keep the
// nodes of that branch take its place. What was above and below is joined. It
// returns Conflict when somebody changed the node after revision seen; 0 does
// not ask.
func (e *Engine) RemoveNode(ctx context.Context, actor auth.Actor, id int64, seen int64, keep *int) error {
	err := e.changeNode(ctx, actor, id, seen, func(ctx context.Context, tx *pg.Tx, _ *Workflow, nodes []Node) error {
		g := newGraph(nodes)
		gone, err := g.remove(id, keep)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, workflowQueries.Get("remove_nodes"), pq.Int64Array(gone)); err != nil {
			return err
		}
		return relink(ctx, tx, g)
	})
	if err != nil {
		return fmt.Errorf("remove node %d: %w", id, err)
	}
	return nil
}

// Node returns one node.
func (e *Engine) Node(ctx context.Context, actor auth.Actor, id int64) (Node, error) {
	return readNode(ctx, e.DB, actor, id)
}

func readNode(ctx context.Context, q pg.Q, actor auth.Actor, id int64) (Node, error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return Node{}, err
	}
	var n Node
	query, args := actor.Reach(auth.Viewer).Query(workflowQueries.Get("node"), id)
	switch err := q.GetContext(ctx, &n, query, args...); {
	case errors.Is(err, sql.ErrNoRows):
		return Node{}, errNoNode
	case err != nil:
		return Node{}, fmt.Errorf("read node %d: %w", id, err)
	}
	return n, nil
}

// changeNode is change for the version of a node; nodes holds the node.
func (e *Engine) changeNode(ctx context.Context, actor auth.Actor, id, seen int64, fn changeFunc) error {
	return e.changing(ctx, func(tx *pg.Tx) (bool, error) { return e.changeNodeIn(ctx, tx, actor, id, seen, fn) })
}

// changeNodeIn is changeNode as a part of tx.
func (e *Engine) changeNodeIn(ctx context.Context, tx *pg.Tx, actor auth.Actor, id, seen int64, fn changeFunc) (tell bool, err error) {
	n, err := readNode(ctx, tx, actor, id)
	if err != nil {
		return false, err
	}
	_, tell, err = e.changeIn(ctx, tx, actor, n.WorkflowID, func(ctx context.Context, tx *pg.Tx, w *Workflow, nodes []Node) error {
		i := slices.IndexFunc(nodes, func(n Node) bool { return n.ID == id })
		switch {
		case i < 0:
			return errNoNode // deleted between the two reads
		case w.Frozen():
			return errFrozen
		case seen != 0 && seen != nodes[i].Revision:
			return errLost
		}
		return fn(ctx, tx, w, nodes)
	})
	return tell, err
}
