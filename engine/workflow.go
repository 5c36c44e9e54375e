package engine

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"alur/engine/audit"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

//go:embed queries_workflow.sql
var workflowSQL string

var workflowQueries = pg.LoadQueries(workflowSQL)

// Workflow is one version of a workflow. The versions of one workflow share
// Key, and at most one of them is Current.
type Workflow struct {
	ID               int64           `db:"id" json:"id"`
	Key              string          `db:"key" json:"key"`
	Title            string          `db:"title" json:"title"`
	Enabled          bool            `db:"enabled" json:"enabled"`
	Description      string          `db:"description" json:"description"`
	Type             string          `db:"type" json:"type"` // the trigger's kind
	TriggerTitle     string          `db:"trigger_title" json:"triggerTitle"`
	Config           json.RawMessage `db:"config" json:"config"` // the trigger's settings
	Current          bool            `db:"current" json:"-"`     // null instead of false, in the table and in JSON
	Sync             bool            `db:"sync" json:"sync"`
	Options          json.RawMessage `db:"options" json:"options"`
	Revision         int64           `db:"revision" json:"revision"`   // rises with every change of the row or its nodes
	SettingsRevision int64           `db:"settings_revision" json:"-"` // the Revision that last changed the row itself
	CreatedByID      *int64          `db:"created_by_id" json:"createdById"`
	UpdatedByID      *int64          `db:"updated_by_id" json:"updatedById"`
	CreatedAt        time.Time       `db:"created_at" json:"createdAt"`
	UpdatedAt        time.Time       `db:"updated_at" json:"updatedAt"`
	Executed         int64           `db:"executed" json:"-"` // above 0: it has run and is frozen
	Number           int             `db:"number" json:"-"`   // 1 for the oldest version of Key
}

// Frozen reports whether w has run: its trigger and nodes stay as they are.
func (w Workflow) Frozen() bool { return w.Executed > 0 }

// Editable reports whether a page may change w in place. A version that has run
// is frozen, and one that is on goes on undisturbed: both are changed through a
// draft, see [Engine.Draft].
func (w Workflow) Editable() bool { return !w.Frozen() && !w.Enabled }

// MarshalJSON gives current as true or null, as the API promises.
func (w Workflow) MarshalJSON() ([]byte, error) {
	type plain Workflow
	var current *bool
	if w.Current {
		current = &w.Current
	}
	return json.Marshal(struct {
		plain
		Current *bool `json:"current"`
	}{plain(w), current})
}

// Node is one step of a workflow version.
type Node struct {
	ID           int64           `db:"id" json:"id"`
	Key          string          `db:"key" json:"key"` // the same in all versions and copies
	Title        string          `db:"title" json:"title"`
	WorkflowID   int64           `db:"workflow_id" json:"workflowId"`
	UpstreamID   *int64          `db:"upstream_id" json:"upstreamId"`     // nil only for the head
	DownstreamID *int64          `db:"downstream_id" json:"downstreamId"` // the next node of the same level
	BranchIndex  *int            `db:"branch_index" json:"branchIndex"`   // set only on the first node of a branch
	Type         string          `db:"type" json:"type"`
	Config       json.RawMessage `db:"config" json:"config"`
	Revision     int64           `db:"revision" json:"-"` // the workflow's revision that last changed Title or Config
	CreatedAt    time.Time       `db:"created_at" json:"createdAt"`
	UpdatedAt    time.Time       `db:"updated_at" json:"updatedAt"`
}

var (
	errNoWorkflow  = fault.New(fault.NotFound, "There is no such workflow.")
	errNoNode      = fault.New(fault.NotFound, "There is no such node. It may have been deleted.")
	errFrozen      = fault.New(fault.Invalid, "This version has run and stays as it was. Edit its draft, or make a new version.")
	errDescription = &fault.Error{Kind: fault.Invalid, Msg: "Write at most 10,000 characters.", Fields: map[string]string{"description": "Write at most 10,000 characters."}}
	errLost        = fault.New(fault.Conflict, "Not saved: somebody else changed this while you were editing.")
)

// maxDescription is how many characters describe a workflow.
const maxDescription = 10_000

