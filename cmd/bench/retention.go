package main

import (
	"fmt"
	"log"
	"time"

	"alur/engine"
	"alur/engine/auth"
)

const (
	retentionTime  = 25 * time.Second // before, and again while executions are deleted
	retentionPause = 15 * time.Millisecond
)

// retention compares how quick requests are without and with executions being
// deleted beside them.
func (b *bench) retention(l *local, api, page *client, paths []string) error {
	before, err := requestsFor(retentionTime, api, page, paths)
	if err != nil {
		return err
	}
	settings := engine.HistorySettings{History: engine.History{Days: 1, FailedDays: 1}, RecordMonths: 1}
	if err := l.engine.SaveHistorySettings(b.ctx, auth.System, settings); err != nil {
		return err
	}
	left := func() (n int, err error) {
		return n, l.db.GetContext(b.ctx, &n, "SELECT count(*) FROM alur.executions")
	}
	had, err := left()
	for n := had; err == nil && n == had; n, err = left() { // until it has begun
		time.Sleep(time.Second)
	}
	if err != nil {
		return err
	}
	during, err := requestsFor(retentionTime, api, page, paths)
	if err != nil {
		return err
	}
	has, err := left()
	if err != nil {
		return err
	}
	b.result("retention", "p95_before", before.percentile(95), "ms", false)
	b.result("retention", "p95_during", during.percentile(95), "ms", false)
	log.Printf("%d requests, then %d while %d executions were deleted", len(before), len(during), had-has)
	if has == had {
		return fmt.Errorf("nothing was deleted")
	}
	return nil
}

// requestsFor asks for paths, one after another, for a while.
func requestsFor(during time.Duration, api, page *client, paths []string) (took delays, err error) {
	for end := time.Now().Add(during); time.Now().Before(end); {
		for _, path := range paths {
			began := time.Now()
			if err := clientFor(path, api, page).read(path); err != nil {
				return nil, err
			}
			took = append(took, float64(time.Since(began).Microseconds())/1000)
			time.Sleep(retentionPause)
		}
	}
	return took, nil
}
