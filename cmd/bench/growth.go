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
	if err := b.index(l); err != nil {
		return err
	}
	s, err := b.serve()
	if err != nil {
		return err
	}
	defer s.stop()
	return b.growthRequests(l, s)
}

// index takes everything into the search, without the pauses that leave room for
// others, and measures what that costs.
func (b *bench) index(l *local) error {
	began := time.Now()
	var had, have int
	const count = "SELECT count(*) FROM alur.execution_texts"
	if err := l.db.GetContext(b.ctx, &had, count); err != nil {
		return err
	}
	for {
		if _, err := l.db.ExecContext(b.ctx, "UPDATE alur.execution_search SET due_at = 'epoch'"); err != nil {
			return err
		}
		if _, err := l.engine.SearchOnce(b.ctx); err != nil {
			return err
		}
		behind, err := l.engine.SearchBehind(b.ctx)
		if err != nil {
			return err
		}
		if behind.Newest == nil && behind.Oldest == nil {
			break
		}
	}
	if err := l.db.GetContext(b.ctx, &have, count); err != nil {
		return err
	}
	if have > had {
		log.Printf("%d executions taken into the search in %s", have-had, time.Since(began).Round(time.Second))
		b.result("growth", "search_index", rate(have-had, time.Since(began)), "exec/s", false)
		if _, err := l.db.Side().ExecContext(b.ctx, "VACUUM (ANALYZE) alur.execution_texts, alur.execution_subjects, alur.execution_blocks"); err != nil {
			return err
		}
	}
	var size int64
	if err := l.db.GetContext(b.ctx, &size, `SELECT pg_total_relation_size('alur.execution_texts') + pg_total_relation_size('alur.execution_subjects')
		+ pg_total_relation_size('alur.execution_blocks')`); err != nil {
		return err
	}
	b.result("growth", "search_size", float64(size)/1e6, "MB", false)
	return nil
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
		{"search_common", "/executions?q=deliver"},
		{"search_some", "/executions?q=urgent"},
		{"search_few", "/executions?q=recall"},
		{"search_rare", "/executions?q=zanzibar"},
		{"search_none", "/executions?q=xylophone"},
		{"search_words", "/executions?q=recall+leipzig"},
		{"search_phrase", "/executions?q=" + json(`"glass keep"`)},
		{"search_phrase_nowhere", "/executions?q=" + json(`"warranty deliver"`)},
		{"search_number", "/executions?q=0512345"},
		{"search_mail", "/executions?q=anna.keller123@example.test"},
		{"search_common_rejected", "/executions?q=deliver&state=rejected"},
		{"search_few_rejected", "/executions?q=recall&state=rejected"},
		{"search_some_rare_workflow", "/executions?q=urgent&workflow=" + at.Last},
		{"search_few_workflow", "/executions?q=recall&workflow=" + at.First},
		{"search_some_days", "/executions?q=urgent&since=days&from=" + day(400) + "&to=" + day(399)},
		{"search_some_over_minute", "/executions?q=urgent&longer=1m"},
		{"search_record", "/executions?collection=benchItems&record=777"},
		{"search_record_hot", "/executions?collection=benchItems&record=7&state=rejected"},
		{"search_person", "/executions?person=1"},
		{"search_person_rare_workflow", "/executions?person=1&workflow=" + at.Last},
		{"search_person_text_state", "/executions?person=33&q=urgent&state=cancelled"},
		{"search_all", "/executions?q=leipzig+paint&person=1&state=completed&longer=1m&workflow=" + at.First + "&since=days&from=" + day(700) + "&to=" + day(1)},
		{"search_workflows_failed", "/executions?state=failed&state=error&workflow=" + at.First + "&workflow=" + at.Last},
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
		{"api_executions_search", "/api/executions:list?filter=" + json(`{"$search": {"text": "recall"}}`)},
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
