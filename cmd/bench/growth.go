package main

import (
	_ "embed"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"

	"alur/engine/auth"
	"alur/engine/pg"
	"alur/engine/snowflake"
)

//go:embed growth_seed.sql
var growthSQL string

var growthQueries = pg.LoadQueries(growthSQL)

const (
	growthExecutions = 1_000_000
	growthWorkflows  = 30
	growthVersions   = 3
	growthRequests   = 200 // of each kind
	growthBatch      = 50_000

	// Numbers of processes that do not exist, for the ids of what is made up.
	growthWorker = 30
)

// growth fills the database with a million executions, unless it has them, and
// measures the pages and lists over them.
func (b *bench) growth() error {
	l, err := b.local()
	if err != nil {
		return err
	}
	defer l.db.Close()
	var have int
	if err := l.db.GetContext(b.ctx, &have, "SELECT count(*) FROM alur.executions"); err != nil {
		return err
	}
	if have == 0 {
		if err := b.seed(l); err != nil {
			return err
		}
	}
	s, err := b.serve()
	if err != nil {
		return err
	}
	defer s.stop()
	return b.growthRequests(l, s)
}

// seed makes workflows with three versions each and lets them have run.
func (b *bench) seed(l *local) error {
	began := time.Now()
	if _, err := l.items(b.ctx, "benchItems"); err != nil {
		return err
	}
	var ids []int64
	var keys []string
	for i := range growthWorkflows {
		w, err := l.build(b.ctx, fmt.Sprintf("Growth %02d", i+1), w1Trigger, false, w1Steps)
		if err != nil {
			return err
		}
		for range growthVersions - 1 {
			if w, err = l.engine.Revise(b.ctx, auth.System, w.ID, w.Key, ""); err != nil {
				return err
			}
		}
		if w, err = l.engine.EnableWorkflow(b.ctx, auth.System, w.ID, true); err != nil {
			return err
		}
		ids, keys = append(ids, w.ID), append(keys, w.Key)
	}
	now := time.Now().UTC()
	if _, err := l.db.ExecContext(b.ctx, growthQueries.Get("executions"), growthExecutions, pq.Array(ids), pq.Array(keys), now, growthWorker); err != nil {
		return fmt.Errorf("make executions: %w", err)
	}
	log.Printf("%d executions made in %s", growthExecutions, time.Since(began).Round(time.Second))
	for from := int64(0); ; {
		var to int64
		if err := l.db.GetContext(b.ctx, &to, `SELECT coalesce(max(id), 0) FROM (
			SELECT id FROM alur.executions WHERE id > $1 ORDER BY id LIMIT $2) x`, from, growthBatch); err != nil {
			return err
		}
		if to == 0 {
			break
		}
		if _, err := l.db.ExecContext(b.ctx, growthQueries.Get("jobs"), from, to, growthWorker); err != nil {
			return fmt.Errorf("make jobs: %w", err)
		}
		from = to
	}
	log.Printf("and their jobs in %s", time.Since(began).Round(time.Second))
	// Not through the pool: its connections prepare what they are given.
	_, err := l.db.Side().ExecContext(b.ctx, "VACUUM (ANALYZE) alur.executions, alur.jobs")
	return err
}