// NewWorkflow is what [Engine.CreateWorkflow] needs to know.
type NewWorkflow struct {
	Key          string // generated when empty
	Title        string
	Description  string
	Type         string // a registered trigger kind
	TriggerTitle string
	Config       json.RawMessage // checked unless it is nil
	Options      json.RawMessage
	Sync         bool
	Categories   []int64 // those that do not exist are passed over
	Current      bool    // takes the place of the version of its key that is current
	Enabled      bool    // current and on at once: without nodes it only counts what happens
}

// CreateWorkflow makes a workflow without nodes. It is the current version
// unless another one of its key is, and it is off, if nothing else is said: see
// [Engine.EnableWorkflow]. Whoever makes the first version of a workflow owns it.
func (e *Engine) CreateWorkflow(ctx context.Context, actor auth.Actor, n NewWorkflow) (Workflow, error) {
	if err := e.mayCreate(ctx, actor, n.Key); err != nil {
		return Workflow{}, err
	}
	n.Title = strings.TrimSpace(n.Title)
	if err := e.checkNew(n); err != nil {
		return Workflow{}, err
	}
	n.Key = cmp.Or(n.Key, newKey(11))
	id := e.IDs.Next()
	var made Workflow
	err := e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		_, err := tx.ExecContext(ctx, workflowQueries.Get("create"),
			id, n.Key, n.Title, n.Description, n.Type, n.TriggerTitle, orObject(n.Config),
			orObject(n.Options), n.Sync, userID(actor), e.now())
		if err != nil {
			return err
		}
		if _, err = tx.ExecContext(ctx, workflowQueries.Get("create_stats"), n.Key, id); err != nil {
			return err
		}
		if err := categorize(ctx, tx, []int64{id}, n.Categories); err != nil {
			return err
		}
		if err := e.own(ctx, tx, actor, n.Key); err != nil {
			return err
		}
		if made, _, err = loadWorkflow(ctx, tx, auth.System.Reach(auth.Viewer), id); err != nil || !n.Current && !n.Enabled {
			return err
		}
		return e.promote(ctx, tx, actor, &made, nil, n.Enabled)
	})
	if err != nil {
		return Workflow{}, fmt.Errorf("create workflow %q: %w", n.Title, err)
	}
	if n.Current || n.Enabled {
		e.workflowsChanged(ctx)
	}
	return made, nil
}

func (e *Engine) checkNew(n NewWorkflow) error {
	problems := checkOptions(n.Options)
	switch {
	case n.Type == "":
		problems["type"] = "Choose what starts the workflow."
	case LookupTrigger(n.Type) == nil:
		problems["type"] = fmt.Sprintf("There is no trigger of type %q.", n.Type)
	case len(n.Config) > 0 && string(n.Config) != "null":
		maps.Copy(problems, e.checkTrigger(n.Type, n.Config, false))
	}
	if len(n.Title) > 255 {
		problems["title"] = "Write at most 255 characters."
	}
	if utf8.RuneCountInString(n.Description) > maxDescription {
		maps.Copy(problems, errDescription.Fields)
	}
	return fault.Fields(problems)
}

// Workflow returns one version with its nodes, which come in no useful order:
// see [BuildTree].
func (e *Engine) Workflow(ctx context.Context, actor auth.Actor, id int64) (Workflow, []Node, error) {
	return e.open(ctx, e.DB, actor, id, auth.Viewer)
}

// open is Workflow for who has at least a level on it. It is Forbidden when they
// see the workflow, and may do less.
func (e *Engine) open(ctx context.Context, q pg.Q, actor auth.Actor, id int64, least auth.Level) (Workflow, []Node, error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return Workflow{}, nil, err
	}
	w, nodes, err := loadWorkflow(ctx, q, actor.Reach(auth.Viewer), id)
	if err == nil {
		err = may(ctx, q, actor, w.Key, least)
	}
	if err != nil {
		return Workflow{}, nil, err
	}
	return w, nodes, nil
}

func loadWorkflow(ctx context.Context, q pg.Q, reach auth.Reach, id int64) (Workflow, []Node, error) {
	var w Workflow
	query, args := reach.Query(workflowQueries.Get("by_id"), id)
	switch err := q.GetContext(ctx, &w, query, args...); {
	case errors.Is(err, sql.ErrNoRows):
		return Workflow{}, nil, errNoWorkflow
	case err != nil:
		return Workflow{}, nil, fmt.Errorf("read workflow %d: %w", id, err)
	}
	nodes := []Node{}
	if err := q.SelectContext(ctx, &nodes, workflowQueries.Get("nodes"), id); err != nil {
		return Workflow{}, nil, fmt.Errorf("read nodes of workflow %d: %w", id, err)
	}
	return w, nodes, nil
}

