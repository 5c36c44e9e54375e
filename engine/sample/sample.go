package sample

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/pg"
)

//go:embed *.json
var files embed.FS

// Info describes an application that can be installed.
type Info struct {
	Name   string // stable: "orders"
	Title  string
	About  string // one sentence
	Counts string // "2 collections · 1 workflow · 46 records"
}

// app is the content of a file. {{me}} in it stands for the id of the person
// who installs.
type app struct {
	Sort        int                     `json:"sort"`
	Title       string                  `json:"title"`
	About       string                  `json:"about"`
	Collections []collection.Definition `json:"collections"`
	Records     []records               `json:"records"`
	Workflow    workflow                `json:"workflow"`
}

// records are rows of one collection. A value "@products.3" is the id of the
// third product of this file, counted from 1.
type records struct {
	Collection string              `json:"collection"`
	Rows       []collection.Record `json:"rows"`
}

type workflow struct {
	Key         string          `json:"key"`
	Title       string          `json:"title"`
	Description string          `json:"description"`
	Type        string          `json:"type"`
	Config      json.RawMessage `json:"config"`
	Nodes       []step          `json:"nodes"`
}

type step struct {
	Key      string          `json:"key"`
	Type     string          `json:"type"`
	Title    string          `json:"title"`
	Config   json.RawMessage `json:"config"`
	Branches map[int][]step  `json:"branches"`
}

// Installer installs sample applications.
type Installer struct {
	Engine  *engine.Engine
	Records *collection.Store
}

// List returns the applications in the order to offer them.
func (Installer) List() []Info {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic("sample: " + err.Error())
	}
	type sorted struct {
		Info
		sort int
	}
	var all []sorted
	for _, entry := range entries {
		name := strings.TrimSuffix(entry.Name(), path.Ext(entry.Name()))
		a, err := read(name, 0)
		if err != nil {
			panic("sample: " + err.Error()) // a broken build
		}
		rows := 0
		for _, r := range a.Records {
			rows += len(r.Rows)
		}
		all = append(all, sorted{Info{name, a.Title, a.About,
			fmt.Sprintf("%d collections · 1 workflow · %d records", len(a.Collections), rows)}, a.Sort})
	}
	slices.SortFunc(all, func(a, b sorted) int { return a.sort - b.sort })
	infos := make([]Info, len(all))
	for i, s := range all {
		infos[i] = s.Info
	}
	return infos
}

func read(name string, me int64) (app, error) {
	raw, err := files.ReadFile(name + ".json")
	if err != nil {
		return app{}, fault.New(fault.NotFound, "There is no such sample application.")
	}
	raw = bytes.ReplaceAll(raw, []byte(`"{{me}}"`), strconv.AppendInt(nil, me, 10))
	var a app
	if err := json.Unmarshal(raw, &a); err != nil {
		return app{}, fmt.Errorf("read sample %s: %w", name, err)
	}
	return a, nil
}

// Install makes an application for actor. It is Conflict when one of its
// collections is there already; nothing is changed then.
func (i Installer) Install(ctx context.Context, actor auth.Actor, name string) error {
	if err := actor.Require(auth.ManageCollections); err != nil {
		return err
	}
	a, err := read(name, actor.UserID)
	if err != nil {
		return err
	}
	for _, d := range a.Collections {
		if _, err := i.Records.Collection(ctx, d.Name); err == nil {
			return fault.New(fault.Conflict, fmt.Sprintf("“%s” is not installed: there is a collection %q already.", a.Title, d.Name))
		} else if !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	for _, d := range a.Collections {
		if _, err := i.Records.CreateCollection(ctx, actor, d); err != nil {
			return fmt.Errorf("create collection %s: %w", d.Name, err)
		}
	}
	if err := i.fill(ctx, actor, a.Records); err != nil {
		return err
	}
	return i.build(ctx, actor, a.Workflow)
}

func (i Installer) fill(ctx context.Context, actor auth.Actor, all []records) error {
	ids := map[string]float64{} // "@products.3"
	for _, r := range all {
		err := i.Records.Write(ctx, r.Collection, func(tx *pg.Tx) error {
			for n, row := range r.Rows {
				values := make(collection.Record, len(row))
				for k, v := range row {
					if ref, ok := v.(string); ok && strings.HasPrefix(ref, "@") {
						v = ids[ref]
					}
					values[k] = v
				}
				made, err := i.Records.Create(ctx, tx, collection.Access{Actor: actor}, r.Collection, values, nil)
				if err != nil {
					return fmt.Errorf("row %d of %s: %w", n+1, r.Collection, err)
				}
				ids[fmt.Sprintf("@%s.%d", r.Collection, n+1)], _ = made["id"].(float64)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (i Installer) build(ctx context.Context, actor auth.Actor, w workflow) error {
	made, err := i.Engine.CreateWorkflow(ctx, actor, engine.NewWorkflow{
		Key: w.Key, Title: w.Title, Description: w.Description, Type: w.Type, Config: w.Config,
	})
	if err != nil {
		return fmt.Errorf("create workflow %s: %w", w.Title, err)
	}
	if err := i.add(ctx, actor, made.ID, w.Nodes, nil, nil); err != nil {
		return err
	}
	_, err = i.Engine.EnableWorkflow(ctx, actor, made.ID, true)
	return err
}

// add appends steps one after another, the first of them below upstream or at
// the start of its branch.
func (i Installer) add(ctx context.Context, actor auth.Actor, workflowID int64, steps []step, upstream *int64, branch *int) error {
	for _, s := range steps {
		n, err := i.Engine.AddNode(ctx, actor, workflowID, engine.NewNode{
			Key: s.Key, Type: s.Type, Title: s.Title, Config: s.Config, UpstreamID: upstream, BranchIndex: branch,
		})
		if err != nil {
			return fmt.Errorf("add node %s: %w", s.Title, err)
		}
		for index, inner := range s.Branches {
			if err := i.add(ctx, actor, workflowID, inner, &n.ID, &index); err != nil {
				return err
			}
		}
		upstream, branch = &n.ID, nil
	}
	return nil
}
