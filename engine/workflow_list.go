package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"

	"alur/engine/auth"
	"alur/engine/node"
	"alur/engine/snowflake"
)

// WorkflowFilter narrows and orders a list of workflows. The zero filter lists
// all of them by name.
type WorkflowFilter struct {
	Text     string // part of the name, the trigger, a node's name or the collection
	Enabled  *bool
	Type     string // a trigger kind
	Failing  bool   // only with failures in the last seven days
	Category int64  // only of this one; 0 for all
	Sort     string // "title", "-title", "failed", "last"
	Page     int    // 1 for the first
	PageSize int    // 50 when 0
}

// WeekLimit is how many executions of a workflow the figures of a week look at.
const WeekLimit = 1000

// WorkflowSummary is a workflow as a list shows it: its current version and how
// it has been doing.
type WorkflowSummary struct {
	Workflow
	Owner      string     // a person or role that owns it; "" when nobody does
	Level      auth.Level // what actor may do with it; "" to see that it is there, see [Engine.Workflows]
	DraftID    int64      // the draft that waits to be published; 0 for none
	Runs       []Run      // the newest 20 executions, oldest first
	FailedWeek int        // executions of the last seven days that did not succeed …
	TotalWeek  int        // … of so many; of the newest WeekLimit when there were more
	Categories []int64
}

// Run is an execution in a few words, for lists.
type Run struct {
	ID      int64      `json:"id"`
	Status  *int       `json:"status"` // nil: queued, or running when Started is set
	At      time.Time  `json:"at"`
	Started *time.Time `json:"started"`
	Ended   *time.Time `json:"ended"`
}

// State is the run's state in one word; see [Execution.State].
func (r Run) State() string {
	switch {
	case r.Status == nil && r.Started == nil:
		return "queued"
	case r.Status == nil:
		return "running"
	}
	return StateOf(node.Status(*r.Status))
}

// Last returns the newest execution; ok is false when there was none.
func (s WorkflowSummary) Last() (run Run, ok bool) {
	if len(s.Runs) == 0 {
		return Run{}, false
	}
	return s.Runs[len(s.Runs)-1], true
}

// Workflows lists the workflows that actor has a level on, one row each; more
// tells that there is another page. Of the others, those who may see which
// workflows there are see name and trigger type, whether they are on, and whose
// they are, but neither settings nor executions.
func (e *Engine) Workflows(ctx context.Context, actor auth.Actor, f WorkflowFilter) (list []WorkflowSummary, more bool, err error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return nil, false, err
	}
	if f.PageSize <= 0 {
		f.PageSize = 50
	}
	f.Page = max(f.Page, 1)
	text := ""
	if f.Text != "" {
		text = "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(f.Text) + "%"
	}
	week := snowflake.At(e.now().Add(-7 * 24 * time.Hour))
	var rows []struct {
		Workflow
		Owner      string        `db:"owner"`
		DraftID    *int64        `db:"draft_id"`
		Runs       []byte        `db:"runs"` // JSON; nil when it never ran
		FailedWeek int           `db:"failed_week"`
		TotalWeek  int           `db:"total_week"`
		Categories pq.Int64Array `db:"categories"`
	}
	figures := strings.Replace(workflowQueries.Get("week"), "{limit}", strconv.Itoa(WeekLimit), 1)
	listed := "{reach w.key}"
	if actor.Can(auth.SeeWorkflows) {
		listed = "true"
	}
	query, args := actor.Reach(auth.Viewer).Query(
		strings.NewReplacer("{week}", figures, "{listed}", listed).Replace(workflowQueries.Get("list")),
		text, f.Enabled, f.Type, f.Failing, week, f.Sort, f.PageSize+1, (f.Page-1)*f.PageSize, f.Category)
	err = e.DB.SelectContext(ctx, &rows, query, args...)
	if err != nil {
		return nil, false, fmt.Errorf("list workflows: %w", err)
	}
	if more = len(rows) > f.PageSize; more {
		rows = rows[:f.PageSize]
	}
	var levels map[string]auth.Level // nil for who manages all
	if !actor.Can(auth.ManageWorkflows) {
		if levels, err = actor.Levels(ctx, e.DB); err != nil {
			return nil, false, err
		}
	}
	list = make([]WorkflowSummary, len(rows))
	for i, r := range rows {
		list[i] = WorkflowSummary{Workflow: r.Workflow, Owner: r.Owner, Level: auth.Owner, FailedWeek: r.FailedWeek, TotalWeek: r.TotalWeek, Categories: r.Categories}
		if levels != nil {
			list[i].Level = levels[r.Key]
		}
		if r.DraftID != nil {
			list[i].DraftID = *r.DraftID
		}
		if len(r.Runs) == 0 {
			continue
		}
		if err := json.Unmarshal(r.Runs, &list[i].Runs); err != nil {
			return nil, false, fmt.Errorf("list workflows: read executions of %d: %w", r.ID, err)
		}
	}
	return list, more, nil
}

// WorkflowName is what a workflow is called.
type WorkflowName struct {
	Key   string `db:"key"`
	Title string `db:"title"`
}

// WorkflowNames lists the workflows whose executions actor may see by name, to
// choose from.
func (e *Engine) WorkflowNames(ctx context.Context, actor auth.Actor, limit int) ([]WorkflowName, error) {
	if err := actor.Require(auth.UseWorkflows); err != nil {
		return nil, err
	}
	var names []WorkflowName
	query, args := actor.Reach(auth.Viewer).Query(workflowQueries.Get("names"), limit)
	if err := e.DB.SelectContext(ctx, &names, query, args...); err != nil {
		return nil, fmt.Errorf("list the names of workflows: %w", err)
	}
	return names, nil
}
