package collection

import "alur/engine/auth"

// belonging is how a record says which workflow it belongs to.
type belonging struct {
	by     auth.By
	column string
}

// of says that records of c belong to a workflow: who does not manage all of them
// sees those of the workflows that they have a level on ([auth.Reach]).
func (c *Collection) of(by auth.By, column string) *Collection {
	c.about = &belonging{by, column}
	return c
}

// shared reports whether a sees some of the records of c only, by their workflow.
func (c *Collection) shared(a auth.Actor) bool {
	return c.about != nil && !a.Reach(auth.Viewer).Every()
}

// namesOnly reports whether a sees of every workflow that it is there.
func (c *Collection) namesOnly(a auth.Actor) bool {
	return c.Name == "workflows" && a.Can(auth.SeeWorkflows) && c.shared(a)
}

// reached is the condition that keeps our own records to those of workflows that
// the actor may see; "" for all.
func (sc *scope) reached() string {
	a := sc.b.a.Actor
	if !sc.c.shared(a) || sc.c.namesOnly(a) {
		return ""
	}
	return a.Reach(auth.Viewer).Holds(sc.c.about.by, sc.alias+"."+quote(sc.c.about.column), sc.b.param)
}

// source is the table of c, or what the actor may see of it. Who may only know
// which workflows there are finds no settings in those without a level, and so
// cannot ask for them in a filter either.
func (b *builder) source(c *Collection) string {
	if c.rows != nil {
		return b.rowsSource(c)
	}
	if !c.namesOnly(b.a.Actor) {
		return c.from()
	}
	shown := b.a.Actor.Reach(auth.Viewer).Holds(auth.ByKey, "w.key", b.param)
	return `(SELECT w.id, w.key, w.title, w.enabled, w.description, w.type, w.current, w.sync, w.created_by_id, w.updated_by_id,
		w.created_at, w.updated_at, w.invalid, CASE WHEN shown.yes THEN w.trigger_title ELSE '' END AS trigger_title,
		CASE WHEN shown.yes THEN w.config END AS config, CASE WHEN shown.yes THEN w.options END AS options
		FROM alur.workflows w CROSS JOIN LATERAL (SELECT ` + shown + ` AS yes) shown)`
}
