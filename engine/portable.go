package engine

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/lib/pq"

	"alur/engine/audit"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
	"alur/engine/secret"
)

//go:embed queries_portable.sql
var portableText string

var portableSQL = pg.LoadQueries(portableText)

// Limits of a file of workflows.
const (
	MaxPortableBytes     = 2 << 20
	MaxPortableWorkflows = 100
	MaxPortableNodes     = 1000 // of one workflow; see also Options.MaxNodes
	maxPortableDepth     = 64   // of lists and objects within each other
)

const (
	portableFormat  = "alur.workflows"
	portableVersion = 1
)

// Portable is a file of workflows. The same workflows give the same bytes, so that
// files can be compared. It holds no ids, no values of variables, and of people no
// more than is needed to find them again.
type Portable struct {
	Format    string             `json:"format"`
	Version   int                `json:"version"`
	Workflows []PortableWorkflow `json:"workflows"` // by key
}

// PortableWorkflow is one version of a workflow in a file.
type PortableWorkflow struct {
	Key         string          `json:"key"`
	Title       string          `json:"title"`
	Description string          `json:"description"`
	Categories  []string        `json:"categories"` // titles
	Sync        bool            `json:"sync"`
	Options     json.RawMessage `json:"options"`
	Trigger     PortableTrigger `json:"trigger"`
	Nodes       []PortableNode  `json:"nodes"` // in the order of the canvas
}

// PortableTrigger is what starts a workflow.
type PortableTrigger struct {
	Type   string          `json:"type"`
	Title  string          `json:"title"`
	Config json.RawMessage `json:"config"`
}

// PortableNode is a node and its place. People in Config are [PersonRef]s.
type PortableNode struct {
	Key      string          `json:"key"`
	Type     string          `json:"type"`
	Title    string          `json:"title"`
	Upstream string          `json:"upstream,omitempty"` // key of the node that it follows; "" for the first of all
	Branch   *int            `json:"branch,omitempty"`   // it is the first in this branch of Upstream
	Config   json.RawMessage `json:"config"`
}

// Encode returns the bytes of the file.
func (p Portable) Encode() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(p); err != nil {
		return nil, fmt.Errorf("encode workflows: %w", err)
	}
	return out.Bytes(), nil
}

// FileName is what to call the file.
func (p Portable) FileName() string {
	name := "workflows"
	if len(p.Workflows) == 1 {
		name = p.Workflows[0].Title
	}
	name = strings.Trim(strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '-'
		}
		return r
	}, name), " .-")
	if name == "" {
		name = "workflow"
	}
	return name + ".json"
}

// ExportWorkflows puts versions of workflows into a file. Everybody who may see a
// workflow may: they could build it again. The mail addresses of people in it are
// only for those who look after people.
func (e *Engine) ExportWorkflows(ctx context.Context, actor auth.Actor, ids []int64) (Portable, error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return Portable{}, err
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	switch {
	case len(ids) == 0:
		return Portable{}, fault.Fields(map[string]string{"id": "Choose at least one workflow."})
	case len(ids) > MaxPortableWorkflows:
		return Portable{}, fault.Fields(map[string]string{"id": fmt.Sprintf("A file holds at most %d workflows. Choose fewer.", MaxPortableWorkflows)})
	}
	file := Portable{Format: portableFormat, Version: portableVersion}
	var titles []string
	err := e.DB.Tx(ctx, pg.RepeatableRead, func(tx *pg.Tx) error {
		file.Workflows, titles = nil, nil
		x := exporter{tx: tx, mails: actor.Can(auth.ManageUsers)}
		if e.Values != nil {
			var err error
			if x.secrets, err = e.Values.Values(ctx); err != nil {
				return err
			}
		}
		for _, id := range ids {
			w, nodes, err := e.open(ctx, tx, actor, id, auth.Viewer)
			if err != nil {
				return err
			}
			p, err := x.workflow(ctx, w, nodes)
			if err != nil {
				return err
			}
			file.Workflows = append(file.Workflows, p)
			titles = append(titles, "“"+w.Title+"”")
		}
		return actor.Note(ctx, tx, audit.Transfer, e.now(), "Exported to a file: "+strings.Join(titles, ", ")+".")
	})
	if err != nil {
		return Portable{}, fmt.Errorf("export workflows %v: %w", ids, err)
	}
	slices.SortStableFunc(file.Workflows, func(a, b PortableWorkflow) int { return strings.Compare(a.Key, b.Key) })
	raw, err := file.Encode()
	if err == nil && len(raw) > MaxPortableBytes {
		err = fault.Fields(map[string]string{"id": fmt.Sprintf("The file would be larger than %d MB. Export fewer workflows at a time.", MaxPortableBytes>>20)})
	}
	return file, err
}

