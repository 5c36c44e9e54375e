package alert_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/secret"
	"alur/engine/snowflake"
)

// stuck writes an execution of w that nobody gets on with, and returns its id.
func (h *house) stuck(w engine.Workflow) int64 {
	h.t.Helper()
	id := snowflake.At(h.now().Add(-time.Hour)) + h.made
	h.made++
	h.exec(`INSERT INTO alur.executions (id, workflow_id, key, context, attempts, created_at, started_at, lease_until)
		VALUES ($1, $2, $3, '{}', 1, $4, $4, $4)`, id, w.ID, w.Key, h.now().Add(-5*time.Minute))
	return id
}

// done lets what stands still get on.
func (h *house) done(ids ...int64) {
	for _, id := range ids {
		h.exec("UPDATE alur.executions SET status = 1, ended_at = $2, lease_until = NULL WHERE id = $1", id, h.now())
	}
}

// stands lets it stand still again.
func (h *house) stands(id int64) {
	h.exec("UPDATE alur.executions SET status = NULL, ended_at = NULL, lease_until = $2 WHERE id = $1", id, h.now().Add(-5*time.Minute))
}

// member is the id of what u may do with w.
func (h *house) member(w engine.Workflow, u auth.User) int64 {
	h.t.Helper()
	list, err := h.engine.Members(h.t.Context(), auth.System, w.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, m := range list {
		if m.UserID != nil && *m.UserID == u.ID {
			return m.ID
		}
	}
	h.t.Fatalf("%s is no member", u.Nickname)
	return 0
}

// pass lets the watchdog look for so long.
func (h *house) pass(d time.Duration) {
	h.t.Helper()
	for range d / time.Minute {
		h.advance(time.Minute)
		if err := h.dog.Once(h.t.Context()); err != nil {
			h.t.Fatal(err)
		}
	}
}

// TestOver: who was told of a trouble is told once when it is over, when that has
// lasted for a while, without secrets, and as long as they may know.
func TestOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if err := h.values.Create(t.Context(), auth.System, "SHOP_TOKEN", secret.Hidden, "a-token-of-the-shop"); err != nil {
		t.Fatal(err)
	}
	ann, bob := h.hire("Ann"), h.hire("Bob")
	w := h.flow(ann, "Orders a-token-of-the-shop", "")
	h.give(w, engine.NewMember{UserID: bob.ID, Level: auth.Viewer})
	h.exec("UPDATE alur.workflows SET options = $1", fmt.Sprintf(`{"alerts": {"mode": "own", "owner": true, "userIds": [%d], "after": 1, "every": 60, "recovered": true}}`, bob.ID))
	id := h.stuck(w)
	h.look()
	h.want("ann: Orders •••••• stands still | bob: Orders •••••• stands still")

	h.done(id)
	h.pass(4 * time.Minute)
	h.stands(id) // it flickers: the same trouble
	h.pass(10 * time.Minute)
	h.done(id)
	h.pass(4 * time.Minute)
	h.want("")
	h.pass(2 * time.Minute)
	h.want("ann: Orders •••••• gets on | bob: Orders •••••• gets on")
	plain, rich := h.body()
	for _, text := range []string{"This is over in the workflow “Orders ••••••”", "“Orders •••••• stands still” lasted 1", " minutes, from ", "You get this because you were told of it.", fmt.Sprintf("https://alur.test/workflows/%d", w.ID)} {
		if !strings.Contains(plain, text) || !strings.Contains(rich, text) {
			t.Errorf("%q is missing in\n%s", text, plain)
		}
	}
	if strings.Contains(plain+rich, "a-token-of-the-shop") {
		t.Errorf("the mail holds a secret:\n%s", plain)
	}
	h.pass(10 * time.Minute)
	h.want("")

	// People think that it is over, so they hear at once that it is not; and after
	// that its end has to last for as long as between two mails.
	h.stands(id)
	h.look()
	h.want("ann: Orders •••••• stands still | bob: Orders •••••• stands still")
	h.done(id)
	h.pass(50 * time.Minute)
	h.want("")
	if err := h.engine.RemoveMember(t.Context(), auth.System, w.ID, h.member(w, bob)); err != nil {
		t.Fatal(err)
	}
	h.pass(11 * time.Minute)
	h.want("ann: Orders •••••• gets on")

	// Long after that it is a new one.
	h.pass(2 * time.Hour)
	h.stands(id)
	h.look()
	h.want("ann: Orders •••••• stands still")
}

// TestOverUntold: what nobody was told of, or what somebody dismissed, ends quietly.
func TestOverUntold(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ann := h.hire("Ann")
	quiet := h.flow(ann, "Bills", `{"alerts": {"mode": "own", "owner": true, "after": 1, "every": 60}}`)
	silent := h.flow(ann, "Leave", `{"alerts": {"mode": "none"}}`)
	w := h.flow(ann, "Orders", "")
	one, none, first, second := h.stuck(quiet), h.stuck(silent), h.stuck(w), h.stuck(w)
	h.look()
	mails := strings.Split(h.mails(), " | ") // by the keys of the workflows
	slices.Sort(mails)
	if want := []string{"ann: 2 things need attention: Orders stands still, …", "ann: Bills stands still"}; !slices.Equal(mails, want) {
		t.Errorf("mails: %q, want %q", mails, want)
	}
	third := h.stuck(w) // comes with the next mail, an hour later
	h.look()
	h.done(one, none, third)
	h.pass(10 * time.Minute)
	h.want("")
	h.done(first, second)
	h.pass(10 * time.Minute)
	h.want("ann: 2 things are over: Orders gets on, …")
	plain, _ := h.body()
	if n := strings.Count(plain, "“Orders stands still” lasted "); n != 2 {
		t.Errorf("%d spans, want 2:\n%s", n, plain)
	}
	var left int
	if err := h.db.GetContext(t.Context(), &left, "SELECT count(*) FROM alur.troubles WHERE over_at IS NULL"); err != nil || left != 0 {
		t.Errorf("%d troubles are left, %v", left, err)
	}
}

// TestOverOfMany: what is not listed because there is too much of it is not over.
func TestOverOfMany(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.flow(h.hire("Ann"), "Orders", "")
	var ids []int64
	for range 21 {
		ids = append(ids, h.stuck(w))
	}
	h.look()
	h.want("ann: 20 things need attention: Orders stands still, …")
	h.done(ids[:20]...)
	more := h.stuck(w)
	for range 19 {
		h.stuck(w)
	}
	h.pass(10 * time.Minute)
	h.want("") // 21 stand still, of which one is not listed
	h.done(more)
	h.pass(10 * time.Minute)
	h.want("ann: 20 things are over: Orders gets on, …")
}
