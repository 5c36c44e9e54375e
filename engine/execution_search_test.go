package engine_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lib/pq"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/fault"
	"alur/engine/node"
	"alur/engine/snowflake"
)

// orderTrigger hands on a record of the collection “orders” as data.
type orderTrigger struct{ trigger }

var _ = engine.RegisterTrigger(&orderTrigger{})

func (*orderTrigger) Name() string { return "test_order" }

func (*orderTrigger) Outputs(json.RawMessage, node.Catalogue) []node.Variable {
	return []node.Variable{{Path: "data", Title: "Record", Target: "orders"}}
}

// index takes in everything that is due.
func (h *house) index() {
	h.t.Helper()
	for range 1000 {
		h.now = h.now.Add(3 * time.Second)
		wait, err := h.SearchOnce(h.t.Context())
		if err != nil {
			h.t.Fatal(err)
		}
		b, err := h.SearchBehind(h.t.Context())
		if err != nil {
			h.t.Fatal(err)
		}
		if wait >= time.Second && b.Newest == nil && b.Oldest == nil {
			return
		}
	}
	h.t.Fatal("the index goes on and on")
}

// kept is an execution as the test knows it.
type kept struct {
	id     int64
	key    string
	state  string
	at     time.Time
	took   time.Duration
	record string
	person []int64
	text   string // all values, one on a line
}

// archive makes a collection, three workflows, and n executions over n minutes.
func (h *house) archive(n int) (all []kept) {
	h.t.Helper()
	if _, err := h.Records.CreateCollection(h.t.Context(), auth.System, collection.Definition{Name: "orders", Title: "Orders"}); err != nil {
		h.t.Fatal(err)
	}
	var flows []engine.Workflow
	for i := range 3 {
		w, err := h.CreateWorkflow(h.t.Context(), auth.System, engine.NewWorkflow{Title: fmt.Sprint("Flow ", i), Type: "test_order"})
		if err != nil {
			h.t.Fatal(err)
		}
		flows = append(flows, w)
	}
	h.exec(`INSERT INTO alur.users (id, nickname, email) SELECT i, 'Ann', i || '@alur.test' FROM generate_series(1, 10) i`)
	states := []struct {
		word   string
		status any
	}{{"completed", 1}, {"completed", 1}, {"completed", 1}, {"failed", -1}, {"error", -2}, {"rejected", -5}, {"waiting", 0}}
	for i := range n {
		at := h.now.Add(time.Duration(i-n) * time.Minute)
		s := states[i*7%13%len(states)]
		w := flows[[]int{0, 0, 0, 0, 1, 1, 2}[i%7]]
		k := kept{id: snowflake.At(at) + int64(i), key: w.Key, state: s.word, at: at, took: time.Duration(i%200) * time.Second, record: fmt.Sprint(i % 50)}
		data := map[string]any{"id": i % 50, "number": fmt.Sprintf("ORD-%06d", 100000+i), "buyer": map[string]any{"name": "Anna  KELLER", "zip": 40000 + i%10}, "note": "Please deliver"}
		if i%40 == 7 {
			data["note"] = "Please deliver the red chair, urgent"
		}
		if i == 77 {
			data["note"] = "To Zanzibar"
		}
		result := any(map[string]any{"message": fmt.Sprint("The stock is ", i%9, " short")})
		if i%5 > 0 {
			result = i
		}
		k.text = strings.ToLower(fmt.Sprintf("%v\n%v\nanna keller\n%v\n%v\nthe stock is %d short\n", data["number"], i%50, 40000+i%10, data["note"], i%9))
		if i%5 > 0 {
			k.text = strings.ToLower(fmt.Sprintf("%v\n%v\nanna keller\n%v\n%v\n%d\n", data["number"], i%50, 40000+i%10, data["note"], i))
		}
		by := int64(1 + i%4)
		k.person = []int64{by}
		var ended any
		if s.status != 0 {
			ended = at.Add(k.took)
		} else {
			k.took = h.now.Sub(at)
		}
		raw, _ := json.Marshal(map[string]any{"data": data})
		out, _ := json.Marshal(result)
		h.exec(`INSERT INTO alur.executions (id, workflow_id, key, context, status, created_by, created_at, started_at, ended_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)`, k.id, w.ID, w.Key, raw, s.status, by, at, ended)
		h.exec(`INSERT INTO alur.jobs (id, execution_id, node_id, node_key, status, result, started_at, ended_at) VALUES ($1, $2, 1, 'a', 1, $3, $4, $4)`, k.id, k.id, out, at)
		if i%70 == 3 {
			h.exec(`INSERT INTO alur.tasks (id, execution_id, job_id, node_id, node_key, workflow_id, workflow_key, user_id, title, form, status, decided_at, channel)
				VALUES ($1, $1, $1, 1, 'a', $2, $3, 9, 'Look', '{}', -5, $4, 'app'), ($1 + 1, $1, $1, 1, 'a', $2, $3, 10, 'Look', '{}', -4, $4, NULL)`, k.id, w.ID, w.Key, at)
			k.person = append(k.person, 9)
		}
		all = append(all, k)
	}
	return all
}