// growthRequests asks for everything that lists executions or workflows.
func (b *bench) growthRequests(l *local, s *server) error {
	api, err := s.signIn()
	if err != nil {
		return err
	}
	page, err := s.visit()
	if err != nil {
		return err
	}
	var at struct {
		First  string `db:"first"`  // the workflow with half of all executions
		Last   string `db:"last"`   // the one that has not run for long
		Middle int64  `db:"middle"` // an execution of a year ago
		Old    int64  `db:"old"`    // one of the first
		Recent int64  `db:"recent"`
		Long   int64  `db:"long"` // one with 2,000 jobs
	}
	if err := l.db.GetContext(b.ctx, &at, growthQueries.Get("places"), snowflake.At(time.Now().Add(-365*24*time.Hour))); err != nil {
		return err
	}
	id := func(n int64) string { return strconv.FormatInt(n, 10) }
	json := func(text string) string { return url.QueryEscape(text) }
	day := func(ago int) string { return time.Now().AddDate(0, 0, -ago).Format(time.DateOnly) }
	works := []struct{ name, path string }{
		{"home", "/"},
		{"executions", "/executions"},
		{"executions_running", "/executions?state=queued&state=running"},
		{"executions_waiting", "/executions?state=waiting"},
		{"executions_failed", "/executions?state=failed&state=error"},
		{"executions_cancelled", "/executions?state=cancelled"},
		{"executions_workflow", "/executions?workflow=" + at.First},
		{"executions_rare_workflow", "/executions?workflow=" + at.Last},
		{"executions_workflow_rejected", "/executions?workflow=" + at.First + "&state=rejected"},
		{"executions_rare_waiting", "/executions?workflow=" + at.Last + "&state=waiting"},
		{"executions_rare_completed", "/executions?workflow=" + at.Last + "&state=completed&since=30d"},
		{"executions_hour", "/executions?since=1h"},
		{"executions_month_failed", "/executions?since=30d&state=failed&state=error"},
		{"executions_days", "/executions?since=days&from=" + day(400) + "&to=" + day(399)},
		{"executions_days_cancelled", "/executions?since=days&from=" + day(400) + "&to=" + day(370) + "&state=cancelled&workflow=" + at.First},
		{"executions_over_second", "/executions?longer=1s"},
		{"executions_over_day", "/executions?longer=24h"},
		{"executions_over_day_rejected", "/executions?longer=24h&state=rejected&workflow=" + at.First},
		{"executions_rare_over_day", "/executions?longer=24h&workflow=" + at.Last},
		{"executions_before_deep", "/executions?before=" + id(at.Middle)},
		{"executions_after_deep", "/executions?after=" + id(at.Old)},
		{"executions_deep_failed", "/executions?state=error&workflow=" + at.First + "&before=" + id(at.Middle)},
		{"executions_skipped", "/executions/skipped"},
		{"execution", "/executions/" + id(at.Recent)},
		{"execution_long", "/executions/" + id(at.Long)},
		{"workflows", "/workflows"},
		{"workflows_failing", "/workflows?failing=true&sort=failed"},
		{"search", "/search?q=" + id(at.Recent)},
		{"api_executions", "/api/executions:list"},
		{"api_executions_newest", "/api/executions:list?sort=-id"},
		{"api_executions_created", "/api/executions:list?sort=-createdAt&except[]=context"},
		{"api_executions_deep", "/api/executions:list?sort=-id&page=2000"},
		{"api_executions_key", "/api/executions:list?sort=-createdAt&filter=" + json(`{"key":"`+at.First+`"}`)},
		{"api_executions_key_status", "/api/executions:list?sort=-createdAt&filter=" + json(`{"key":"`+at.First+`","status":-5}`)},
		{"api_executions_status", "/api/executions:list?sort=-createdAt&filter=" + json(`{"status":-2}`)},
		{"api_executions_time", "/api/executions:list?sort=-createdAt&filter=" + json(`{"createdAt":{"$dateBefore":"`+day(600)+`"}}`)},
		{"api_execution_jobs", "/api/executions:get?filterByTk=" + id(at.Recent) + "&appends[]=jobs&appends[]=workflow"},
		{"api_execution_long_jobs", "/api/executions:get?filterByTk=" + id(at.Long) + "&appends[]=jobs"},
		{"api_jobs", "/api/jobs:list?filter=" + json(`{"executionId":`+id(at.Recent)+`}`)},
		{"api_jobs_all", "/api/jobs:list?sort=-id"},
		{"api_workflows", "/api/workflows:list?filter=" + json(`{"current":true}`) + "&sort=-createdAt&except[]=config"},
	}
	for _, w := range works {
		ask := clientFor(w.path, api, page)
		var took delays
		for range growthRequests {
			began := time.Now()
			if err := ask.read(w.path); err != nil {
				return err
			}
			took = append(took, float64(time.Since(began).Microseconds())/1000)
			if len(took) >= 10 && took.percentile(50) > 500 { // slow enough to know
				break
			}
		}
		log.Printf("%-32s p50 %7.1f ms", w.name, took.percentile(50))
		fmt.Printf("RESULT growth %s %s ms\n", w.name, figure(took.percentile(95)))
	}
	if b.kept {
		return nil
	}
	return b.retention(l, api, page, []string{"/executions", "/executions?workflow=" + at.First, "/executions/" + id(at.Long), "/workflows", "/api/executions:list?sort=-id", "/api/jobs:list?sort=-id"})
}

// clientFor is the program for the API, the browser for pages.
func clientFor(path string, api, page *client) *client {
	if strings.HasPrefix(path, "/api/") {
		return api
	}
	return page
}

// visit signs in as a browser does.
func (s *server) visit() (*client, error) {
	c := &client{url: s.url, http: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 1},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	res, err := c.http.PostForm(s.url+"/sign-in", url.Values{"account": {benchEmail}, "password": {benchPassword}})
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	for _, k := range res.Cookies() {
		c.cookie = k.Name + "=" + k.Value + "; " + c.cookie
	}
	if c.cookie == "" {
		return nil, fmt.Errorf("no session after signing in: %s", res.Status)
	}
	return c, nil
}

// read asks for a page or a list and reads it to its end.
func (c *client) read(path string) error {
	req, err := http.NewRequest(http.MethodGet, c.url+path, nil)
	if err != nil {
		return err
	}
	if c.cookie != "" {
		req.Header.Set("Cookie", c.cookie)
	} else {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %.300s", path, res.Status, body)
	}
	return err
}
