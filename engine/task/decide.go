package task

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"alur/engine/audit"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/link"
	"alur/engine/pg"
	"alur/engine/queue"
	"alur/engine/value"
)

// Decision is what a person filled in and which button they pressed.
type Decision struct {
	Form    string         // key; "" when the task has one form
	Action  string         // key
	Values  map[string]any // by field name; texts are taken for every kind of field
	Channel Channel
	IP      string
	Agent   string // the browser's User-Agent
}

// Decide presses a button on a task. A save-only button keeps what was typed and
// leaves the task open. Any other closes the task, closes those of the others
// who were asked, and answers the waiting step, all in one transaction.
//
// Only the task's own person may decide; Forbidden for everybody else, also for
// managers. The loser of a race gets ErrDecided, a task whose execution ended
// or timed out is Gone, and what is missing on the form is Invalid by field.
func (s *Store) Decide(ctx context.Context, a auth.Actor, id int64, d Decision) error {
	if !a.Signed() {
		return a.Require(auth.UseRecords)
	}
	return s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		return s.decide(ctx, tx, a.UserID, id, d)
	})
}

// DecideByLink is Decide in the name of the person whom the link was mailed to.
// A link that is void or has expired is Gone, and so is one of a person who has
// been deactivated.
func (s *Store) DecideByLink(ctx context.Context, t link.Token, d Decision) error {
	d.Channel = Link
	return s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		l, err := link.Lookup(ctx, tx, t)
		if err != nil {
			return err
		}
		// The outcome says more than the state of the link.
		t, err := one(ctx, tx, "where_id", l.TaskID)
		if err != nil {
			return err
		}
		if t.Status.Decided() || t.Status == Closed {
			return ErrDecided
		}
		if err := l.Usable(s.Now()); err != nil {
			return err
		}
		if _, err := s.active(ctx, tx, l.UserID); err != nil {
			return err
		}
		return s.decide(ctx, tx, l.UserID, l.TaskID, d)
	})
}

func (s *Store) active(ctx context.Context, q pg.Q, userID int64) (person, error) {
	people, err := s.people(ctx, q, []int64{userID})
	if fault.Is(err, fault.Invalid) {
		return person{}, fault.Wrap(fault.Gone, "The account that this link was mailed to has been deactivated, so the link no longer works.", err)
	}
	if err != nil {
		return person{}, err
	}
	return people[0], nil
}

// row is what deciding needs of a task.
type row struct {
	ID          int64  `db:"id"`
	ExecutionID int64  `db:"execution_id"`
	JobID       int64  `db:"job_id"`
	WorkflowID  int64  `db:"workflow_id"`
	Title       string `db:"title"`
	UserID      int64  `db:"user_id"`
	Status      Status `db:"status"`
	Ask         Ask    `db:"form"`
	Result      Result `db:"result"`
}

func (s *Store) decide(ctx context.Context, tx *pg.Tx, userID, id int64, d Decision) error {
	t, err := lock(ctx, tx, id)
	switch {
	case err != nil:
		return err
	case t.UserID != userID:
		return fault.New(fault.Forbidden, "This task is somebody else's to decide.")
	case t.Status != Open:
		return ErrDecided
	}
	now := s.Now().UTC()
	if err := running(ctx, tx, t.ExecutionID, now); err != nil {
		return err
	}
	form, action, err := t.Ask.pressed(d)
	if err != nil {
		return err
	}
	values, err := form.Check(d.Values, action)
	if err != nil {
		return err
	}
	if action.Status == Open {
		return s.save(ctx, tx, t, form, action, values, now)
	}
	p, err := s.active(ctx, tx, userID)
	if err != nil {
		return err
	}
	user := map[string]any{"id": float64(p.ID), "nickname": p.Nickname, "email": p.Email}
	if values, err = form.preset(action, values, user, now); err != nil {
		return err
	}
	result := value.Append(nil, map[string]any{form.Key: values, "_": action.Key})
	res, err := tx.ExecContext(ctx, queries.Get("decide"), t.ID, action.Status, result, now, d.Channel, d.IP, agent(d.Agent))
	if err != nil {
		return fmt.Errorf("decide task %d: %w", t.ID, err)
	}
	if n, err := res.RowsAffected(); err != nil {
		return err
	} else if n == 0 {
		return ErrDecided
	}
	note := audit.Entry{At: now, Kind: audit.Decisions, UserID: p.ID, Person: p.Nickname,
		Text:       fmt.Sprintf("Answered the task “%s” (%d) with “%s”.", t.Title, t.ID, action.Key),
		WorkflowID: t.WorkflowID, ExecutionID: t.ExecutionID}
	if err := audit.Write(ctx, tx, note); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, queries.Get("close_siblings"), t.JobID, t.ID, now); err != nil {
		return fmt.Errorf("close the other tasks of job %d: %w", t.JobID, err)
	}
	err = queue.Answer(ctx, tx, t.ExecutionID, t.JobID, int(action.Status), json.RawMessage(result), now)
	if fault.Is(err, fault.Conflict) {
		return fault.Wrap(fault.Conflict, "The workflow no longer waits for this decision.", err)
	}
	return err
}