// fits says what a filter is to find.
func (k kept) fits(f engine.ExecutionFilter, terms ...string) bool {
	return (len(f.Keys) == 0 || slices.Contains(f.Keys, k.key)) && (len(f.States) == 0 || slices.Contains(f.States, k.state)) &&
		(f.Since.IsZero() || !k.at.Before(f.Since)) && (f.Until.IsZero() || k.at.Before(f.Until)) && k.took >= f.Longer &&
		(f.Record.ID == "" || k.record == f.Record.ID) && (f.Person == 0 || slices.Contains(k.person, f.Person)) &&
		!slices.ContainsFunc(terms, func(t string) bool { return !strings.Contains(k.text, t) })
}

// TestSearch compares searches, page by page and back, with what a look at each
// execution finds.
func TestSearch(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	all := h.archive(3000)
	h.index()
	keys := []string{all[0].key, all[4].key, all[6].key}
	shared := h.shared(keys[1])
	day := all[1500].at
	type filter = engine.ExecutionFilter
	tests := []struct {
		name  string
		f     filter
		terms []string
	}{
		{"a rare word", filter{Text: "zanzibar"}, []string{"zanzibar"}},
		{"a word of all", filter{Text: "Deliver"}, []string{"deliver"}},
		{"part of a word", filter{Text: "hai"}, []string{"hai"}},
		{"words", filter{Text: "URGENT keller"}, []string{"urgent", "keller"}},
		{"exact text", filter{Text: `"red chair, urg"`}, []string{"red chair, urg"}},
		{"exact text that is nowhere", filter{Text: `"chair red"`}, []string{"chair red"}},
		{"text over two values", filter{Text: `"keller 40001"`}, []string{"keller 40001"}},
		{"a number", filter{Text: "102345"}, []string{"102345"}},
		{"part of a number", filter{Text: "0234"}, []string{"0234"}},
		{"a short number and a word", filter{Text: "ord-102 7"}, []string{"ord-102", "7"}},
		{"what a step came to", filter{Text: `"stock is 4 short"`}, []string{"stock is 4 short"}},
		{"a record", filter{Record: engine.RecordRef{Collection: "orders", ID: "7"}}, nil},
		{"a record of another collection", filter{Record: engine.RecordRef{Collection: "claims", ID: "7"}}, []string{"no such"}},
		{"who started it", filter{Person: 2}, nil},
		{"who decided", filter{Person: 9}, nil},
		{"who did not decide", filter{Person: 10}, nil},
		{"several workflows", filter{Keys: keys[1:]}, nil},
		{"several workflows and states", filter{Keys: keys[1:], States: []string{"waiting", "rejected", "failed"}}, nil},
		{"text and state", filter{Text: "deliver", States: []string{"rejected", "waiting"}}, []string{"deliver"}},
		{"text and a workflow", filter{Text: "urgent", Keys: keys[2:]}, []string{"urgent"}},
		{"text and time", filter{Text: "urgent", Since: day, Until: day.Add(10 * time.Hour)}, []string{"urgent"}},
		{"text and length", filter{Text: "urgent", Longer: time.Minute}, []string{"urgent"}},
		{"record and person", filter{Record: engine.RecordRef{Collection: "orders", ID: "7"}, Person: 4}, nil},
		{"everything", filter{Text: "deliver", Record: engine.RecordRef{Collection: "orders", ID: "7"}, Person: 4, States: []string{"completed"}, Keys: keys[:2],
			Since: all[100].at, Longer: time.Second}, []string{"deliver"}},
	}
	for _, tc := range tests {
		for _, who := range []auth.Actor{auth.System, shared} {
			t.Run(fmt.Sprint(tc.name, " by ", who.UserID), func(t *testing.T) {
				var want []int64
				for _, k := range slices.Backward(all) {
					if k.fits(tc.f, tc.terms...) && (who.IsSystem() || k.key == keys[1]) {
						want = append(want, k.id)
					}
				}
				tc.f.Limit = 100
				var down, up []int64
				f := tc.f
				for more := true; more; {
					var rows []engine.ExecutionRow
					var err error
					if rows, more, err = h.Executions(t.Context(), who, f); err != nil {
						t.Fatal(err)
					}
					for _, x := range rows {
						down = append(down, x.ID)
					}
					if more {
						f.Before = rows[len(rows)-1].ID
					}
				}
				if !slices.Equal(down, want) {
					t.Fatalf("found %d, want %d: %v and %v", len(down), len(want), down, want)
				}
				f = tc.f
				f.After = 1
				for more := true; more; {
					var rows []engine.ExecutionRow
					var err error
					if rows, more, err = h.Executions(t.Context(), who, f); err != nil {
						t.Fatal(err)
					}
					var page []int64
					for _, x := range rows {
						page = append(page, x.ID)
					}
					if up = append(page, up...); more {
						f.After = page[0]
					}
				}
				if !slices.Equal(up, want) {
					t.Fatalf("found %d on the way back, want %d", len(up), len(want))
				}
				n, more, err := h.CountExecutions(t.Context(), who, tc.f, 40, time.Minute)
				if err != nil || n != min(len(want), 40) || more != (len(want) > 40) {
					t.Errorf("counted %d, more %t, %v, want %d", n, more, err, len(want))
				}
			})
		}
	}
}

