package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

// Draft returns the version in which changes of version id go: id itself while
// it is [Workflow.Editable], else the one draft of its key, which is copied from
// id when there is none. Node keys are the same in both, ids are not.
//
// Enabling a draft publishes it; deleting it discards it.
func (e *Engine) Draft(ctx context.Context, actor auth.Actor, id int64) (Workflow, error) {
	var draft Workflow
	err := e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		w, nodes, err := e.lock(ctx, tx, actor, id, auth.Editor)
		if err != nil {
			return err
		}
		if w.Editable() {
			draft = w
			return nil
		}
		draftID := int64(0)
		err = tx.GetContext(ctx, &draftID, workflowQueries.Get("draft"), w.Key)
		if errors.Is(err, sql.ErrNoRows) {
			draftID, err = e.copyVersion(ctx, tx, actor, w, nodes, w.Key, w.Title)
		}
		if err != nil {
			return err
		}
		draft, _, err = loadWorkflow(ctx, tx, auth.System.Reach(auth.Viewer), draftID)
		return err
	})
	if err != nil {
		return Workflow{}, fmt.Errorf("draft of workflow %d: %w", id, err)
	}
	return draft, nil
}

// Pending returns the draft of a key, or ok false when there is none.
func (e *Engine) Pending(ctx context.Context, actor auth.Actor, key string) (draft Workflow, ok bool, err error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return Workflow{}, false, err
	}
	var id int64
	switch err := e.DB.GetContext(ctx, &id, workflowQueries.Get("draft"), key); {
	case errors.Is(err, sql.ErrNoRows):
		return Workflow{}, false, nil
	case err != nil:
		return Workflow{}, false, fmt.Errorf("find draft of workflow %q: %w", key, err)
	}
	draft, _, err = loadWorkflow(ctx, e.DB, actor.Reach(auth.Viewer), id)
	if fault.Is(err, fault.NotFound) {
		return Workflow{}, false, nil // not theirs to see, or discarded between the two reads
	}
	return draft, err == nil, err
}

// Revise copies a version with its nodes: to a new version of the same workflow
// when key is its key, and to a workflow of its own when key is empty: that one
// belongs to who makes it. The copy is off; a title of "" takes the original's.
func (e *Engine) Revise(ctx context.Context, actor auth.Actor, id int64, key, title string) (Workflow, error) {
	return e.ReviseWith(ctx, actor, id, key, WorkflowChange{Title: &title})
}

// ReviseWith is Revise with what shall be different in the copy, its trigger's
// settings excepted.
func (e *Engine) ReviseWith(ctx context.Context, actor auth.Actor, id int64, key string, c WorkflowChange) (Workflow, error) {
	least := auth.Editor
	if key == "" {
		least = auth.Viewer // what they may see, they can build again
	}
	var made Workflow
	err := e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		w, nodes, err := e.lock(ctx, tx, actor, id, least)
		if err == nil && key == "" {
			err = actor.Require(auth.CreateWorkflows)
		}
		if err != nil {
			return err
		}
		title := ""
		if c.Title != nil {
			title = strings.TrimSpace(*c.Title)
		}
		switch {
		case key != "" && key != w.Key:
			return errNoWorkflow
		case title == "" && key == "":
			title = w.Title + " copy"
		case title == "":
			title = w.Title
		}
		newKey := newKey(11)
		if key != "" {
			newKey = key
		}
		madeID, err := e.copyVersion(ctx, tx, actor, w, nodes, newKey, title)
		if err != nil {
			return err
		}
		if err := e.own(ctx, tx, actor, newKey); err != nil {
			return err
		}
		made, nodes, err = loadWorkflow(ctx, tx, auth.System.Reach(auth.Viewer), madeID)
		if err != nil {
			return err
		}
		c.Seen, c.Title, c.Config = 0, nil, nil
		before := made
		if err := e.apply(ctx, tx, actor, &made, nodes, c); err != nil || made.Enabled == before.Enabled {
			return err
		}
		return e.plan(ctx, tx, made)
	})
	if err != nil {
		return Workflow{}, fmt.Errorf("copy workflow %d: %w", id, err)
	}
	if c.Current || c.Enabled != nil {
		e.workflowsChanged(ctx)
	}
	return made, nil
}

// copyVersion copies w under key and returns the id of the copy. Nodes keep
// their keys, so variables in their settings keep their meaning. What they need is
// loaded in the copy, also if it is not in w.
func (e *Engine) copyVersion(ctx context.Context, tx *pg.Tx, actor auth.Actor, w Workflow, nodes []Node, key, title string) (int64, error) {
	id, nodes := e.IDs.Next(), slices.Clone(nodes)
	e.load(&w, nodes, nil)
	if _, err := tx.ExecContext(ctx, workflowQueries.Get("copy_workflow"), w.ID, id, key, title, userID(actor), e.now(), w.Config); err != nil {
		return 0, fmt.Errorf("copy its row: %w", err)
	}
	if _, err := tx.ExecContext(ctx, workflowQueries.Get("create_stats"), key, id); err != nil {
		return 0, fmt.Errorf("start its statistics: %w", err)
	}
	if _, err := tx.ExecContext(ctx, workflowQueries.Get("copy_categories"), w.ID, id); err != nil {
		return 0, fmt.Errorf("copy its categories: %w", err)
	}
	ids := map[int64]int64{}
	for _, n := range nodes {
		ids[n.ID] = e.IDs.Next()
	}
	moved := func(old *int64) *int64 {
		if old == nil {
			return nil
		}
		made := ids[*old]
		return &made
	}
	for _, n := range nodes {
		_, err := tx.ExecContext(ctx, workflowQueries.Get("add_node"), ids[n.ID], n.Key, n.Title, id,
			moved(n.UpstreamID), moved(n.DownstreamID), n.BranchIndex, n.Type, n.Config, 1, e.now())
		if err != nil {
			return 0, fmt.Errorf("copy node %d: %w", n.ID, err)
		}
	}
	return id, nil
}