// save keeps what was typed so far, and shows it as the waiting step's result.
func (s *Store) save(ctx context.Context, tx *pg.Tx, t row, f Form, a Action, values map[string]any, now time.Time) error {
	merged := Result{}
	maps.Copy(merged, t.Result)
	merged[f.Key], merged["_"] = values, a.Key
	result := value.Append(nil, map[string]any(merged))
	if _, err := tx.ExecContext(ctx, queries.Get("save"), t.ID, result, now); err != nil {
		return fmt.Errorf("save task %d: %w", t.ID, err)
	}
	if _, err := tx.ExecContext(ctx, queries.Get("save_job"), t.ExecutionID, t.JobID, result); err != nil {
		return fmt.Errorf("show saved task %d: %w", t.ID, err)
	}
	return nil
}

// lock locks all tasks of the step that task id belongs to and returns that task.
func lock(ctx context.Context, tx *pg.Tx, id int64) (row, error) {
	var all []row
	if err := tx.SelectContext(ctx, &all, queries.Get("lock"), id); err != nil {
		return row{}, fmt.Errorf("lock task %d: %w", id, err)
	}
	for _, t := range all {
		if t.ID == id {
			return t, nil
		}
	}
	return row{}, errNone
}

// running returns nil while the execution can still be answered.
func running(ctx context.Context, tx *pg.Tx, executionID int64, now time.Time) error {
	var e struct {
		EndedAt   *time.Time `db:"ended_at"`
		ExpiresAt *time.Time `db:"expires_at"`
	}
	if err := tx.GetContext(ctx, &e, queries.Get("execution"), executionID); err != nil {
		return fmt.Errorf("read execution %d: %w", executionID, err)
	}
	switch {
	case e.EndedAt != nil:
		return fault.New(fault.Gone, "This execution has ended, so there is nothing left to decide.")
	case e.ExpiresAt != nil && !now.Before(*e.ExpiresAt):
		return fault.New(fault.Gone, "The time for this decision is over: the execution timed out.")
	}
	return nil
}

// pressed finds the form and the button of d.
func (a Ask) pressed(d Decision) (Form, Action, error) {
	if d.Form == "" && len(a.Forms) == 1 {
		d.Form = a.Forms[0].Key
	}
	form, ok := a.form(d.Form)
	if !ok {
		return Form{}, Action{}, fault.New(fault.Invalid, fmt.Sprintf("This task has no form “%s”.", d.Form))
	}
	action, ok := form.Action(d.Action)
	if !ok {
		return Form{}, Action{}, fault.New(fault.Invalid, "Press one of the buttons below the form.")
	}
	return form, action, nil
}

// agent makes a browser's name fit to keep.
func agent(s string) string {
	return shorten(strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), ""), 300)
}

