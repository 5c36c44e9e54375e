package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/lib/pq"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/expr"
	"alur/engine/node"
	_ "alur/engine/nodes"
	"alur/engine/pg"
	"alur/engine/script"
	"alur/engine/snowflake"
	_ "alur/engine/triggers"
	"alur/migrations"
)

// local is an engine in this process, on the bench's database.
type local struct {
	db      *pg.DB
	records *collection.Store
	scripts *script.Pool
	engine  *engine.Engine
}

func (l *local) close() {
	l.scripts.Close()
	l.db.Close()
}

func (b *bench) local() (*local, error) {
	db, err := pg.Open(b.ctx, b.url, 16)
	if err != nil {
		return nil, err
	}
	if err := migrations.Up(b.ctx, db.Side().DB); err != nil {
		db.Close()
		return nil, err
	}
	ids := snowflake.New(31, time.Now)
	l := &local{db: db, records: collection.NewStore(db, ids, time.Now), scripts: script.NewPool(script.Options{Program: b.binary})}
	expr.Use(l.scripts)
	services := &node.Services{}
	node.Provide(services, l.records)
	node.Provide(services, l.scripts)
	l.engine = engine.New(engine.Options{DB: db, IDs: ids, Now: time.Now, Records: l.records, Services: services,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	return l, nil
}

// define makes a collection from JSON.
func (l *local) define(ctx context.Context, text string) (*collection.Collection, error) {
	var d collection.Definition
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return nil, err
	}
	if _, err := l.records.CreateCollection(ctx, auth.System, d); err != nil {
		return nil, fmt.Errorf("create collection %s: %w", d.Name, err)
	}
	return l.records.Collection(ctx, d.Name)
}

// step is a node of a workflow in a row.
type step struct{ kind, key, config string }

// build makes and enables a workflow whose nodes stand in a row; a condition's
// followers stand in its branch "yes".
func (l *local) build(ctx context.Context, title, trigger string, sync bool, steps []step) (engine.Workflow, error) {
	w, err := l.engine.CreateWorkflow(ctx, auth.System, engine.NewWorkflow{Title: title, Type: "collection", Config: json.RawMessage(trigger), Sync: sync})
	if err != nil {
		return w, err
	}
	var upstream *int64
	var branch *int
	for _, s := range steps {
		n, err := l.engine.AddNode(ctx, auth.System, w.ID, engine.NewNode{Key: s.key, Title: s.key, Type: s.kind,
			Config: json.RawMessage(s.config), UpstreamID: upstream, BranchIndex: branch})
		if err != nil {
			return w, fmt.Errorf("add %s: %w", s.key, err)
		}
		upstream, branch = &n.ID, nil
		if s.kind == "condition" {
			yes := 1
			branch = &yes
		}
	}
	return l.engine.EnableWorkflow(ctx, auth.System, w.ID, true)
}

// table is a collection's quoted table.
func table(c *collection.Collection) string {
	return pq.QuoteIdentifier(c.Schema) + "." + pq.QuoteIdentifier(c.Table)
}
