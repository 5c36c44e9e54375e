package triggers_test

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/node"
	_ "alur/engine/nodes"
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/snowflake"
	_ "alur/engine/triggers"
)

// shop is an engine with the real record store and nodes, on a database with
// customers, orders and their lines.
type shop struct {
	t       *testing.T
	db      *pg.DB
	records *collection.Store
	e       *engine.Engine
	now     func() time.Time
}

const collections = `[
	{"name": "customers", "title": "Customers", "fields": [{"name": "name", "type": "string", "title": "Name"}]},
	{"name": "orders", "title": "Orders", "fields": [
		{"name": "title", "type": "string", "title": "Title"},
		{"name": "status", "type": "string", "title": "Status", "defaultValue": "new"},
		{"name": "seen", "type": "datetimeTz", "title": "Seen"},
		{"name": "day", "type": "dateOnly", "title": "Day"},
		{"name": "wall", "type": "datetimeNoTz", "title": "By the clock"},
		{"name": "unix", "type": "unixTimestamp", "title": "Unix"},
		{"name": "customer", "type": "belongsTo", "title": "Customer", "target": "customers", "foreignKey": "customerId"}]},
	{"name": "lines", "title": "Lines", "fields": [
		{"name": "title", "type": "string", "title": "Title"},
		{"name": "order", "type": "belongsTo", "title": "Order", "target": "orders", "foreignKey": "orderId"}]}]`

func newShop(t *testing.T) *shop {
	t.Helper()
	return shopOn(t, pgtest.New(t))
}

func shopOn(t *testing.T, db *pg.DB) *shop {
	t.Helper()
	return shopAt(t, db, time.Now)
}

// shopAt is a shop whose clock shows now.
func shopAt(t *testing.T, db *pg.DB, now func() time.Time) *shop {
	t.Helper()
	s := &shop{t: t, db: db, now: now}
	s.records, s.e = s.process(db, 1)
	var defs []collection.Definition
	if err := json.Unmarshal([]byte(collections), &defs); err != nil {
		t.Fatal(err)
	}
	for _, d := range defs {
		if _, err := s.records.CreateCollection(t.Context(), auth.System, d); err != nil {
			t.Fatal(err)
		}
	}
	lines := collection.Field{Name: "lines", Type: collection.HasMany, Target: "lines", ForeignKey: "orderId"}
	if _, err := s.records.AddField(t.Context(), auth.System, "orders", lines); err != nil {
		t.Fatal(err)
	}
	return s
}

// process is what a server process has: a store and an engine on a database.
func (s *shop) process(db *pg.DB, worker int) (*collection.Store, *engine.Engine) {
	ids := snowflake.New(worker, time.Now)
	records := collection.NewStore(db, ids, s.now)
	services := &node.Services{}
	node.Provide(services, records)
	return records, engine.New(engine.Options{DB: db, IDs: ids, Now: s.now, Records: records, Services: services,
		Log: slog.New(slog.NewTextHandler(s.t.Output(), nil))})
}

// step is a node of a workflow in a row.
type step struct{ kind, key, config string }

// add makes a workflow; trigger is the settings of its trigger, by default a
// collection trigger.
func (s *shop) add(w engine.NewWorkflow, trigger string, steps ...step) int64 {
	s.t.Helper()
	w.Type, w.Config = cmp.Or(w.Type, "collection"), json.RawMessage(trigger)
	if w.Title == "" {
		w.Title = "Test"
	}
	made, err := s.e.CreateWorkflow(s.t.Context(), auth.System, w)
	if err != nil {
		s.t.Fatal(err)
	}
	var upstream *int64
	for _, st := range steps {
		n, err := s.e.AddNode(s.t.Context(), auth.System, made.ID, engine.NewNode{Key: st.key, Title: st.key, Type: st.kind,
			Config: json.RawMessage(st.config), UpstreamID: upstream})
		if err != nil {
			s.t.Fatal(err)
		}
		upstream = &n.ID
	}
	return made.ID
}

func (s *shop) enable(id int64, on bool) {
	s.t.Helper()
	if _, err := s.e.EnableWorkflow(s.t.Context(), auth.System, id, on); err != nil {
		s.t.Fatal(err)
	}
}

// on makes and enables a workflow without steps.
func (s *shop) on(trigger string) int64 {
	s.t.Helper()
	id := s.add(engine.NewWorkflow{}, trigger)
	s.enable(id, true)
	return id
}

// write is a transaction of a person, as a request makes it.
func (s *shop) write(name string, fn func(tx *pg.Tx) error) error {
	return s.records.Write(s.t.Context(), name, fn)
}

func (s *shop) tryCreate(name string, values collection.Record) (made collection.Record, err error) {
	err = s.write(name, func(tx *pg.Tx) (err error) {
		made, err = s.records.Create(s.t.Context(), tx, collection.Access{Actor: auth.System}, name, values, nil)
		return err
	})
	return made, err
}

func (s *shop) create(name string, values collection.Record) collection.Record {
	s.t.Helper()
	made, err := s.tryCreate(name, values)
	if err != nil {
		s.t.Fatal(err)
	}
	return made
}

func (s *shop) update(name string, filter any, values collection.Record) {
	s.t.Helper()
	err := s.write(name, func(tx *pg.Tx) error {
		_, err := s.records.Update(s.t.Context(), tx, collection.Access{Actor: auth.System}, name, filter, values)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) destroy(name string, filter any) {
	s.t.Helper()
	err := s.write(name, func(tx *pg.Tx) error {
		_, err := s.records.Destroy(s.t.Context(), tx, collection.Access{Actor: auth.System}, name, filter)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// work runs workers until nothing is left to claim.
func (s *shop) work() {
	s.t.Helper()
	ctx, stop := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	go func() { s.e.Work(ctx, 4); close(done) }()
	defer func() { stop(); <-done }()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for s.one("SELECT count(*) FROM alur.executions WHERE status IS NULL") != "0" {
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatal("executions are left")
		}
	}
}

// one returns the only value of a query as text, "" for null and for no row.
func (s *shop) one(query string, args ...any) string {
	s.t.Helper()
	var v sql.NullString
	if err := sqlx.GetContext(s.t.Context(), s.db.Side(), &v, query, args...); err != nil && !errors.Is(err, sql.ErrNoRows) {
		s.t.Fatalf("%s: %v", query, err)
	}
	return v.String
}

// executions counts them, of all workflows.
func (s *shop) executions() string { return s.one("SELECT count(*) FROM alur.executions") }

// data is a value of the newest execution's record.
func (s *shop) data(path string) string {
	s.t.Helper()
	return s.one(fmt.Sprintf("SELECT context #>> '{data,%s}' FROM alur.executions ORDER BY id DESC LIMIT 1", path))
}
