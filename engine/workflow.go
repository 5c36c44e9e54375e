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
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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
// its key and who has it, for which one must own it. Executions stay. It returns how
// many versions are gone.
func (e *Engine) DeleteWorkflow(ctx context.Context, actor auth.Actor, id int64) (gone int, err error) {
	err = e.changing(ctx, func(tx *pg.Tx) (bool, error) {
		gone, err = e.deleteIn(ctx, tx, actor, id)
		return true, err
	})
	if err != nil {
		return 0, fmt.Errorf("delete workflow %d: %w", id, err)
	}
	return gone, nil
}

// DeleteWorkflows is DeleteWorkflow for several versions, all or none. Those that are
// not there, or went with their current version, are passed over.
func (e *Engine) DeleteWorkflows(ctx context.Context, actor auth.Actor, ids []int64) (gone int, err error) {
	ids = sorted(ids)
	err = e.changing(ctx, func(tx *pg.Tx) (bool, error) {
		gone = 0
		for _, id := range ids {
			n, err := e.deleteIn(ctx, tx, actor, id)
			if err != nil && !fault.Is(err, fault.NotFound) {
				return false, fault.OfOne(err, len(ids), "Workflow", id)
			}
			gone += n
		}
		return gone > 0, nil
	})
	if err != nil {
		return 0, fmt.Errorf("delete %d workflows: %w", len(ids), err)
	}
	return gone, nil
}

// sorted leaves every id once, in the order of ids: so two who lock several wait for
// each other less often.
func sorted(ids []int64) []int64 { return slices.Compact(slices.Sorted(slices.Values(ids))) }

func (e *Engine) deleteIn(ctx context.Context, tx *pg.Tx, actor auth.Actor, id int64) (int, error) {
	w, _, err := e.lock(ctx, tx, actor, id, auth.Editor)
	if err != nil {
		return 0, err
	}
	name, args := "delete_version", []any{id}
	if w.Current {
		if err := may(ctx, tx, actor, w.Key, auth.Owner); err != nil {
			return 0, err
		}
		name, args = "delete_all", []any{w.Key}
	}
	res, err := tx.ExecContext(ctx, workflowQueries.Get(name), args...)
	if err != nil {
		return 0, err
	}
	gone, err := res.RowsAffected()
	if err != nil {
		return 0, err
	}
	for _, name := range []string{"delete_stats", "delete_members"} {
		if _, err := tx.ExecContext(ctx, workflowQueries.Get(name), w.Key); err != nil {
			return 0, err
		}
	}
	if w.Enabled {
		w.Enabled = false
		if err := e.plan(ctx, tx, w); err != nil {
			return 0, err
		}
	}
	tx.Notify(auth.Channel, "", membersWait) // whether they have a workflow at all
	return int(gone), actor.NoteOn(ctx, tx, w.ID, 0, e.now(), fmt.Sprintf("Deleted the workflow “%s” (version %d).", w.Title, w.Number))
}

// change runs fn on the locked version, notes who changed it, and tells the
// workers when what is on has changed.
func (e *Engine) change(ctx context.Context, actor auth.Actor, id int64, fn changeFunc) (after Workflow, err error) {
	err = e.changing(ctx, func(tx *pg.Tx) (tell bool, err error) {
		after, tell, err = e.changeIn(ctx, tx, actor, id, fn)
		return tell, err
	})
	return after, err
}

// changeFunc changes w, which is locked and has these nodes.
type changeFunc func(ctx context.Context, tx *pg.Tx, w *Workflow, nodes []Node) error

// changing is a transaction that tells the workers, when it is over, if fn says so.
func (e *Engine) changing(ctx context.Context, fn func(tx *pg.Tx) (tell bool, err error)) error {
	tell := false
	err := e.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) (err error) {
		tell, err = fn(tx)
		return err
	})
	if err == nil && tell {
		e.workflowsChanged(ctx)
	}
	return err
}

// changeIn is change as a part of tx; tell says that what is on has changed.
func (e *Engine) changeIn(ctx context.Context, tx *pg.Tx, actor auth.Actor, id int64, fn changeFunc) (after Workflow, tell bool, err error) {
	before, nodes, err := e.lock(ctx, tx, actor, id, auth.Editor)
	if err != nil {
		return Workflow{}, false, err
	}
	w := before
	if err := fn(ctx, tx, &w, nodes); err != nil {
		return Workflow{}, false, err
	}
	if _, err := tx.ExecContext(ctx, workflowQueries.Get("touch"), id, userID(actor), e.now()); err != nil {
		return Workflow{}, false, err
	}
	if after, _, err = loadWorkflow(ctx, tx, auth.System.Reach(auth.Viewer), id); err != nil {
		return Workflow{}, false, err
	}
	if before.Enabled != after.Enabled || after.Enabled && !bytes.Equal(before.Config, after.Config) {
		err = e.plan(ctx, tx, after)
	}
	return after, before.Enabled || after.Enabled || before.Current != after.Current, err
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
