package task

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lib/pq"

	"alur/engine/audit"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/mail"
	"alur/engine/pg"
	"alur/engine/snowflake"
)

//go:embed queries.sql
var queriesText string

var queries = pg.LoadQueries(queriesText)

// maxTitle is the length of a task's title.
const maxTitle = 200

// Store makes, lists and decides tasks.
type Store struct {
	DB      *pg.DB
	IDs     *snowflake.Source
	Now     func() time.Time
	Outbox  *mail.Outbox
	BaseURL string                                        // of the pages, without a slash at the end; for links in mails
	Zone    func(context.Context) (*time.Location, error) // for readers who chose none; nil: UTC
}

// Tx is a transaction that a task can be made in.
type Tx interface {
	pg.Q
	OnCommit(func())
}

// New is a step's question to some people.
type New struct {
	ExecutionID int64
	JobID       int64
	NodeID      int64
	NodeKey     string
	WorkflowID  int64
	WorkflowKey string
	Title       string
	Assignees   []int64 // at least one, none twice
	Ask         Ask
}

type person struct {
	ID       int64  `db:"id"`
	Nickname string `db:"nickname"`
	Email    string `db:"email"`
	Active   bool   `db:"active"`
	TimeZone string `db:"time_zone"`
}

// Create makes a task for each assignee, with a link and a mail to those who
// have an address. Assignees that do not exist or are deactivated are Invalid,
// in words that name them.
func (s *Store) Create(ctx context.Context, tx Tx, n New) error {
	people, err := s.people(ctx, tx, n.Assignees)
	if err != nil {
		return err
	}
	set, err := s.setting(ctx, tx, n.ExecutionID)
	if err != nil {
		return err
	}
	n.Title = shorten(n.Title, maxTitle)
	for _, p := range people {
		id, now := s.IDs.Next(), s.Now().UTC()
		_, err := tx.ExecContext(ctx, queries.Get("create"), id, n.ExecutionID, n.JobID, n.NodeID, n.NodeKey,
			n.WorkflowID, n.WorkflowKey, p.ID, n.Title, n.Ask, now)
		if err != nil {
			return fmt.Errorf("create task for user %d: %w", p.ID, err)
		}
		if p.Email == "" {
			continue
		}
		if err := s.mail(ctx, tx, Task{ID: id, ExecutionID: n.ExecutionID, UserID: p.ID, Title: n.Title, Ask: n.Ask}, p, set); err != nil {
			return err
		}
	}
	return nil
}

// people returns the users with ids in that order.
func (s *Store) people(ctx context.Context, q pg.Q, ids []int64) ([]person, error) {
	var found []person
	if err := q.SelectContext(ctx, &found, queries.Get("person"), pq.Array(ids)); err != nil {
		return nil, fmt.Errorf("read assignees: %w", err)
	}
	byID := make(map[int64]person, len(found))
	for _, p := range found {
		byID[p.ID] = p
	}
	people := make([]person, len(ids))
	for i, id := range ids {
		p, ok := byID[id]
		if !ok {
			return nil, fault.New(fault.Invalid, fmt.Sprintf("There is no user with the id %d. Choose other people to decide.", id))
		}
		if !p.Active {
			return nil, fault.New(fault.Invalid, fmt.Sprintf("%s is deactivated and cannot decide. Choose other people.", p.Nickname))
		}
		people[i] = p
	}
	return people, nil
}

// Filter narrows [Store.Mine].
type Filter struct {
	Show   Show
	Search string // in the task's and the workflow's title
	Page   int    // from 1
	Size   int
}

// Show is which tasks a list holds.
type Show string

const (
	ShowOpen Show = "open" // the most urgent first
	ShowDone Show = "done" // decided, closed or stopped; newest first
	ShowAll  Show = "all"  // newest first
)

