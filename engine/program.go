package engine

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"alur/engine/fault"
	"alur/engine/metric"
	"alur/engine/node"
)

// program is a workflow version made ready to run: nodes linked, settings
// decoded, expressions compiled. It is shared by all its executions and never
// changes.
type program struct {
	workflowID int64
	key        string
	title      string // of the workflow
	options    runOptions
	figures    *metric.Workflow
	head       *instruction // nil: there are no nodes
	nodes      map[int64]*instruction
	env        bool   // some node refers to $env
	broken     string // why it cannot run at all; "" when it can
}

// instruction is one node of a program.
type instruction struct {
	Node
	kind     *node.Kind // nil: nobody registered this type
	config   node.Config
	problem  string // why it cannot run; "" when it can
	figures  *metric.Steps
	next     *instruction
	branches map[int]*instruction
	opener   *instruction // the node whose branch this one stands in; nil on the top level
	scoped   bool         // a node around it has variables for it
}

// remote reports whether in acts outside of the database.
func (in *instruction) remote() bool {
	return in.problem == "" && in.kind.Effect == node.Remote
}

// program returns a workflow version made ready to run.
func (e *Engine) program(ctx context.Context, workflowID int64) (*program, error) {
	e.lookAgain(ctx)
	e.mu.Lock()
	p, epoch := e.programs[workflowID], e.epoch
	e.mu.Unlock()
	if p != nil {
		return p, nil
	}
	p, err := e.loadProgram(ctx, workflowID)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	if e.epoch == epoch { // else a definition changed while we read
		e.programs[workflowID] = p
	}
	e.mu.Unlock()
	return p, nil
}

// loadProgram reads over the side pool: a synchronous execution is inside of a
// transaction that may hold the last connection.
func (e *Engine) loadProgram(ctx context.Context, workflowID int64) (*program, error) {
	var head struct {
		Key     string          `db:"key"`
		Title   string          `db:"title"`
		Options json.RawMessage `db:"options"`
	}
	err := e.DB.Side().GetContext(ctx, &head, queries.Get("program"), workflowID)
	if errors.Is(err, sql.ErrNoRows) {
		return &program{workflowID: workflowID, options: readOptions(nil), broken: "The workflow of this execution has been deleted."}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load workflow %d: %w", workflowID, err)
	}
	var nodes []Node
	if err := e.DB.Side().SelectContext(ctx, &nodes, queries.Get("program_nodes"), workflowID); err != nil {
		return nil, fmt.Errorf("load the nodes of workflow %d: %w", workflowID, err)
	}
	p := link(nodes)
	p.workflowID, p.key, p.title, p.options = workflowID, head.Key, head.Title, readOptions(head.Options)
	p.figures = e.Metrics.Workflow(p.key)
	for _, in := range p.nodes {
		if in.kind != nil { // types that nobody registered are no closed list
			in.figures = e.Metrics.Steps(in.Type)
		}
	}
	return p, nil
}

// link connects nodes and decodes their settings. A node that cannot run keeps
// its place with the reason, so that an execution fails there, in words, and
// not somewhere else.
func link(nodes []Node) *program {
	p := &program{nodes: make(map[int64]*instruction, len(nodes))}
	for _, n := range nodes {
		in := &instruction{Node: n, kind: node.Lookup(n.Type), branches: map[int]*instruction{}}
		if in.kind == nil {
			in.problem = fmt.Sprintf("This server has no node type %q. Remove the node, or start a server that has the type.", n.Type)
		} else if config, problems := in.kind.Decode(n.Config); len(problems) > 0 {
			in.problem = "The settings of this node are not readable: " + fault.Fields(problems).Error()
		} else {
			in.config = config
		}
		p.nodes[n.ID] = in
		p.env = p.env || bytes.Contains(n.Config, []byte("$env"))
	}
	for _, in := range p.nodes {
		if in.DownstreamID != nil {
			in.next = p.nodes[*in.DownstreamID]
		}
		switch {
		case in.UpstreamID == nil:
			p.head = in
		case in.BranchIndex != nil && p.nodes[*in.UpstreamID] != nil:
			p.nodes[*in.UpstreamID].branches[*in.BranchIndex] = in
		}
	}
	for _, in := range p.nodes {
		in.opener = openerOf(p, in)
	}
	for _, in := range p.nodes {
		in.scoped = inScope(p, in)
	}
	if p.head == nil && len(nodes) > 0 {
		p.broken = "The nodes of this workflow are not linked: none of them is the first."
	}
	return p
}

// inScope reports whether a node around in has variables for it.
func inScope(p *program, in *instruction) bool {
	for range len(p.nodes) { // links could form a ring
		if in = in.opener; in == nil {
			return false
		}
		if in.problem == "" && in.kind.Scoped() {
			return true
		}
	}
	return false
}

// openerOf walks up to the node that opened the branch in stands in.
func openerOf(p *program, in *instruction) *instruction {
	for range len(p.nodes) { // links could form a ring
		if in == nil || in.UpstreamID == nil {
			return nil
		}
		up := p.nodes[*in.UpstreamID]
		if in.BranchIndex != nil {
			return up
		}
		in = up
	}
	return nil
}
