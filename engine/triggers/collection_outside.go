package triggers

import (
	"context"
	"errors"
	"slices"
	"time"

	"alur/engine"
	"alur/engine/fault"
	"alur/engine/pg"
)

var _ engine.Scheduler = (*collectionTrigger)(nil)

// outsideEvery is how long a change by another program waits to be seen, at most.
const outsideEvery = time.Second

// Plan implements engine.Scheduler: the tables are watched that the workflows which
// are on want to be watched.
func (t *collectionTrigger) Plan(ctx context.Context, e *engine.Engine, tx *pg.Tx, key string, on *engine.Armed) error {
	var rows []string
	if err := tx.SelectContext(ctx, &rows, queries.Get("watchers"), t.Name(), key); err != nil {
		return err
	}
	var names []string
	for _, raw := range rows {
		if c, p := t.Decode([]byte(raw)); len(p) == 0 && c.(CollectionConfig).External {
			names = append(names, c.(CollectionConfig).name())
		}
	}
	own := ""
	if on != nil {
		if c := on.Config.(CollectionConfig); c.External {
			own = c.name()
			names = append(names, own)
		}
	}
	err := e.Records.Watch(ctx, tx, names)
	if f, ok := errors.AsType[*fault.Error](err); ok && own != "" && f.Kind == fault.Invalid {
		return &engine.NotReady{Problems: []engine.Problem{{Node: "The trigger", Field: "external", Msg: f.Msg}}}
	}
	return err
}

// Tick implements engine.Scheduler.
func (t *collectionTrigger) Tick(ctx context.Context, e *engine.Engine) (next time.Time, err error) {
	armed, err := e.Armed(ctx, t.Name())
	if err != nil || !slices.ContainsFunc(armed, func(w *engine.Armed) bool { return w.Config.(CollectionConfig).External }) {
		return time.Time{}, err
	}
	for {
		n, err := e.Records.Outside(ctx, e.Log)
		if err != nil || n == 0 {
			return e.Now().Add(outsideEvery), err
		}
	}
}
