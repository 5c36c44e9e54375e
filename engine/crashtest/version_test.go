package crashtest_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"

	"alur/engine"
	"alur/engine/auth"
)

// TestVersions publishes versions while executions run: each goes on to its end
// in the version that it began in (R15).
func TestVersions(t *testing.T) {
	t.Parallel()
	g := newRemoteGallery(t)
	w := g.workshop()
	for range 2 {
		g.clients = append(g.clients, signIn(t, g.serve().URL))
	}
	const versions = 8
	g.shoot(math.MaxInt64)
	for n := 1; n <= versions; n++ {
		if n > 1 {
			w.publish(n)
		}
		progress(t, fmt.Sprintf("executions of version %d", n), func() (began int64, done bool) {
			w.get(&began, "SELECT count(*) FROM alur.executions WHERE workflow_id = (SELECT max(id) FROM alur.workflows)")
			return began, began >= int64(scaled(40, 500))
		})
	}
	g.goal.Store(0)
	g.check()
	var wrong, across int
	w.get(&wrong, `SELECT count(*) FROM alur.executions e JOIN public.hits h ON h.shot = (e.context #>> '{data,id}')::bigint
		WHERE h.version <> (SELECT count(*) FROM alur.workflows v WHERE v.key = e.key AND v.id <= e.workflow_id)`)
	if wrong != 0 {
		t.Errorf("%d executions did what another version says", wrong)
	}
	w.get(&wrong, `SELECT count(*) FROM alur.jobs j JOIN alur.executions e ON e.id = j.execution_id
		WHERE NOT EXISTS (SELECT FROM alur.flow_nodes n WHERE n.id = j.node_id AND n.workflow_id = e.workflow_id)`)
	if wrong != 0 {
		t.Errorf("%d steps are another version's", wrong)
	}
	w.get(&across, `SELECT count(*) FROM alur.executions e JOIN alur.workflows v ON v.id > e.workflow_id AND v.updated_at BETWEEN e.started_at AND e.ended_at`)
	if across == 0 {
		t.Error("no execution ran while a version was published")
	}
	t.Logf("%d executions ran while a version was published", across)
}

// publish makes a new version of the only workflow, whose effects carry its
// number, and enables it.
func (w *workshop) publish(number int) {
	w.t.Helper()
	var enabled struct {
		ID  int64  `db:"id"`
		Key string `db:"key"`
	}
	w.get(&enabled, "SELECT id, key FROM alur.workflows WHERE enabled")
	ctx := w.t.Context()
	made, err := w.engine.Revise(ctx, auth.System, enabled.ID, enabled.Key, "")
	if err != nil {
		w.t.Fatal(err)
	}
	_, nodes, err := w.engine.Workflow(ctx, auth.System, made.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	hit := nodes[slices.IndexFunc(nodes, func(n engine.Node) bool { return n.Key == "hit" })]
	if _, err := w.engine.UpdateNode(ctx, auth.System, hit.ID, engine.NodeChange{Config: json.RawMessage(hitSettings(number))}); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.engine.EnableWorkflow(ctx, auth.System, made.ID, true); err != nil {
		w.t.Fatal(err)
	}
}
