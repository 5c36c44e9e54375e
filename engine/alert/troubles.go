package alert

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lib/pq"

	"alur/engine"
	"alur/engine/auth"
)

// calm is the quiet time after which a trouble that has gone is over; what comes
// back before that had not gone.
const calm = 5 * time.Minute

// known is a trouble that was there before.
type known struct {
	ID     string        `db:"id"`
	Key    string        `db:"key"`
	SeenAt time.Time     `db:"seen_at"`
	ToldAt *time.Time    `db:"told_at"`
	GoneAt *time.Time    `db:"gone_at"` // nil: it is there
	OverAt *time.Time    `db:"over_at"` // when people heard that it is over; nil: they did not
	Again  bool          `db:"again"`   // they had, and it came back
	Title  string        `db:"title"`   // as it was told
	Over   string        `db:"over"`    // see Trouble
	Need   auth.Right    `db:"need"`
	ToldTo pq.Int64Array `db:"told_to"`
}

// troubles tells of what needs attention now and did not before, and of what does
// not any more.
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
	if err := r.compare(ctx, ids, about); err != nil {
		return err
	}
	var before []known
	if err := r.tx.SelectContext(ctx, &before, queries.Get("troubles")); err != nil {
		return fmt.Errorf("read known troubles: %w", err)
	}
	fresh, again := map[string][]Trouble{}, map[string]bool{} // by key
	for i, t := range all {
		at := slices.IndexFunc(before, func(k known) bool { return k.ID == t.ID })
		if at >= 0 && before[at].ToldAt == nil && r.now.Sub(before[at].SeenAt) >= t.Patience {
			key := about[i]
			fresh[key], again[key] = append(fresh[key], t), again[key] || before[at].Again
		}
	}
	for _, key := range slices.Sorted(maps.Keys(fresh)) {
		if err := r.warn(ctx, key, fresh[key], again[key]); err != nil {
			return err
		}
	}
	return r.ends(ctx, before)
}

// compare notes what is there now, in the place of what was.
func (r *round) compare(ctx context.Context, ids, about []string) error {
	if _, err := r.tx.ExecContext(ctx, queries.Get("leave"), texts(ids), texts(r.Words.Cut(r.attention)), r.now); err != nil {
		return fmt.Errorf("note which troubles have gone: %w", err)
	}
	if _, err := r.tx.ExecContext(ctx, queries.Get("forget"), r.now.Add(-r.memory())); err != nil {
		return fmt.Errorf("forget troubles that are over: %w", err)
	}
	if len(ids) == 0 {
		return nil
	}
	if _, err := r.tx.ExecContext(ctx, queries.Get("see"), texts(ids), texts(about), r.now); err != nil {
		return fmt.Errorf("note new troubles: %w", err)
	}
	return nil
}

