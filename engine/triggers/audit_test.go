package triggers_test

import (
	"fmt"
	"testing"

	"alur/engine"
	"alur/engine/collection"
)

// lines are the entries of the audit log about records, and about whose doing.
func (s *shop) lines() string {
	s.t.Helper()
	return s.one(`SELECT string_agg(text, ' | ' ORDER BY id) FROM alur.audit_log WHERE kind = 'records'`)
}

// TestAudit: what an execution changes is one entry in the audit log that says
// how many records of what, by which workflow (promises.md S13); what was undone
// is none.
func TestAudit(t *testing.T) {
	t.Parallel()
	const change = `{"collection": "orders", "params": {"filter": {"title": "made"}, "values": {"status": "x"}%s}}`
	for name, tc := range map[string]struct {
		steps []step
		want  string
	}{
		"create and update": {[]step{{"create", "a", newOrder}, {"create", "b", newOrder}, {"update", "c", fmt.Sprintf(change, "")}},
			"Records by the workflow “Test”: created 2, updated 2 in “orders”."},
		"silently": {[]step{{"create", "a", newOrder}, {"update", "c", fmt.Sprintf(change, `, "individualHooks": false`)}},
			"Records by the workflow “Test”: created 1, updated 1 in “orders”."},
		"several collections": {[]step{{"create", "a", newOrder}, {"destroy", "b", `{"collection": "customers", "params": {"filter": {"name": "{{$context.data.name}}"}}}`}},
			"Records by the workflow “Test”: deleted 1 in “customers”; created 1 in “orders”."},
		"nested": {[]step{{"create", "a", `{"collection": "orders", "params": {"values": {"title": "x", "lines": [{"title": "1"}, {"title": "2"}]}}}`}},
			"Records by the workflow “Test”: created 2 in “lines”; created 1 in “orders”."},
		"nothing found": {[]step{{"update", "a", fmt.Sprintf(change, "")}}, ""},
		"nothing to do": {[]step{{"query", "a", `{"collection": "orders", "params": {}}`}}, ""},
		"a step that broke": {[]step{{"create", "a", newOrder}, {"create", "b", `{"collection": "orders", "params": {"values": {"title": {"no": "text"}, "lines": [{}]}}}`}},
			"Records by the workflow “Test”: created 1 in “orders”."},
	} {
		for _, sync := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, sync %v", name, sync), func(t *testing.T) {
				t.Parallel()
				s := newShop(t)
				id := s.add(engine.NewWorkflow{Sync: sync}, `{"collection": "customers", "mode": 1}`, tc.steps...)
				s.enable(id, true)
				s.create("customers", collection.Record{"name": "Ann"})
				s.work()
				if got := s.lines(); got != tc.want {
					t.Errorf("the log says %q, want %q", got, tc.want)
				}
				about := s.one(`SELECT count(*) FROM alur.audit_log a JOIN alur.executions x ON x.id = a.execution_id AND x.workflow_id = a.workflow_id WHERE kind = 'records'`)
				if (about == "1") != (tc.want != "") {
					t.Errorf("%s entries name their execution", about)
				}
			})
		}
	}
}

// TestAuditOfTheRefused: a change that a synchronous workflow takes back, with
// what that workflow did itself, is not in the log.
func TestAuditOfTheRefused(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	guard := s.add(engine.NewWorkflow{Sync: true}, `{"collection": "customers", "mode": 1, "rollbackOnFailure": true}`,
		step{"create", "a", newOrder}, step{"end", "no", `{"endStatus": -1}`})
	s.enable(guard, true)
	if _, err := s.tryCreate("customers", collection.Record{"name": "Ann"}); err == nil {
		t.Fatal("not refused")
	}
	if got := s.executions() + s.lines(); got != "1" {
		t.Errorf("executions and entries: %s, want 1 and none", got)
	}
}

// TestAuditOfMany: the entries of many executions are written by the statements
// that write their journals, so they cost no statement and no transaction.
func TestAuditOfMany(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.enable(s.add(engine.NewWorkflow{}, `{"collection": "customers", "mode": 1}`, step{"create", "a", newOrder}), true)
	const many = 200
	for range many {
		s.create("customers", collection.Record{"name": "Ann"})
	}
	s.work()
	if got := s.one(`SELECT count(DISTINCT execution_id) FROM alur.audit_log WHERE kind = 'records'`); got != fmt.Sprint(many) {
		t.Errorf("%s executions have an entry, want %d", got, many)
	}
	if got := s.one(`SELECT count(*) FROM alur.audit_log a JOIN alur.jobs j USING (execution_id) WHERE a.xmin = j.xmin AND a.cmin = j.cmin`); got != fmt.Sprint(many) {
		t.Errorf("%s entries were written by the statement of their journal, want %d", got, many)
	}
	if got := s.one(`SELECT count(DISTINCT a.xmin::text || a.cmin) < $1 FROM alur.audit_log a`, many); got != "true" {
		t.Error("each execution has a statement of its own")
	}
}
