package main

import (
	"fmt"
	"time"
)

const (
	apiClients = 16
	apiTime    = 5 * time.Second
)

// api creates records through the real server, with no workflow beside, and
// fetches them.
func (b *bench) api() error {
	l, err := b.local()
	if err != nil {
		return err
	}
	defer l.close()
	if _, err := l.items(b.ctx, "benchRecords"); err != nil {
		return err
	}
	s, err := b.serve()
	if err != nil {
		return err
	}
	defer s.stop()
	began := time.Now()
	created, delays, err := s.clients(apiClients, apiTime, func(c *client, n int) error {
		return c.create("benchRecords", map[string]any{"a": n%100 + 1, "b": n % 7})
	})
	if err != nil {
		return err
	}
	b.result("api", "creates", rate(created, time.Since(began)), "creates/s", true)
	b.result("api", "creates_p99", delays.percentile(99), "ms", false)
	var ids []int64
	if err := l.db.SelectContext(b.ctx, &ids, "SELECT id FROM bench_records"); err != nil {
		return err
	}
	if len(ids) != created {
		return fmt.Errorf("%d records are there of %d that were created", len(ids), created)
	}
	began = time.Now()
	read, delays, err := s.clients(apiClients, apiTime, func(c *client, n int) error {
		return c.call("GET", fmt.Sprintf("/api/benchRecords:get?filterByTk=%d", ids[n%len(ids)]), nil, nil)
	})
	if err != nil {
		return err
	}
	b.result("api", "gets", rate(read, time.Since(began)), "gets/s", true)
	b.result("api", "gets_p99", delays.percentile(99), "ms", false)
	return nil
}