// memory is how long a trouble that is over is remembered: people hear at once when
// it comes back, and after that its end has to last as long.
func (r *round) memory() time.Duration {
	return max(time.Duration(r.settings.Every)*time.Minute, calm)
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

// warn tells of new troubles of a workflow, or of the server, if a mail is due; it
// is when people were told that one of them is over, and it is not.
func (r *round) warn(ctx context.Context, key string, list []Trouble, again bool) error {
	rules, told := r.settings.Alerts, true
	f, about := r.flows[key]
	if about {
		rules, told = r.rules(f)
	}
	s := r.state(key)
	if told && !again && !r.due(s.WarnedAt, rules.Every) {
		return nil // with the next one
	}
	ids, err := r.tell(ctx, list)
	if err != nil || !told {
		return err
	}
	people, err := r.audience(ctx, f, rules)
	if err != nil {
		return err
	}
	for _, p := range people {
		var theirs []Trouble
		var heard []string
		for _, t := range r.Words.Troubles(r.attention, r.watch, p.zone) {
			if slices.Contains(ids, t.ID) && (about || t.Need == 0 || p.actor.Can(t.Need)) {
				theirs, heard = append(theirs, t), append(heard, t.ID)
			}
		}
		if len(theirs) == 0 {
			continue
		}
		if err := r.send(ctx, p, r.troubleLetter(f, rules, theirs)); err != nil {
			return err
		}
		if _, err := r.tx.ExecContext(ctx, queries.Get("told_to"), p.ID, texts(heard)); err != nil {
			return fmt.Errorf("note whom troubles were told: %w", err)
		}
	}
	s.WarnedAt = &r.now
	return r.save(ctx, s)
}

// tell notes that troubles are told, and what will be needed when they are over.
func (r *round) tell(ctx context.Context, list []Trouble) (ids []string, err error) {
	var titles, overs, dismissals []string
	var needs []int64
	for _, t := range list {
		ids, titles, overs = append(ids, t.ID), append(titles, t.Title), append(overs, t.Over)
		needs, dismissals = append(needs, int64(t.Need)), append(dismissals, t.Dismissal)
		r.Log.WarnContext(ctx, "needs attention", "trouble", t.ID, "workflow_id", t.WorkflowID, "what", t.Title)
	}
	_, err = r.tx.ExecContext(ctx, queries.Get("tell"), r.now, texts(ids), texts(titles), texts(overs), numbers(needs), texts(dismissals))
	if err != nil {
		return nil, fmt.Errorf("note what is told: %w", err)
	}
	return ids, nil
}

// audience are who hears of f, of the server when that is zero.
func (r *round) audience(ctx context.Context, f flow, rules engine.Alerts) ([]person, error) {
	if f.ID == 0 {
		return r.serverPeople(ctx, r.tx, r.zone, r.settings)
	}
	return r.people(ctx, r.tx, r.zone, f, rules, r.settings)
}

// ends tells of troubles that are over those who were told of them.
func (r *round) ends(ctx context.Context, before []known) error {
	ended := map[string][]known{} // by key
	for _, k := range before {
		if k.ToldAt == nil || k.GoneAt == nil || k.OverAt != nil {
			continue
		}
		quiet := calm
		if k.Again {
			quiet = r.memory()
		}
		if r.now.Sub(*k.GoneAt) >= quiet {
			ended[k.Key] = append(ended[k.Key], k)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(ended)) {
		if err := r.end(ctx, key, ended[key]); err != nil {
			return err
		}
	}
	return nil
}

// end tells that troubles of a workflow, or of the server, are over.
func (r *round) end(ctx context.Context, key string, list []known) error {
	var ids []string
	var told []int64
	for _, k := range list {
		ids, told = append(ids, k.ID), append(told, k.ToldTo...)
		r.Log.InfoContext(ctx, "needs attention no more", "trouble", k.ID, "since", k.SeenAt, "until", *k.GoneAt)
	}
	if _, err := r.tx.ExecContext(ctx, queries.Get("end"), texts(ids), r.now); err != nil {
		return fmt.Errorf("note what is over: %w", err)
	}
	var f flow
	if key != "" {
		if err := r.find(ctx, []string{key}, nil); err != nil {
			return err
		}
		var there bool
		if f, there = r.flows[key]; !there {
			return nil
		}
		if rules, told := r.rules(f); !told || !rules.Recovered {
			return nil
		}
	}
	people, err := r.choose(ctx, r.tx, r.zone, told, nil, func(a auth.Actor) (bool, error) {
		if key == "" {
			return a.Can(auth.ManageWorkflows), nil
		}
		return r.sees(ctx, r.tx, key, a)
	})
	if err != nil {
		return err
	}
	for _, p := range people {
		var theirs []known
		for _, k := range list {
			if slices.Contains(k.ToldTo, p.ID) && (key != "" || k.Need == 0 || p.actor.Can(k.Need)) {
				theirs = append(theirs, k)
			}
		}
		if len(theirs) == 0 {
			continue
		}
		p.why = "You get this because you were told of it."
		if err := r.send(ctx, p, r.overLetter(f, theirs, p.zone)); err != nil {
			return err
		}
	}
	return nil
}
