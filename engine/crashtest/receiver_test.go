package crashtest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"alur/engine/crashtest/outside"
)

// receiver is the other system that remote steps act on. It remembers what came
// under which key.
type receiver struct {
	*httptest.Server
	gate sync.RWMutex // locked: answers wait

	mu    sync.Mutex
	calls map[string]map[outside.Call]int // by Idempotency-Key
	total int
	gone  int // callers that did not wait for their answer
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{calls: map[string]map[outside.Call]int{}}
	r.Server = httptest.NewServer(http.HandlerFunc(r.answer))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answer(w http.ResponseWriter, req *http.Request) {
	var c outside.Call
	if err := json.NewDecoder(req.Body).Decode(&c); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	key := req.Header.Get("Idempotency-Key")
	r.mu.Lock()
	if r.calls[key] == nil {
		r.calls[key] = map[outside.Call]int{}
	}
	r.calls[key][c]++
	r.total++
	r.mu.Unlock()
	stop := context.AfterFunc(req.Context(), func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.gone++
	})
	defer stop()
	r.gate.RLock()
	defer r.gate.RUnlock()
	_, _ = w.Write([]byte(key))
}

// came is how many calls came.
func (r *receiver) came() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

// left is how many callers went without an answer.
func (r *receiver) left() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gone
}

// check compares the keys with the steps that were recorded: each key is one
// step's, and stands for one thing. All steps must have ended.
func (r *receiver) check(t *testing.T, w *workshop) {
	t.Helper()
	var steps []struct {
		ID        int64  `db:"id"`
		Execution int64  `db:"execution_id"`
		Node      string `db:"node_key"`
		Key       string `db:"key"`
		Answer    string `db:"answer"`
	}
	w.all(&steps, `SELECT j.id, j.execution_id, j.node_key, j.id::text AS key, coalesce(j.result #>> '{}', '') AS answer
		FROM alur.jobs j JOIN alur.flow_nodes n ON n.id = j.node_id WHERE n.type = 'test_remote'`)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.calls) != len(steps) {
		t.Errorf("%d different keys for %d steps", len(r.calls), len(steps))
	}
	for _, s := range steps {
		want := outside.Call{Execution: s.Execution, Node: s.Node}
		if came := r.calls[s.Key]; len(came) != 1 || came[want] == 0 || s.Answer != s.Key {
			t.Errorf("step %d of execution %d came as %v and has the result %q", s.ID, s.Execution, came, s.Answer)
		}
	}
	t.Logf("%d calls for %d remote steps", r.total, len(steps))
}
