package main

import (
	"context"

	"alur/engine/node"
)

const stepsExecutions = 10_000

// steps is three durable steps: a record is created and changed twice. They
// commit together with their journal, each exactly once. "remote" is three steps
// that act outside of the database, so that each is recorded before it begins
// and once it has ended, as peers do with every step.
func (b *bench) steps() error {
	l, err := b.local()
	if err != nil {
		return err
	}
	defer l.close()
	items, err := l.items(b.ctx, "benchOrdered")
	if err != nil {
		return err
	}
	made, err := l.items(b.ctx, "benchMade")
	if err != nil {
		return err
	}
	change := func(values string) string {
		return `{"collection": "benchMade", "params": {"individualHooks": false, "values": {` + values + `},
			"filter": {"$and": [{"id": {"$eq": "{{$jobsMapByNodeKey.make.id}}"}}]}}}`
	}
	local, err := l.build(b.ctx, "Local steps", `{"collection": "benchOrdered", "mode": 1}`, false, []step{
		{"create", "make", `{"collection": "benchMade", "params": {"values": {"a": "{{$context.data.a}}"}}}`},
		{"update", "first", change(`"b": "{{$context.data.b}}"`)},
		{"update", "second", change(`"c": "{{$context.data.id}}"`)},
	})
	if err != nil {
		return err
	}
	if err := l.queueUp(b.ctx, items, local, stepsExecutions); err != nil {
		return err
	}
	_, err = b.drain(l, drain{work: "steps", metric: "drain", count: stepsExecutions, jobs: 3,
		wrong: "SELECT $1 - count(*) FROM " + table(items) + " i JOIN " + table(made) + " m ON m.c = i.id AND m.a = i.a AND m.b = i.b"})
	if err != nil {
		return err
	}
	remote, err := l.build(b.ctx, "Remote steps", `{"collection": "benchMade", "mode": 1}`, false, []step{
		{"benchRemote", "first", `{}`}, {"benchRemote", "second", `{}`}, {"benchRemote", "third", `{}`}})
	if err != nil {
		return err
	}
	if _, err := l.db.ExecContext(b.ctx, "TRUNCATE "+table(items)); err != nil {
		return err
	}
	if err := l.queueUp(b.ctx, items, remote, stepsExecutions); err != nil {
		return err
	}
	_, err = b.drain(l, drain{work: "steps", metric: "remote", count: stepsExecutions, jobs: 3,
		wrong: "SELECT count(*) FROM alur.jobs WHERE result <> 'true' OR running"})
	return err
}

// remote stands for a call of another system that answers at once.
type remote struct{}

type remoteConfig struct{}

func (remoteConfig) Validate() node.Problems { return nil }

var _ = node.Register[remoteConfig](remote{})

func (remote) Kind() string { return "benchRemote" }

func (remote) Effect() node.Effect { return node.Remote }

func (remote) Run(context.Context, *node.Step, remoteConfig) (node.Outcome, error) {
	return node.Done(true), nil
}
