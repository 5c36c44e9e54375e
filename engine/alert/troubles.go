package alert

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"alur/engine"
)

// seen is a trouble that was there before.
type seen struct {
	ID     string     `db:"id"`
	Key    string     `db:"key"`
	SeenAt time.Time  `db:"seen_at"`
	ToldAt *time.Time `db:"told_at"`
}

// troubles tells of what needs attention now and did not before.
func (r *round) troubles(ctx context.Context) error {
	if slices.ContainsFunc(r.attention.Database, func(t engine.DatabaseTrouble) bool { return t.Kind == engine.Silent }) {
		return nil // what could not be read is not over
	}
	all := r.Words.Troubles(r.attention, r.watch, r.zone)
	var versions []int64
	for _, t := range all {
		versions = append(versions, t.WorkflowID)
	}
	keys, err := r.keys(ctx, versions)
	if err != nil {
		return err
	}
	var ids, about []string
	for _, t := range all {
		ids, about = append(ids, t.ID), append(about, keys[t.WorkflowID])
	}
	if _, err := r.tx.ExecContext(ctx, queries.Get("forget"), texts(ids)); err != nil {
		return fmt.Errorf("forget troubles that are over: %w", err)
	}
	if len(all) == 0 {
		return nil
	}
	if _, err := r.tx.ExecContext(ctx, queries.Get("see"), texts(ids), texts(about), r.now); err != nil {
		return fmt.Errorf("note new troubles: %w", err)
	}
	var before []seen
	if err := r.tx.SelectContext(ctx, &before, queries.Get("troubles")); err != nil {
		return fmt.Errorf("read known troubles: %w", err)
	}
	fresh := map[string][]Trouble{} // by key
	for i, t := range all {
		at := slices.IndexFunc(before, func(s seen) bool { return s.ID == t.ID })
		if at >= 0 && before[at].ToldAt == nil && r.now.Sub(before[at].SeenAt) >= t.Patience {
			fresh[about[i]] = append(fresh[about[i]], t)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(fresh)) {
		if err := r.warn(ctx, key, fresh[key]); err != nil {
			return err
		}
	}
	return nil
}

// keys are those of the workflows of some versions; of what is gone there is none,
// and the server's people hear of it.
func (r *round) keys(ctx context.Context, versions []int64) (map[int64]string, error) {
	var rows []struct {
		ID  int64  `db:"id"`
		Key string `db:"key"`
	}
	if err := r.tx.SelectContext(ctx, &rows, queries.Get("versions"), numbers(versions)); err != nil {
		return nil, fmt.Errorf("read the workflows that troubles are about: %w", err)
	}
	keys := map[int64]string{}
	for _, row := range rows {
		keys[row.ID] = row.Key
	}
	return keys, r.find(ctx, nil, versions)
}

// warn tells of new troubles of a workflow, or of the server, if a mail is due.
func (r *round) warn(ctx context.Context, key string, list []Trouble) error {
	rules, told := r.settings.Alerts, true
	f, about := r.flows[key]
	if about {
		rules, told = r.rules(f)
	}
	s := r.state(key)
	if told && !r.due(s.WarnedAt, rules.Every) {
		return nil // with the next one
	}
	var ids []string
	for _, t := range list {
		ids = append(ids, t.ID)
		r.Log.WarnContext(ctx, "needs attention", "trouble", t.ID, "workflow_id", t.WorkflowID, "what", t.Title)
	}
	if _, err := r.tx.ExecContext(ctx, queries.Get("tell"), texts(ids), r.now); err != nil {
		return fmt.Errorf("note what is told: %w", err)
	}
	if !told {
		return nil
	}
	var people []person
	var err error
	if about {
		people, err = r.people(ctx, r.tx, r.zone, f, rules, r.settings)
	} else {
		people, err = r.serverPeople(ctx, r.tx, r.zone, r.settings)
	}
	if err != nil {
		return err
	}
	for _, p := range people {
		var theirs []Trouble
		for _, t := range r.Words.Troubles(r.attention, r.watch, p.zone) {
			if slices.Contains(ids, t.ID) && (about || t.Need == 0 || p.actor.Can(t.Need)) {
				theirs = append(theirs, t)
			}
		}
		if len(theirs) == 0 {
			continue
		}
		if err := r.send(ctx, p, r.troubleLetter(f, rules, theirs)); err != nil {
			return err
		}
	}
	s.WarnedAt = &r.now
	return r.save(ctx, s)
}