// exporter turns workflows into what a file holds of them.
type exporter struct {
	tx      *pg.Tx
	secrets *secret.Values // what must not go along, even if somebody wrote it into a setting; nil: nothing
	mails   bool           // mail addresses may
}

func (x exporter) workflow(ctx context.Context, w Workflow, nodes []Node) (PortableWorkflow, error) {
	tree, err := BuildTree(nodes)
	if err != nil {
		return PortableWorkflow{}, fault.Wrap(fault.Invalid, fmt.Sprintf("“%s” was not exported: its nodes are not linked as a tree. Open it and correct it first.", w.Title), err)
	}
	p := PortableWorkflow{
		Key: w.Key, Title: x.secrets.Text(w.Title), Description: x.secrets.Text(w.Description), Sync: w.Sync,
		Categories: []string{}, Nodes: []PortableNode{},
		Trigger: PortableTrigger{Type: w.Type, Title: w.TriggerTitle},
	}
	if err := x.tx.SelectContext(ctx, &p.Categories, portableSQL.Get("category_titles"), w.ID); err != nil {
		return p, fmt.Errorf("read the categories of workflow %d: %w", w.ID, err)
	}
	if p.Options, err = x.settings(ctx, w.Options, optionPeople); err != nil {
		return p, err
	}
	if p.Trigger.Config, err = x.settings(ctx, w.Config, nil); err != nil {
		return p, err
	}
	keys := map[int64]string{}
	for _, n := range nodes {
		keys[n.ID] = n.Key
	}
	tree.Walk(func(n *TreeNode) {
		if err != nil {
			return
		}
		out := PortableNode{Key: n.Key, Type: n.Type, Title: n.Title, Branch: n.BranchIndex}
		if n.UpstreamID != nil {
			out.Upstream = keys[*n.UpstreamID]
		}
		if out.Config, err = x.settings(ctx, n.Config, peopleKeys(n.Type)); err == nil {
			p.Nodes = append(p.Nodes, out)
		}
	})
	return p, err
}

// settings are raw in the order of their keys, without secrets, and with people by
// name at the keys people.
func (x exporter) settings(ctx context.Context, raw json.RawMessage, people []string) (json.RawMessage, error) {
	v, err := exactly(raw)
	if err != nil {
		return nil, err
	}
	v = x.secrets.JSON(v)
	var ids []int64
	replacePeople(v, people, func(p PersonRef) any { ids = append(ids, p.id); return nil }, false)
	if len(ids) > 0 {
		known, err := x.people(ctx, ids)
		if err != nil {
			return nil, err
		}
		replacePeople(v, people, func(p PersonRef) any {
			if ref, ok := known[p.id]; ok {
				return map[string]any{personMark: ref}
			}
			return nil // there is no such person any more
		}, true)
	}
	return inOrder(v)
}

func (x exporter) people(ctx context.Context, ids []int64) (map[int64]PersonRef, error) {
	var rows []person
	if err := x.tx.SelectContext(ctx, &rows, portableSQL.Get("people"), pq.Int64Array(ids), pq.StringArray{}, pq.StringArray{}); err != nil {
		return nil, fmt.Errorf("read people: %w", err)
	}
	known := map[int64]PersonRef{}
	for _, r := range rows {
		ref := PersonRef{Name: r.Name}
		if x.mails {
			ref.Email = r.Email
		}
		known[r.ID] = ref
	}
	return known, nil
}

// exactly reads JSON and keeps numbers as they were written.
func exactly(raw json.RawMessage) (v any, err error) {
	if len(raw) == 0 {
		return map[string]any{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	return v, nil
}

// inOrder is v as JSON with the keys of objects in order.
func inOrder(v any) (json.RawMessage, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode settings: %w", err)
	}
	return bytes.TrimSpace(out.Bytes()), nil
}
