package sample_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	_ "alur/engine/expr/exprtest" // the libraries of calculations
	"alur/engine/fault"
	"alur/engine/mail"
	"alur/engine/node"
	_ "alur/engine/nodes"
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/sample"
	"alur/engine/snowflake"
	"alur/engine/task"
	_ "alur/engine/triggers"
)

// office is a fresh server without pages, with Ann who sets it up.
type office struct {
	t       *testing.T
	db      *pg.DB
	records *collection.Store
	tasks   *task.Store
	engine  *engine.Engine
	ann     auth.Actor
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, db: pgtest.New(t), ann: auth.Actor{UserID: 1, Role: auth.Root, Name: "Ann"}}
	if _, err := o.db.ExecContext(t.Context(), "INSERT INTO alur.users (id, nickname, email, password, role) VALUES (1, 'Ann', 'ann@example.org', 'secret', 'root')"); err != nil {
		t.Fatal(err)
	}
	ids := snowflake.New(1, time.Now)
	o.records = collection.NewStore(o.db, ids, time.Now)
	o.tasks = &task.Store{DB: o.db, IDs: ids, Now: time.Now, BaseURL: "https://alur.test", Outbox: &mail.Outbox{DB: o.db, IDs: ids, Now: time.Now}}
	services := &node.Services{}
	node.Provide(services, o.records)
	node.Provide(services, o.tasks)
	o.engine = engine.New(engine.Options{DB: o.db, IDs: ids, Now: time.Now, Records: o.records, Services: services,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	return o
}

func (o *office) install(name string) {
	o.t.Helper()
	if err := (sample.Installer{Engine: o.engine, Records: o.records}).Install(o.t.Context(), o.ann, name); err != nil {
		o.t.Fatalf("install %s: %v", name, err)
	}
	if got := o.count("SELECT count(*) FROM alur.executions"); got != 0 {
		o.t.Errorf("installing %s started %d executions", name, got)
	}
	if got := o.count("SELECT count(*) FROM alur.workflows WHERE enabled AND key = $1", name); got != 1 {
		o.t.Errorf("%d workflows of %s are on, want 1", got, name)
	}
}

func (o *office) count(query string, args ...any) (n int) {
	o.t.Helper()
	if err := o.db.GetContext(o.t.Context(), &n, query, args...); err != nil {
		o.t.Fatalf("%s: %v", query, err)
	}
	return n
}

func (o *office) first(name string, filter any, appends ...string) collection.Record {
	o.t.Helper()
	r, err := o.records.First(o.t.Context(), o.db, collection.Access{Actor: o.ann}, name, collection.Query{Filter: filter, Appends: appends})
	if err != nil || r == nil {
		o.t.Fatalf("read %s %v: %v, %v", name, filter, r, err)
	}
	return r
}

// create makes a record as a person does, and lets workers run what follows.
func (o *office) create(name string, values collection.Record) collection.Record {
	o.t.Helper()
	var made collection.Record
	err := o.records.Write(o.t.Context(), name, func(tx *pg.Tx) (err error) {
		made, err = o.records.Create(o.t.Context(), tx, collection.Access{Actor: o.ann}, name, values, nil)
		return err
	})
	if err != nil {
		o.t.Fatal(err)
	}
	o.work()
	return o.first(name, made["id"])
}

func (o *office) work() {
	o.t.Helper()
	ctx, stop := context.WithCancel(o.t.Context())
	done := make(chan struct{})
	go func() { o.engine.Work(ctx, 2); close(done) }()
	defer func() { stop(); <-done }()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for o.count("SELECT count(*) FROM alur.executions WHERE status IS NULL") > 0 {
		select {
		case <-tick.C:
		case <-deadline:
			o.t.Fatal("executions are left")
		}
	}
}

// has compares some values of a record.
func (o *office) has(r collection.Record, want collection.Record) {
	o.t.Helper()
	for name, v := range want {
		if fmt.Sprint(r[name]) != fmt.Sprint(v) {
			o.t.Errorf("%s is %v, want %v", name, r[name], v)
		}
	}
}

func TestOrders(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.install("orders")
	desk := o.first("products", map[string]any{"name": "Standing desk"})
	fits := o.create("orders", collection.Record{"product": desk["id"], "quantity": 4})
	o.has(fits, collection.Record{"status": "confirmed", "total": 4 * desk["price"].(float64), "note": nil})
	o.has(o.first("products", desk["id"]), collection.Record{"stock": desk["stock"].(float64) - 4})
	all := o.create("orders", collection.Record{"product": desk["id"], "quantity": desk["stock"].(float64) - 4})
	o.has(all, collection.Record{"status": "confirmed"})
	one := o.create("orders", collection.Record{"product": desk["id"], "quantity": 1})
	o.has(one, collection.Record{"status": "refused", "total": nil, "note": "Only 0 of Standing desk in stock, 1 ordered."})
	o.has(o.first("products", desk["id"]), collection.Record{"stock": 0})
	if got := o.count("SELECT count(*) FROM alur.executions WHERE status = 1"); got != 3 {
		t.Errorf("%d executions completed, want 3", got)
	}
	err := (sample.Installer{Engine: o.engine, Records: o.records}).Install(t.Context(), o.ann, "orders")
	if !fault.Is(err, fault.Conflict) {
		t.Errorf("installed twice: %v", err)
	}
}

func TestLeave(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.install("leave")
	bob := o.first("employees", map[string]any{"name": "Bob Meyer"})
	request := collection.Record{"employee": bob["id"], "firstDay": "2027-03-01", "lastDay": "2027-03-09", "reason": "Skiing"} // Monday to Tuesday of the next week
	tests := []struct {
		action, note string
		want         collection.Record
		days         float64 // taken off
	}{
		{"refuse", "Stocktaking.", collection.Record{"status": "refused", "days": 7, "note": "Stocktaking."}, 0},
		{"approve", "", collection.Record{"status": "approved", "days": 7}, 7},
	}
	for _, tc := range tests {
		made := o.create("leaveRequests", request)
		o.has(made, collection.Record{"status": "requested", "days": nil})
		if got := o.count("SELECT count(*) FROM alur.executions WHERE status = 0"); got != 1 {
			t.Fatalf("%s: %d executions wait, want 1", tc.action, got)
		}
		mine, _, err := o.tasks.Mine(t.Context(), o.ann, task.Filter{Show: task.ShowOpen, Page: 1, Size: 10})
		if err != nil || len(mine) != 1 {
			t.Fatalf("%s: tasks of the manager: %v, %v", tc.action, mine, err)
		}
		if mine[0].Title != "Leave for Bob Meyer, 7 days" {
			t.Errorf("the task is called %q", mine[0].Title)
		}
		var mailed string
		if err := o.db.GetContext(t.Context(), &mailed, "SELECT to_address || ' ' || text_body FROM alur.mails ORDER BY id DESC LIMIT 1"); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(mailed, "ann@example.org ") || !strings.Contains(mailed, "Bob Meyer") || !strings.Contains(mailed, "https://alur.test/") {
			t.Errorf("the mail is %q", mailed)
		}
		decision := task.Decision{Action: tc.action, Values: map[string]any{"note": tc.note}, Channel: task.App}
		if err := o.tasks.Decide(t.Context(), o.ann, mine[0].ID, decision); err != nil {
			t.Fatalf("%s: %v", tc.action, err)
		}
		o.work()
		o.has(o.first("leaveRequests", made["id"]), tc.want)
		left := o.first("employees", bob["id"])["daysLeft"]
		if want := bob["daysLeft"].(float64) - tc.days; left != want {
			t.Errorf("%s: %v days left, want %v", tc.action, left, want)
		}
	}
	if got := o.count("SELECT count(*) FROM alur.executions WHERE status = 1"); got != 2 {
		t.Errorf("%d executions completed, want 2", got)
	}
}

// TestList: what the pages offer is there, and says the truth about itself.
func TestList(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for _, info := range (sample.Installer{}).List() {
		before := o.count("SELECT count(*) FROM alur.collections")
		o.install(info.Name)
		var rows int
		for _, name := range []string{"products", "orders", "employees", "leaveRequests"} {
			if page, err := o.records.List(t.Context(), o.db, collection.Access{Actor: o.ann}, name, collection.Query{}); err == nil {
				rows += page.Count
			}
		}
		got := fmt.Sprintf("%d collections · 1 workflow · %d records", o.count("SELECT count(*) FROM alur.collections")-before, rows)
		if before == 0 && got != info.Counts {
			t.Errorf("%s holds %s and says %s", info.Name, got, info.Counts)
		}
		if info.Title == "" || info.About == "" {
			t.Errorf("%s has no title or description", info.Name)
		}
	}
	err := (sample.Installer{Engine: o.engine, Records: o.records}).Install(t.Context(), o.ann, "../doc")
	if !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown sample: %v", err)
	}
	err = (sample.Installer{Engine: o.engine, Records: o.records}).Install(t.Context(), auth.Actor{UserID: 1, Role: auth.Member}, "orders")
	if !fault.Is(err, fault.Forbidden) {
		t.Errorf("a member installs: %v", err)
	}
}
