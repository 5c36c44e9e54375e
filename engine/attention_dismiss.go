package engine

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"alur/engine/auth"
)

// dismissHelping is how many failures one statement marks.
const dismissHelping = 5000

// DismissFailures takes a group of failures off the list: those that had failed
// until then, which is when the person looked. They are counted. The same
// failure happening again is there again.
func (e *Engine) DismissFailures(ctx context.Context, actor auth.Actor, key, nodeKey, cause string, until time.Time) (int, error) {
	if err := may(ctx, e.DB, actor, key, auth.Operator); err != nil {
		return 0, err
	}
	defer e.forgetAttention()
	for total := 0; ; {
		res, err := e.DB.ExecContext(ctx, attentionSQL.Get("dismiss_failures"),
			key, nodeKey, cause, until.UTC(), e.now(), userID(actor), dismissHelping)
		if err != nil {
			return total, fmt.Errorf("dismiss failures of %s: %w", key, err)
		}
		n, err := res.RowsAffected()
		if total += int(n); err != nil || n < dismissHelping {
			return total, err
		}
	}
}

// DismissWaiting keeps an execution that waits for long at one step quiet for
// another while.
func (e *Engine) DismissWaiting(ctx context.Context, actor auth.Actor, executionID, jobID int64) error {
	ids, err := e.executionsFor(ctx, actor, []int64{executionID}, auth.Operator)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return errNoExecution
	}
	return e.dismiss(ctx, actor, "waiting", strconv.FormatInt(executionID, 10), jobID)
}

// DismissQuiet accepts that a workflow has not run since its execution lastID.
func (e *Engine) DismissQuiet(ctx context.Context, actor auth.Actor, key string, lastID int64) error {
	if err := may(ctx, e.DB, actor, key, auth.Operator); err != nil {
		return err
	}
	return e.dismiss(ctx, actor, "quiet", key, lastID)
}

// DismissSkipped takes what a workflow did not start off the list, up to the
// record called mark.
func (e *Engine) DismissSkipped(ctx context.Context, actor auth.Actor, key string, mark int64) error {
	if err := may(ctx, e.DB, actor, key, auth.Operator); err != nil {
		return err
	}
	return e.dismiss(ctx, actor, "skipped", key, mark)
}

// DismissMails takes mails of a status off the list, up to the one called mark.
// They stay in the outbox.
func (e *Engine) DismissMails(ctx context.Context, actor auth.Actor, status string, mark int64) error {
	if err := actor.Require(auth.ManageUsers); err != nil {
		return err
	}
	return e.dismiss(ctx, actor, "mail", status, mark)
}

// DismissLost takes lost processes off the list, up to the one called mark.
func (e *Engine) DismissLost(ctx context.Context, actor auth.Actor, mark int64) error {
	if err := actor.Require(auth.ManageWorkflows); err != nil {
		return err
	}
	return e.dismiss(ctx, actor, "lost", "process", mark)
}

func (e *Engine) dismiss(ctx context.Context, actor auth.Actor, kind, subject string, mark int64) error {
	defer e.forgetAttention()
	if _, err := e.DB.ExecContext(ctx, attentionSQL.Get("dismiss"), kind, subject, mark, userID(actor), e.now()); err != nil {
		return fmt.Errorf("dismiss %s %s: %w", kind, subject, err)
	}
	return nil
}

// EndIdleSessions ends the sessions that hold a transaction open without doing
// anything, and so rolls back what they have not committed. It returns how many
// those were.
func (e *Engine) EndIdleSessions(ctx context.Context, actor auth.Actor) (int, error) {
	if err := actor.Require(auth.ManageWorkflows); err != nil {
		return 0, err
	}
	defer e.forgetAttention()
	var n int
	if err := e.DB.Side().GetContext(ctx, &n, attentionSQL.Get("end_idle"), e.now().Add(-IdleAfter)); err != nil {
		return 0, fmt.Errorf("end idle sessions: %w", err)
	}
	return n, nil
}
