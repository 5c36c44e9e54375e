package alert

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lib/pq"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
	"alur/engine/pg"
)

// person gets mails.
type person struct {
	ID       int64  `db:"id"`
	Nickname string `db:"nickname"`
	Email    string `db:"email"`

	actor auth.Actor
	zone  *time.Location // theirs, else the server's
	why   string         // why they get it, in a sentence
}

// people are who hears of a workflow: those that its rules name, as far as they
// may see it, and otherwise those who hear of the server.
func (d *Watchdog) people(ctx context.Context, q pg.Q, zone *time.Location, f flow, rules engine.Alerts, s engine.AlertSettings) ([]person, error) {
	ids, roles := slices.Clone(rules.UserIDs), slices.Clone(rules.Roles)
	if rules.Owner {
		var owner struct {
			UserID int64     `db:"user_id"`
			Role   auth.Role `db:"role"`
		}
		err := q.GetContext(ctx, &owner, queries.Get("owner"), f.Key, engine.ReadOwner(f.Options))
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return nil, fmt.Errorf("read who answers for workflow %q: %w", f.Key, err)
		case owner.UserID != 0:
			ids = append(ids, owner.UserID)
		default:
			roles = append(roles, owner.Role)
		}
	}
	sees := func(a auth.Actor) (bool, error) { return d.sees(ctx, q, f.Key, a) }
	list, err := d.choose(ctx, q, zone, ids, roles, sees)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		if list, err = d.choose(ctx, q, zone, s.Server.UserIDs, s.Server.Roles, sees); err != nil {
			return nil, err
		}
		for i := range list {
			list[i].why = "You get this because nobody else hears of this workflow."
		}
		return list, nil
	}
	for i := range list {
		list[i].why = "You get this because you own the workflow, or its alerts name you or a role of yours."
	}
	return list, nil
}

// sees reports whether a may see a workflow.
func (d *Watchdog) sees(ctx context.Context, q pg.Q, key string, a auth.Actor) (bool, error) {
	level, err := a.LevelOn(ctx, q, key)
	return level != "" && a.Can(auth.UseWorkflows), err
}

// serverPeople are who hears of the server.
func (d *Watchdog) serverPeople(ctx context.Context, q pg.Q, zone *time.Location, s engine.AlertSettings) ([]person, error) {
	list, err := d.choose(ctx, q, zone, s.Server.UserIDs, s.Server.Roles, func(a auth.Actor) (bool, error) {
		return a.Can(auth.ManageWorkflows), nil
	})
	for i := range list {
		list[i].why = "You get this because the settings of the server name you or a role of yours."
	}
	return list, err
}

// choose returns those of some people and roles who can be mailed and of whom may
// says yes.
func (d *Watchdog) choose(ctx context.Context, q pg.Q, zone *time.Location, ids []int64, roles []auth.Role, may func(auth.Actor) (bool, error)) ([]person, error) {
	names := pq.StringArray{}
	for _, r := range roles {
		names = append(names, string(r))
	}
	var all, list []person
	if err := q.SelectContext(ctx, &all, queries.Get("people"), numbers(ids), names, mostPeople); err != nil {
		return nil, fmt.Errorf("read who hears of alerts: %w", err)
	}
	for _, p := range all {
		var err error
		if p.actor, err = d.Person(ctx, p.ID); fault.Is(err, fault.NotFound) {
			continue // gone this moment
		}
		if err != nil {
			return nil, fmt.Errorf("read what user %d may see: %w", p.ID, err)
		}
		yes, err := may(p.actor)
		if err != nil {
			return nil, err
		}
		if yes {
			p.zone = p.actor.Location(zone)
			list = append(list, p)
		}
	}
	return list, nil
}