// Versions returns all versions of a workflow, the newest first.
func (e *Engine) Versions(ctx context.Context, actor auth.Actor, key string) ([]Workflow, error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return nil, err
	}
	ws := []Workflow{}
	query, args := actor.Reach(auth.Viewer).Query(workflowQueries.Get("by_key"), key)
	if err := e.DB.SelectContext(ctx, &ws, query, args...); err != nil {
		return nil, fmt.Errorf("read versions of workflow %q: %w", key, err)
	}
	return ws, nil
}

// DeleteWorkflow deletes a version, and with the current one all versions of
// its key, for which one must own it. Executions stay, and so does who may see
// them. It returns how many versions are gone.
func (e *Engine) DeleteWorkflow(ctx context.Context, actor auth.Actor, id int64) (int, error) {
	var gone int64
	err := e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		w, _, err := e.lock(ctx, tx, actor, id, auth.Editor)
		if err != nil {
			return err
		}
		name := "delete_version"
		args := []any{id}
		if w.Current {
			if err := may(ctx, tx, actor, w.Key, auth.Owner); err != nil {
				return err
			}
			name, args = "delete_all", []any{w.Key}
		}
		res, err := tx.ExecContext(ctx, workflowQueries.Get(name), args...)
		if err != nil {
			return err
		}
		if gone, err = res.RowsAffected(); err != nil {
			return err
		}
		if w.Current {
			if _, err = tx.ExecContext(ctx, workflowQueries.Get("delete_stats"), w.Key); err != nil {
				return err
			}
		}
		return actor.Note(ctx, tx, audit.Workflows, e.now(), fmt.Sprintf("Deleted the workflow “%s” (version %d).", w.Title, w.Number))
	})
	if err != nil {
		return 0, fmt.Errorf("delete workflow %d: %w", id, err)
	}
	e.workflowsChanged(ctx)
	return int(gone), nil
}

// change runs fn on the locked version, notes who changed it, and tells the
// workers when what is on has changed.
func (e *Engine) change(ctx context.Context, actor auth.Actor, id int64,
	fn func(ctx context.Context, tx *pg.Tx, w *Workflow, nodes []Node) error) (Workflow, error) {
	var before, after Workflow
	err := e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		w, nodes, err := e.lock(ctx, tx, actor, id, auth.Editor)
		if err != nil {
			return err
		}
		before = w
		if err := fn(ctx, tx, &w, nodes); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, workflowQueries.Get("touch"), id, userID(actor), e.now()); err != nil {
			return err
		}
		if after, _, err = loadWorkflow(ctx, tx, auth.System.Reach(auth.Viewer), id); err != nil {
			return err
		}
		if before.Enabled != after.Enabled || after.Enabled && !bytes.Equal(before.Config, after.Config) {
			return e.plan(ctx, tx, after)
		}
		return nil
	})
	if err != nil {
		return Workflow{}, err
	}
	if before.Enabled || after.Enabled || before.Current != after.Current {
		e.workflowsChanged(ctx)
	}
	return after, nil
}

// lock is open after locking all versions of the key, so that changes of one
// workflow come one after the other. The order by id keeps two lockers from
// waiting for each other.
func (e *Engine) lock(ctx context.Context, tx *pg.Tx, actor auth.Actor, id int64, least auth.Level) (Workflow, []Node, error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return Workflow{}, nil, err
	}
	var ids []int64
	query, args := actor.Reach(least).Query(workflowQueries.Get("lock_key"), id)
	if err := tx.SelectContext(ctx, &ids, query, args...); err != nil {
		return Workflow{}, nil, fmt.Errorf("lock workflow %d: %w", id, err)
	}
	return e.open(ctx, tx, actor, id, least)
}

func (e *Engine) now() time.Time { return e.Now().UTC() }

func userID(a auth.Actor) *int64 {
	if !a.Signed() {
		return nil
	}
	return &a.UserID
}

func orObject(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 || string(raw) == "null" {
		return json.RawMessage("{}")
	}
	return raw
}

// newKey returns a random key of n lower case letters and digits that starts
// with a letter, so that it can stand in a variable's path and in an id.
func newKey(n int) string {
	text := strings.ToLower(rand.Text())
	return string('a'+text[0]%26) + text[1:n]
}
