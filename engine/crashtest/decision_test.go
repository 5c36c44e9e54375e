package crashtest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"alur/engine/collection"
	"alur/engine/crashtest"
	"alur/engine/link"
	"alur/engine/pgtest"
)

// TestDecideOnce lets 32 clients end one wait at the same moment: by the API, by
// the mailed link, by cancelling, and by the deadline. Exactly one wins, and what
// follows is what that one said (R6).
func TestDecideOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.NewURL(t)
	keepDump(t, url)
	rand := random(t)
	w := newWorkshop(t, url)
	var clients []client
	for range 2 {
		s := crashtest.Start(t, crashtest.Options{Wait: true, Env: append([]string{"DATABASE_URL=" + url, "DATA_DIR=" + crashtest.Dir(t)}, account...)})
		clients = append(clients, signIn(t, s.URL))
	}
	w.collection(`{"name": "requests", "title": "Requests", "fields": [{"name": "n", "type": "integer", "title": "N"}]}`)
	w.collection(`{"name": "outcomes", "title": "Outcomes", "fields": [{"name": "request", "type": "bigInt", "title": "Request"}]}`)
	var ann int64
	w.get(&ann, "SELECT id FROM alur.users WHERE email = $1", email)
	w.workflow(`{"collection": "requests", "mode": 1}`, false,
		step{"manual", "ask", fmt.Sprintf(`{"assignees": [%d], "forms": {"f": {"type": "custom", "title": "Decide",
			"collection": {"name": "c", "fields": []}, "actions": [{"key": "ok", "title": "Yes", "status": 1}, {"key": "no", "title": "No", "status": -5}]}}}`, ann)},
		step{"create", "outcome", `{"collection": "outcomes", "params": {"values": {"request": "{{$context.data.id}}"}}}`})
	won := map[string]int{}
	for round := range scaled(12, 200) {
		r := w.ask(round)
		decide := map[string]func(client) (bool, error){
			"yes over the API":  func(c client) (bool, error) { return c.submit(t, r.Task, "ok") },
			"no over the API":   func(c client) (bool, error) { return c.submit(t, r.Task, "no") },
			"yes over the link": func(c client) (bool, error) { return c.follow(t, r.token, "ok") },
			"no over the link":  func(c client) (bool, error) { return c.follow(t, r.token, "no") },
		}
		end := map[string]func(client) error{
			"cancel": func(c client) error { return c.cancel(t, r.Execution) },
			"timeout": func(client) error {
				_, err := w.db.ExecContext(t.Context(), "UPDATE alur.executions SET expires_at = now() WHERE id = $1 AND (status IS NULL OR status = 0)", r.Execution)
				return err
			},
		}
		ways := slices.Sorted(maps.Keys(decide))
		if way := []string{"cancel", "timeout", ""}[round%3]; way != "" {
			ways = append(ways, way)
		}
		var group sync.WaitGroup
		var mu sync.Mutex
		var winners []string
		begin := make(chan struct{})
		for i := range 32 {
			way, c := ways[i%len(ways)], clients[i/2%len(clients)]
			late := time.Duration(rand.IntN(3000)) * time.Microsecond
			if way == "timeout" {
				late = time.Duration(rand.IntN(60)) * time.Millisecond // it goes through no server
			}
			group.Go(func() {
				<-begin
				pause(t.Context(), late)
				if end[way] != nil {
					if err := end[way](c); err != nil {
						t.Errorf("%s: %v", way, err)
					}
					return
				}
				ok, err := decide[way](c)
				if err != nil {
					t.Errorf("%s: %v", way, err)
				}
				if ok {
					mu.Lock()
					winners = append(winners, way)
					mu.Unlock()
				}
			})
		}
		close(begin)
		group.Wait()
		w.awaitQuiet()
		way := w.ended(r, winners)
		if way == "" {
			t.Errorf("round %d: decided by %q", round, winners)
		}
		won[way]++
	}
	t.Logf("winners: %v", won)
}

// request is an execution that waits for Ann.
type request struct {
	Execution int64  `db:"execution_id"`
	Task      int64  `db:"id"`
	token     string // of the mailed link
}

