package engine_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
)

// TestPriority: with one worker, a flood of high priority is worked off before
// the one of normal priority that was there first, and that one before the one of
// low priority; none of them stands still meanwhile.
func TestPriority(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var flows []*engine.Armed
	for _, options := range []string{`{"priority": "low"}`, `{}`, `{"priority": "high"}`} {
		flows = append(flows, w.workflow(false, options, flow{kind: "test_pure", key: "a"}))
		w.mustStart(flows[len(flows)-1], 640) // 20 batches
	}
	w.during(1, func() { w.eventually("SELECT count(*) = 0 FROM alur.executions WHERE status IS NULL") })
	// The share of each that was over when the first half of all was.
	early := func(a *engine.Armed) (n int) {
		return int(atoi(t, w.one(`SELECT count(*) FROM (SELECT workflow_id FROM alur.executions ORDER BY ended_at, id LIMIT 960) x WHERE workflow_id = $1`, a.ID)))
	}
	low, normal, high := early(flows[0]), early(flows[1]), early(flows[2])
	if high < 600 || high <= normal || normal <= low || low == 0 || normal == 0 {
		t.Errorf("of the first 960 executions %d were of high, %d of normal and %d of low priority", high, normal, low)
	}
}

// TestPriorityAlone: what is of low priority runs when nothing else does.
func TestPriorityAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustStart(w.workflow(false, `{"priority": "low"}`, flow{kind: "test_pure", key: "a"}), 100)
	w.work()
	if got := w.one("SELECT count(*) FROM alur.executions WHERE status = 1"); got != "100" {
		t.Errorf("%s of 100 are completed", got)
	}
}

// TestLimitsAreLimits: what is out of bounds is refused with words at its field,
// and what is set is noted.
func TestLimitsAreLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "")
	fine := engine.Limits{Timeout: time.Hour, Concurrency: 3, StackLimit: 2, Priority: engine.High}
	for field, change := range map[string]func(*engine.Limits){
		"timeout":     func(l *engine.Limits) { l.Timeout = 180*24*time.Hour + time.Second },
		"concurrency": func(l *engine.Limits) { l.Concurrency = 1001 },
		"stackLimit":  func(l *engine.Limits) { l.StackLimit = 101 },
		"priority":    func(l *engine.Limits) { l.Priority = "urgent" },
	} {
		l := fine
		change(&l)
		err := w.e.SetLimits(t.Context(), auth.System, a.ID, l)
		if f, ok := errors.AsType[*fault.Error](err); !ok || len(f.Fields) != 1 || f.Fields[field] == "" {
			t.Errorf("%s: %v, want a problem there", field, err)
		}
	}
	if err := w.e.SetLimits(t.Context(), auth.System, a.ID, fine); err != nil {
		t.Fatal(err)
	}
	if got := engine.ReadLimits(json.RawMessage(w.one("SELECT options FROM alur.workflows"))); got != fine {
		t.Errorf("stored as %+v, want %+v", got, fine)
	}
	if got := w.one("SELECT text FROM alur.audit_log WHERE kind = 'workflows' ORDER BY id DESC LIMIT 1"); got != "Set the limits of the workflow “Test”: a time limit of 1 hour, 3 at the same moment, 2 in one chain, high priority." {
		t.Errorf("noted as %q", got)
	}
	fine.Priority = engine.Normal
	if err := w.e.SetLimits(t.Context(), auth.System, a.ID, fine); err != nil {
		t.Fatal(err)
	}
	if got := w.one("SELECT options ? 'priority' FROM alur.workflows"); got != "false" {
		t.Error("normal priority is stored as an option")
	}
}