// Mine returns a page of a's own tasks and whether there are more.
func (s *Store) Mine(ctx context.Context, a auth.Actor, f Filter) (tasks []Task, more bool, err error) {
	if err := a.Require(auth.UseRecords); err != nil {
		return nil, false, err
	}
	query := queries.Get("select") + queries.Get("where_"+string(f.Show))
	if err := s.DB.SelectContext(ctx, &tasks, query, a.UserID, pg.Like(f.Search), f.Size+1, (f.Page-1)*f.Size); err != nil {
		return nil, false, fmt.Errorf("list tasks of user %d: %w", a.UserID, err)
	}
	if len(tasks) > f.Size {
		return tasks[:f.Size], true, nil
	}
	return tasks, false, nil
}

// Delete removes tasks, and the links to them, and returns how many are gone; those
// that somebody is still waited for with stay. It needs the right to manage the
// server.
func (s *Store) Delete(ctx context.Context, a auth.Actor, ids []int64) (int, error) {
	if err := a.Require(auth.ManageServer); err != nil {
		return 0, err
	}
	var gone int64
	err := s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		res, err := tx.ExecContext(ctx, queries.Get("delete"), pq.Array(ids))
		if err != nil {
			return err
		}
		if gone, err = res.RowsAffected(); err != nil || gone == 0 {
			return err
		}
		return a.Note(ctx, tx, audit.Workflows, s.Now().UTC(), fmt.Sprintf("Deleted %d tasks by program.", gone))
	})
	if err != nil {
		return 0, fmt.Errorf("delete tasks: %w", err)
	}
	return int(gone), nil
}

// Pending counts a's open tasks.
func (s *Store) Pending(ctx context.Context, a auth.Actor) (int, error) {
	if !a.Signed() {
		return 0, nil
	}
	var n int
	if err := s.DB.GetContext(ctx, &n, queries.Get("pending"), a.UserID); err != nil {
		return 0, fmt.Errorf("count tasks of user %d: %w", a.UserID, err)
	}
	return n, nil
}

// Task returns a task with its outcome. It is there for its own person and for
// those who may see its workflow, and NotFound for everybody else.
func (s *Store) Task(ctx context.Context, a auth.Actor, id int64) (Task, error) {
	if err := a.Require(auth.UseRecords); err != nil {
		return Task{}, err
	}
	t, err := s.whole(ctx, s.DB, id)
	if err != nil {
		return Task{}, err
	}
	level, err := a.LevelOn(ctx, s.DB, t.WorkflowKey)
	if t.Watched = level.Includes(auth.Viewer); err == nil && t.UserID != a.UserID && !t.Watched {
		err = errNone
	}
	if err != nil {
		return Task{}, err
	}
	return t, nil
}

// whole reads a task with everything there is to show about it.
func (s *Store) whole(ctx context.Context, q pg.Q, id int64) (Task, error) {
	t, err := one(ctx, q, "where_id", id)
	if err != nil {
		return Task{}, err
	}
	if err := q.SelectContext(ctx, &t.Asked, queries.Get("asked"), t.JobID); err != nil {
		return Task{}, fmt.Errorf("read who is asked by job %d: %w", t.JobID, err)
	}
	switch decided, err := one(ctx, q, "where_outcome", t.JobID); {
	case err == nil:
		t.Outcome = outcomeOf(decided)
	case !errors.Is(err, errNone):
		return Task{}, err
	}
	return t, nil
}

func one(ctx context.Context, q pg.Q, where string, id int64) (Task, error) {
	var t Task
	switch err := q.GetContext(ctx, &t, queries.Get("select")+queries.Get(where), id); {
	case errors.Is(err, sql.ErrNoRows):
		return Task{}, errNone
	case err != nil:
		return Task{}, fmt.Errorf("read task (%s %d): %w", where, id, err)
	}
	return t, nil
}

func (s *Store) zone(ctx context.Context, own string) (*time.Location, error) {
	if loc, err := time.LoadLocation(own); own != "" && err == nil {
		return loc, nil
	}
	if s.Zone == nil {
		return time.UTC, nil
	}
	return s.Zone(ctx)
}

// shorten cuts s to n characters, the last of them an ellipsis.
func shorten(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