var tokens = regexp.MustCompile(link.Prefix + `[0-9A-Za-z]+`)

// ask makes a request and waits until it waits.
func (w *workshop) ask(n int) (r request) {
	w.t.Helper()
	record := w.create("requests", collection.Record{"n": float64(n)})
	progress(w.t, "tasks", func() (int64, bool) {
		var all []request
		w.all(&all, `SELECT t.id, t.execution_id FROM alur.tasks t JOIN alur.executions e ON e.id = t.execution_id
			WHERE e.status = 0 AND (e.context #>> '{data,id}')::bigint = $1`, int64(record))
		if len(all) == 1 {
			r = all[0]
		}
		return int64(len(all)), len(all) == 1
	})
	var mail string
	w.get(&mail, "SELECT text_body FROM alur.mails WHERE task_id = $1", r.Task)
	r.token = tokens.FindString(mail)
	return r
}

// ended is who ended the wait, given those who were told that they did; "" when
// that is not one, or the rest does not follow from it.
func (w *workshop) ended(r request, winners []string) (way string) {
	w.t.Helper()
	var end struct {
		Status   int    `db:"status"`
		Reason   string `db:"reason"`
		Step     int    `db:"step"`
		Task     int    `db:"task"`
		Outcomes int    `db:"outcomes"`
	}
	w.get(&end, `SELECT e.status, coalesce(e.reason, '') AS reason, (SELECT status FROM alur.tasks WHERE execution_id = e.id) AS task,
		(SELECT status FROM alur.jobs WHERE execution_id = e.id AND node_key = 'ask') AS step,
		(SELECT count(*) FROM public.outcomes WHERE request = (e.context #>> '{data,id}')::bigint) AS outcomes
		FROM alur.executions e WHERE id = $1`, r.Execution)
	right := false
	stopped := end.Status == -3 && end.Outcomes == 0
	switch {
	case len(winners) == 0:
		way = end.Reason
		right = stopped && end.Step == -3 && end.Task == 0
	case len(winners) == 1 && strings.HasPrefix(winners[0], "yes"):
		way = winners[0]
		right = end.Step == 1 && end.Task == 1 && (stopped || end.Status == 1 && end.Outcomes == 1)
	case len(winners) == 1:
		way = winners[0]
		right = end.Step == -5 && end.Task == -5 && end.Outcomes == 0 && (stopped || end.Status == -5)
	}
	if !right {
		w.t.Errorf("execution %d came to %+v", r.Execution, end)
		return ""
	}
	return way
}

// submit decides over the API, and reports whether that was the decision.
func (c client) submit(t *testing.T, task int64, action string) (bool, error) {
	err := c.post(t.Context(), fmt.Sprintf("workflowManualTasks:submit/%d", task), map[string]any{"result": map[string]any{"_": action}}, &json.RawMessage{})
	refused, ok := errors.AsType[*refusedError](err)
	if ok && (refused.status == http.StatusConflict || refused.status == http.StatusBadRequest) {
		return false, nil
	}
	return err == nil, err
}

// cancel stops an execution; that it has ended already is fine.
func (c client) cancel(t *testing.T, execution int64) error {
	err := c.post(t.Context(), fmt.Sprintf("executions:cancel/%d", execution), map[string]any{}, &json.RawMessage{})
	if refused, ok := errors.AsType[*refusedError](err); ok && (refused.status == http.StatusConflict || refused.status == http.StatusBadRequest) {
		return nil
	}
	return err
}

// follow decides by a mailed link, as a browser does without being signed in.
func (c client) follow(t *testing.T, token, action string) (bool, error) {
	form := strings.NewReader(url.Values{"form": {"f"}, "action": {action}}.Encode())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url+"/links/"+token, form)
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := c.http.Transport.RoundTrip(req) // follows no redirect
	if err != nil {
		return false, err
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusSeeOther:
		return true, nil
	case http.StatusConflict, http.StatusGone:
		return false, nil
	}
	return false, fmt.Errorf("the link answers %s", res.Status)
}