// TestOptionsByAPI: options that come as a whole are checked, noted, and change
// who answers for the workflow only for those who own it.
func TestOptionsByAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.workflow(false, "")
	set := func(actor auth.Actor, options string) error {
		_, err := w.e.UpdateWorkflow(t.Context(), actor, a.ID, engine.WorkflowChange{Options: json.RawMessage(options)})
		return err
	}
	for options, field := range map[string]string{
		`[1]`:                  "options",
		`{"priority": "soon"}`: "options.priority",
		`{"ownerId": "Ann"}`:   "options.ownerId",
		`{"alerts": true}`:     "options.alerts",
		`{"alerts": {}}`:       "options.alerts.mode",
		`{"alerts": {"mode": "own", "after": 0, "every": 60}}`:                   "options.alerts.after",
		`{"alerts": {"mode": "own", "after": 1001, "every": 60}}`:                "options.alerts.after",
		`{"alerts": {"mode": "own", "after": 3, "minutes": 10081, "every": 60}}`: "options.alerts.minutes",
		`{"alerts": {"mode": "own", "after": 3, "every": 0}}`:                    "options.alerts.every",
		`{"alerts": {"mode": "own", "after": 3, "every": 10081}}`:                "options.alerts.every",
	} {
		err := set(auth.System, options)
		if f, ok := errors.AsType[*fault.Error](err); !ok || len(f.Fields) != 1 || f.Fields[field] == "" {
			t.Errorf("%s: %v, want a problem at %s", options, err, field)
		}
	}
	w.exec(`INSERT INTO alur.users (id, nickname, email) VALUES (7, 'Ann', 'ann@alur.test'), (8, 'Bob', 'bob@alur.test')`)
	for id, level := range map[int64]string{7: "editor", 8: "owner"} {
		w.exec(`INSERT INTO alur.workflow_members (workflow_key, user_id, level) VALUES ($1, $2, CAST($3 AS alur.workflow_level))`, a.Key, id, level)
	}
	ann, err := (&auth.Store{DB: w.db, IDs: w.e.IDs, Now: time.Now}).Actor(t.Context(), 7, auth.Union)
	if err != nil {
		t.Fatal(err)
	}
	if err := set(ann, `{"ownerId": 7}`); !fault.Is(err, fault.Forbidden) {
		t.Errorf("an editor makes herself answer for it: %v, want it forbidden", err)
	}
	if err := set(ann, `{"timeout": 1000, "theirs": {"x": 1}}`); err != nil {
		t.Errorf("an editor sets a time limit: %v", err)
	}
	if got := w.one("SELECT options FROM alur.workflows"); got != `{"theirs": {"x": 1}, "timeout": 1000}` {
		t.Errorf("the options are %s", got)
	}
	owner := func() string {
		list, _, err := w.e.Workflows(t.Context(), auth.System, engine.WorkflowFilter{})
		if err != nil || len(list) != 1 {
			t.Fatalf("%d workflows, %v", len(list), err)
		}
		return list[0].Owner
	}
	w.exec(`INSERT INTO alur.users (id, nickname, email) VALUES (9, 'Cem', 'cem@alur.test')`)
	w.exec(`INSERT INTO alur.workflow_members (workflow_key, user_id, level) VALUES ($1, 9, 'owner')`, a.Key)
	if got := owner(); got != "Bob" {
		t.Errorf("%s answers for it, want Bob, the first owner", got)
	}
	for _, person := range []int64{7, 99} { // no owner, nobody
		err := w.e.SetOwner(t.Context(), auth.System, a.ID, person)
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Fields["owner"] == "" {
			t.Errorf("%d is to answer for it: %v, want a problem", person, err)
		}
	}
	if err := w.e.SetOwner(t.Context(), auth.System, a.ID, 9); err != nil {
		t.Fatal(err)
	}
	if got := owner(); got != "Cem" {
		t.Errorf("%s answers for it, want Cem", got)
	}
	if got := w.one("SELECT string_agg(text, ' ' ORDER BY id) FROM alur.audit_log WHERE text LIKE '%options%' OR text LIKE '%answer%'"); got !=
		"Changed the options of the workflow “Test” (version 1). Made Cem answer for the workflow “Test”." {
		t.Errorf("noted is %q", got)
	}
	w.exec("DELETE FROM alur.workflow_members WHERE user_id = 9")
	if got := owner(); got != "Bob" {
		t.Errorf("%s answers for it when Cem does not own it any more, want Bob", got)
	}
}