// shared is a person who sees the executions of one workflow.
func (h *house) shared(key string) auth.Actor {
	h.t.Helper()
	h.exec(`INSERT INTO alur.workflow_members (workflow_key, user_id, level) VALUES ($1, 5, 'viewer')`, key)
	people := &auth.Store{DB: h.DB, IDs: h.IDs, Now: h.Now}
	a, err := people.Actor(h.t.Context(), 5, auth.Member)
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

// TestSearchRefuses is about texts that nobody can look for quickly.
func TestSearchRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"ab": false, "123": false, "a b c": false, `"  x "`: false, "abc": true, "1234": true, "ab 12 xyz": true, "ü€z": true, "1.5": true,
		strings.Repeat("x", 200): true, strings.Repeat("x", 201): false, strings.Repeat("abc1 abc2 abc3 ", 3): true, "one two three four five six seven eight nine ten eleven": false,
	} {
		err := engine.ExecutionFilter{Text: text}.Check()
		if (err == nil) != want || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestSearchFollows goes through what happens to an execution: it is made, moves on,
// ends, turns up late, is there from before the index, and is deleted.
func TestSearchFollows(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	found := func(text string) (ids []int64) {
		t.Helper()
		rows, _, err := h.Executions(t.Context(), auth.System, engine.ExecutionFilter{Text: text})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range rows {
			ids = append(ids, x.ID)
		}
		return ids
	}
	is := func(what, text string, want ...int64) {
		t.Helper()
		if got := found(text); !slices.Equal(got, want) {
			t.Errorf("%s: %q is in %v, want %v", what, text, got, want)
		}
	}
	blocks := func() int { return h.number(`SELECT count(*) FROM alur.execution_blocks`) }
	h.index()
	waits := h.ran(h.wf, 0, 0)
	h.exec(`UPDATE alur.executions SET context = '{"data": {"name": "walrus"}}' WHERE id = $1`, waits)
	behind, err := h.SearchBehind(t.Context())
	if err != nil || behind.Newest == nil {
		t.Fatalf("nothing is behind: %+v, %v", behind, err)
	}
	is("before it is in", "walrus")
	h.index()
	is("made", "walrus", waits)
	h.exec(`UPDATE alur.jobs SET result = '"a pelican"' WHERE execution_id = $1 AND node_key = 'b'`, waits)
	h.exec(`UPDATE alur.executions SET segments = segments + 1 WHERE id = $1`, waits)
	h.index()
	is("moved on", "pelican", waits)

	var many []int64
	for range 100 { // in blocks, behind the one that waits
		many = append(many, h.ran(h.wf, 0, 1))
		h.now = h.now.Add(time.Second)
	}
	h.exec(`UPDATE alur.executions SET output = '"heron"' WHERE id = $1`, many[60])
	h.exec(`UPDATE alur.executions SET status = -3, reason = 'A badger came.', ended_at = $2 WHERE id = $1`, waits, h.now)
	h.index()
	if blocks() == 0 {
		t.Fatal("there are no blocks")
	}
	is("ended", "badger", waits)
	is("in a block", "heron", many[60])

	h.now = h.now.Add(time.Hour)
	h.count()
	late := many[10] - 1
	h.exec(`INSERT INTO alur.executions (id, workflow_id, key, context, status, created_at, ended_at) VALUES ($1, $2, $3, '["stoat"]', 1, $4, $4)`, late, h.wf.ID, h.wf.Key, h.now)
	h.exec(`UPDATE alur.execution_search SET swept_to = 0`)
	h.index()
	is("turned up late", "stoat", late)

	n, err := h.DeleteExecutions(t.Context(), auth.System, append(slices.Clone(many[:64]), late))
	if err != nil || n != 65 {
		t.Fatalf("deleted %d, %v", n, err)
	}
	is("deleted", "heron")
	is("deleted", "stoat")
	if n := h.number(`SELECT count(*) FROM alur.execution_texts WHERE id = ANY ($1)`, pq.Array(many[:64])); n != 0 {
		t.Errorf("%d texts of deleted executions are left", n)
	}

	// As a database of before the index: everything is taken in from the newest on.
	h.exec(`TRUNCATE alur.execution_texts, alur.execution_subjects, alur.execution_blocks`)
	h.exec(`UPDATE alur.execution_search SET seen_to = $1, swept_to = $1, chased_to = $1, mark_id = $1, packed_to = $2, filled_to = $2`, many[99], many[99]+1)
	if behind, err = h.SearchBehind(t.Context()); err != nil || behind.Oldest == nil {
		t.Fatalf("nothing is behind: %+v, %v", behind, err)
	}
	h.index()
	is("from before", "badger", waits)
	if blocks() == 0 {
		t.Error("there are no blocks of what is from before")
	}
}

// TestSearchFindsSlowWriters is about an import that commits when others that began
// after it have long been taken in: it is found as soon as it is over, not only when
// housekeeping counts.
func TestSearchFindsSlowWriters(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.index()
	slow, err := h.DB.Side().BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Rollback()
	id := snowflake.At(h.now) + 1
	if _, err := slow.ExecContext(t.Context(), `INSERT INTO alur.executions (id, workflow_id, key, context, status, created_at, ended_at)
		VALUES ($1, $2, $3, '["a slow loris"]', 1, $4, $4)`, id, h.wf.ID, h.wf.Key, h.now); err != nil {
		t.Fatal(err)
	}
	var others []int64
	for range 20 {
		h.now = h.now.Add(time.Minute)
		others = append(others, h.ran(h.wf, 0, 1))
		h.index()
	}
	counted := h.number(`SELECT counted_to FROM alur.housekeeping`)
	if err := slow.Commit(); err != nil {
		t.Fatal(err)
	}
	// Transactions of other tests may be open, which the index waits for too.
	for end := time.Now().Add(time.Minute); ; {
		h.index()
		rows, _, err := h.Executions(t.Context(), auth.System, engine.ExecutionFilter{Text: "loris"})
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 1 && rows[0].ID == id {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the execution is not found; %d others are in", len(others))
		}
	}
	if n := h.number(`SELECT counted_to FROM alur.housekeeping`); n != counted {
		t.Error("housekeeping has counted: this shows nothing")
	}
}