// ByLink returns the task behind a mailed link with the link itself, whatever
// their state; the page words it. It is Gone when the person was deactivated.
func (s *Store) ByLink(ctx context.Context, token link.Token) (Task, link.Link, error) {
	l, err := link.Lookup(ctx, s.DB, token)
	if err != nil {
		return Task{}, link.Link{}, err
	}
	if _, err := s.active(ctx, s.DB, l.UserID); err != nil {
		return Task{}, link.Link{}, err
	}
	t, err := s.whole(ctx, s.DB, l.TaskID)
	return t, l, err
}

// linkPause is how long after a link another one may be asked for.
const linkPause = 10 * time.Minute

// FreshLink mails a new link for the task behind an expired or void one, to the
// address on file and nowhere else. Asked again within ten minutes it does
// nothing, so that an old link in wrong hands fills no mailbox.
func (s *Store) FreshLink(ctx context.Context, token link.Token) error {
	return s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		l, err := link.Lookup(ctx, tx, token)
		if err != nil {
			return err
		}
		_, err = s.freshLink(ctx, tx, l.TaskID, l.UserID)
		return err
	})
}

// Remind mails a new link to everybody with an open task in an execution and
// returns how many mails that were. Who has no address, is deactivated, or got a
// mail about it within the last ten minutes gets none.
func (s *Store) Remind(ctx context.Context, a auth.Actor, executionID int64) (int, error) {
	if err := a.Require(auth.UseWorkflows); err != nil {
		return 0, err
	}
	sent := 0
	err := s.DB.Tx(ctx, pg.ReadCommitted, func(tx *pg.Tx) error {
		sent = 0
		var open []struct {
			ID     int64  `db:"id"`
			UserID int64  `db:"user_id"`
			Key    string `db:"workflow_key"`
		}
		query, args := a.Reach(auth.Viewer).Query(queries.Get("open_of_execution"), executionID)
		if err := tx.SelectContext(ctx, &open, query, args...); err != nil {
			return fmt.Errorf("list the open tasks of execution %d: %w", executionID, err)
		}
		if len(open) > 0 {
			level, err := a.LevelOn(ctx, tx, open[0].Key)
			if err == nil && !level.Includes(auth.Operator) {
				err = fault.New(fault.Forbidden, "You may see this workflow, but not send reminders. Ask one of its owners.")
			}
			if err != nil {
				return err
			}
		}
		if len(open) == 0 {
			return fault.New(fault.Gone, "Nobody is waited for any more: the tasks were decided, or the execution has ended.")
		}
		for _, t := range open {
			mailed, err := s.freshLink(ctx, tx, t.ID, t.UserID)
			switch {
			case fault.Is(err, fault.Gone), errors.Is(err, ErrDecided): // deactivated, or decided meanwhile
			case err != nil:
				return err
			case mailed:
				sent++
			}
		}
		return nil
	})
	return sent, err
}

// freshLink mails a person a new link to their open task, unless they have no
// address or got one a moment ago.
func (s *Store) freshLink(ctx context.Context, tx *pg.Tx, taskID, userID int64) (mailed bool, err error) {
	if _, err := lock(ctx, tx, taskID); err != nil { // one at a time
		return false, err
	}
	t, err := one(ctx, tx, "where_id", taskID)
	switch {
	case err != nil:
		return false, err
	case t.Status == Stopped:
		return false, fault.New(fault.Gone, "This execution has ended, so there is nothing left to decide.")
	case t.Status != Open:
		return false, ErrDecided
	}
	p, err := s.active(ctx, tx, userID)
	if err != nil {
		return false, err
	}
	var newest *time.Time
	if err := tx.GetContext(ctx, &newest, queries.Get("newest_link"), taskID, userID); err != nil {
		return false, fmt.Errorf("read links of task %d: %w", t.ID, err)
	}
	if p.Email == "" || newest != nil && s.Now().Before(newest.Add(linkPause)) {
		return false, nil
	}
	set, err := s.setting(ctx, tx, t.ExecutionID)
	if err != nil {
		return false, err
	}
	return true, s.mail(ctx, tx, t, p, set)
}
