package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/snowflake"
)

// bigTables grow without end: no statement may read one from end to end.
var bigTables = []string{"executions", "jobs", "tasks", "links", "mails", "skipped_triggers", "execution_records", "timers", "audit_log", "firings", "attachments", "attachment_pasts", "attachment_bytes",
	"execution_texts", "execution_subjects", "execution_blocks"}

var bigTable = regexp.MustCompile(`alur\.(` + strings.Join(bigTables, "|") + `)\b`)

// planCase is a statement put together as the code does it, with arguments that
// could be.
type planCase struct {
	text string // "": the query of that name alone
	args []any
}

// plans are the arguments of every embedded statement on a big table, by file
// and name. What has none here is planned with nulls.
func plans(sql func(file, name string) string, attention map[string][]any) map[string][]planCase {
	const key, workflow, person = "k3", int64(3), int64(7)
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	execution := snowflake.At(now.AddDate(0, 0, -10))
	job := execution + 1
	ids, fences := pq.Array([]int64{execution, execution + 1}), pq.Array([]int64{1, 1})
	finished := append([]any{`[{"i": 62914530000, "f": 1, "s": 1}]`}, make([]any, 17)...)
	task := func(where string, args ...any) planCase {
		return planCase{text: sql("task/queries.sql", "select") + sql("task/queries.sql", where), args: args}
	}
	workflows := func(failing bool, sort string) planCase {
		week := strings.Replace(sql("queries_workflow.sql", "week"), "{limit}", "2000", 1)
		return planCase{text: strings.NewReplacer("{week}", week, "{listed}", "{reach w.key}").Replace(sql("queries_workflow.sql", "list")),
			args: []any{"", nil, "", failing, execution, sort, 50, 0, int64(0)}}
	}
	record := sql("queries_retention.sql", "record")
	records := func(name string, args ...any) planCase {
		return planCase{text: strings.Replace(sql("queries_retention.sql", name), "{record}", record, 1), args: args}
	}
	figures := func(recent string) planCase {
		return planCase{strings.Replace(sql("queries_figures.sql", "figures"), "{recent}", sql("queries_figures.sql", recent), 1),
			[]any{execution, now.Add(-time.Hour), engine.FiguresLimit}}
	}
	finish := sql("queue/queries.sql", "finish_executions") + sql("queue/queries.sql", "finish_lines") + sql("queue/queries.sql", "finish_timers") +
		sql("queue/queries.sql", "finish_jobs") + sql("queue/queries.sql", "finish_again")
	var entries []planCase
	for _, part := range [][]any{{""}, {"of_kind", "roles"}, {"of_person", person}, {"of_both", person, "roles"}} {
		text := sql("audit/queries.sql", "list")
		if part[0] != "" {
			text += sql("audit/queries.sql", part[0].(string))
		}
		for _, since := range []time.Time{{}, now.Add(-time.Hour)} {
			entries = append(entries, planCase{text + sql("audit/queries.sql", "newest"), append([]any{execution, since, now, "", 51}, part[1:]...)})
		}
	}
	var lists []planCase
	for _, key := range []string{"", key, key + " k4 k5"} {
		for _, longer := range []time.Duration{0, time.Second, 24 * time.Hour} {
			for _, states := range [][]string{nil, {"queued", "running"}, {"waiting"}, {"completed"}, {"failed", "error"}, {"cancelled"}, {"rejected"}} {
				for _, f := range []engine.ExecutionFilter{{}, {Before: execution}, {After: execution}, {Since: now.Add(-time.Hour), Until: now}} {
					f.Longer, f.States = longer, states
					if key != "" {
						f.Keys = strings.Fields(key)
					}
					for _, who := range lookers {
						text, args := engine.ListQuery(f, now, who.Reach(auth.Viewer))
						lists = append(lists, planCase{text, args})
					}
				}
			}
		}
	}
	for _, f := range []engine.ExecutionFilter{{Text: "urgent leipzig"}, {Person: person}, {Record: engine.RecordRef{Collection: "orders", ID: "7"}},
		{Text: "urgent", Person: person, Record: engine.RecordRef{Collection: "orders", ID: "7"}, Keys: []string{key, "k4"}, States: []string{"waiting", "rejected"}, Longer: time.Minute}} {
		for _, at := range []engine.ExecutionFilter{{}, {Before: execution}, {After: execution}, {Since: now.Add(-time.Hour), Until: now}} {
			f.Before, f.After, f.Since, f.Until = at.Before, at.After, at.Since, at.Until
			for _, who := range lookers {
				texts, args := engine.SeekQueries(f, now, who.Reach(auth.Viewer))
				for i := range texts {
					lists = append(lists, planCase{texts[i], args[i]})
				}
			}
		}
	}
	alerting := func(name string, args ...any) planCase {
		gone := strings.TrimSpace(sql("alert/queries.sql", "gone"))
		return planCase{strings.NewReplacer("{failed}", engine.FailedSQL, "{cause}", engine.CauseSQL, "{gone}", gone).Replace(sql("alert/queries.sql", name)), args}
	}
	cases := map[string][]planCase{
		"queries.sql/execution_rows": lists,

		"search/queries.sql/later":      {{args: []any{execution, job, 500}}},
		"search/queries.sql/earlier":    {{args: []any{execution, 500}}},
		"search/queries.sql/sweep":      {{args: []any{execution, job, 10_000, 500}}},
		"search/queries.sql/moved":      {{args: []any{execution, 2000, 500}}},
		"search/queries.sql/executions": {{args: []any{ids, 4096}}},
		"search/queries.sql/results":    {{args: []any{ids, 4096, 40}}},
		"search/queries.sql/tail":       {{args: []any{execution, 500}}},
		"search/queries.sql/blocks_of":  {{args: []any{ids}}},
		"search/queries.sql/repack":     {{args: []any{ids, pq.Array([]string{"{1}", "{2}"})}}},
		"search/queries.sql/forget":     {{args: []any{ids}}},
		"search/queries.sql/busy":       {{args: []any{100}}},
		"search/queries.sql/behind":     {{}},
		"audit/queries.sql/list":        entries,
		"queries.sql/execution":         {{args: []any{execution}}},
		"collection/queries_change.sql/select": {{
			text: sql("collection/queries_change.sql", "select") + sql("collection/queries_change.sql", "of_record"),
			args: []any{"orders", "5", execution, 51},
		}},
		"queries.sql/execution_jobs":   {{args: []any{execution}}},
		"queries.sql/job":              {{args: []any{job}}},
		"queries.sql/load_jobs":        {{args: []any{ids}}},
		"queries.sql/count_stack":      {{args: []any{ids, workflow}}},
		"queries.sql/skipped":          {{args: []any{100}}},
		"queries.sql/skipped_workflow": {{args: []any{100, key}}},
		"queries.sql/skipped_reached":  {{args: []any{100}}},
		"queries.sql/close_tasks":      {{args: []any{job, now}}},
		"queries.sql/late":             {{args: []any{execution, now}}},
		"queries.sql/lock_execution":   {{args: []any{execution}}},
		"queries.sql/job_status":       {{args: []any{execution, job}}},
		"queries.sql/workflow_of":      {{args: []any{execution}}},
		"queries.sql/update_job":       {{args: []any{execution, job, 1, nil, false, nil, false, nil, now}}},

		"queries_figures.sql/figures":        {figures("recent"), figures("recent_reached")},
		"queries_figures.sql/recent":         nil, // parts of the others
		"queries_figures.sql/recent_reached": nil,
		"queries_figures.sql/figures_open":   {{}},

		"queries_members.sql/executions": {{args: []any{ids}}},

		"queries_rerun.sql/origins":      {{args: []any{ids}}},
		"queries_rerun.sql/lock_origin":  {{args: []any{execution}}},
		"queries_rerun.sql/steps":        {{args: []any{ids}}},
		"queries_rerun.sql/newest_rerun": {{args: []any{execution}}},
		"queries_rerun.sql/reruns":       {{args: []any{execution, 20}}},
		"queries_rerun.sql/again":        {{args: []any{execution, job, workflow, person, true}}},
		"queries_rerun.sql/keep":         {{args: []any{execution, job, ids, ids, ids}}},

		"queries_workflow.sql/week": {workflows(false, "")},
		"queries_workflow.sql/list": {workflows(false, ""), workflows(true, "failed"), workflows(false, "last")},

		"queries_retention.sql/roll_up": {{args: []any{1000}}},
		"queries_retention.sql/delete":  {{args: []any{ids, now, nil, pq.Array([]string{"age", "age"}), int64(0)}}},
		"queries_retention.sql/keys":    {{}},
		"queries_retention.sql/expired": {{args: []any{key, pq.Array([]int64{1, -2}), pq.Array([]time.Time{now, now}),
			pq.Array([]int64{execution, execution}), pq.Array([]string{"age", "age"}), 500}}},
		"queries_retention.sql/surplus":          {{args: []any{key, 100, 500}}},
		"queries_retention.sql/forget_records":   {{args: []any{now.AddDate(-9, 0, 0), 500}}},
		"queries_retention.sql/record":           {{record + sql("queries_retention.sql", "record_id"), []any{execution}}},
		"queries_retention.sql/records":          {records("records", 51, execution)},
		"queries_retention.sql/records_workflow": {records("records_workflow", 51, execution, key)},
		"queries_retention.sql/records_reached":  {records("records_reached", 51, execution)},

		"queue/queries.sql/pending":           {{}},
		"queue/queries.sql/claim":             {{args: []any{32, 1, workflow, int64(0), 0, 3}}},
		"queue/queries.sql/claimable":         {{args: []any{workflow}}},
		"queue/queries.sql/claim_suspect":     {{args: []any{workflow, 1, 3}}},
		"queue/queries.sql/finish_executions": {{finish, finished}},
		"queue/queries.sql/finish_lines":      {{finish, finished}},
		"queue/queries.sql/finish_timers":     {{finish, finished}},
		"queue/queries.sql/finish_jobs":       {{finish, finished}},
		"queue/queries.sql/renew":             {{args: []any{ids, fences, 1}}},
		"queue/queries.sql/release":           {{args: []any{ids, fences, 1.0}}},
		"queue/queries.sql/rescue":            {{}},
		"queue/queries.sql/disarm":            {{args: []any{job}}},
		"queue/queries.sql/answer":            {{args: []any{execution, job, 1, `1`, now}}},
		"queue/queries.sql/wake":              {{args: []any{execution, job}}},
		"queue/queries.sql/fire":              {{args: []any{100, now.AddDate(-9, 0, 0)}}},
		"queue/queries.sql/next_due":          {{}},
		"queue/queries.sql/overdue":           {{args: []any{100, now}}},
		"queue/queries.sql/stop":              {{args: []any{ids, "timeout", now, 0}}},
		"queue/queries.sql/drop_timers":       {{args: []any{ids}}},
		"queue/queries.sql/not_held":          {{args: []any{ids, fences}}},

		"triggers/queries.sql/look":   {{}},
		"triggers/queries.sql/due":    {{args: []any{key, 1, now.AddDate(-9, 0, 0), 200}}},
		"triggers/queries.sql/fired":  {{args: []any{key, pq.Array([]string{"7"}), pq.Array([]time.Time{now}), pq.Array([]*time.Time{nil}), pq.Array([]time.Time{now}), pq.Array([]int64{1})}}},
		"triggers/queries.sql/plan":   {{args: []any{workflow, pq.Array([]string{"7"}), pq.Array([]time.Time{now}), pq.Array([]*time.Time{nil}), pq.Array([]time.Time{now})}}},
		"triggers/queries.sql/drop":   {{args: []any{workflow, pq.Array([]string{"7"})}}},
		"triggers/queries.sql/tidy":   {{args: []any{key, 1, 2000}}},
		"triggers/queries.sql/forget": {{args: []any{key, 2000}}},

		"task/queries.sql/select": {task("where_id", job), task("where_outcome", job), task("where_open", person, "%", 51, 0),
			task("where_done", person, "%", 51, 0), task("where_all", person, "%", 51, 0)},
		"task/queries.sql/setting":           {{args: []any{execution}}},
		"task/queries.sql/pending":           {{args: []any{person}}},
		"task/queries.sql/asked":             {{args: []any{job}}},
		"task/queries.sql/lock":              {{args: []any{job}}},
		"task/queries.sql/execution":         {{args: []any{execution}}},
		"task/queries.sql/decide":            {{args: []any{job, 1, nil, now, "app", "", ""}}},
		"task/queries.sql/close_siblings":    {{args: []any{job, job, now}}},
		"task/queries.sql/save":              {{args: []any{job, nil, now}}},
		"task/queries.sql/save_job":          {{args: []any{execution, job, nil}}},
		"task/queries.sql/delete":            {{args: []any{ids}}},
		"task/queries.sql/open_of_execution": {{args: []any{execution}}},
		"task/queries.sql/newest_link":       {{args: []any{job, person}}},

		"attachment/queries.sql/added_today":       {{args: []any{person, now}}},
		"attachment/queries.sql/lock":              {{args: []any{ids}}},
		"attachment/queries.sql/due":               {{args: []any{now.AddDate(-9, 0, 0), 100}}},
		"attachment/queries.sql/checked":           {{args: []any{ids, ids, now}}},
		"attachment/queries.sql/delete":            {{args: []any{ids}}},
		"attachment/queries.sql/known":             {{args: []any{"0a", "0ag"}}},
		"attachment/queries.sql/part":              {{args: []any{"0a", 0}}},
		"attachment/queries.sql/length":            {{args: []any{"0a"}}},
		"attachment/queries.sql/remove":            {{args: []any{"0a"}}},
		"attachment/queries.sql/old":               {{args: []any{"0a", "0ag", now}}},
		"collection/queries_change.sql/hold_files": {{args: []any{ids, ids}}},
		"collection/queries_change.sql/file_names": {{args: []any{ids}}},
		"collection/queries_change.sql/loose":      {{args: []any{ids}}},

		"link/queries.sql/void":   {{args: []any{job, person, now}}},
		"link/queries.sql/lookup": {{args: []any{[]byte("x")}}},

		"mail/queries.sql/list":          {{args: []any{"", "%", 51, 0}}},
		"mail/queries.sql/get":           {{args: []any{job}}},
		"mail/queries.sql/resend":        {{args: []any{job, now}}},
		"mail/queries.sql/resend_failed": {{args: []any{job, now, 500}}},
		"mail/queries.sql/hold":          {{args: []any{now.AddDate(-9, 0, 0)}}},
		"mail/queries.sql/claim":         {{args: []any{now.AddDate(-9, 0, 0), now, 10}}},
		"mail/queries.sql/renew":         {{args: []any{job, 1, now}}},
		"mail/queries.sql/sent":          {{args: []any{job, 1, now}}},
		"mail/queries.sql/failed":        {{args: []any{job, 1, "failed", "", now}}},
		"mail/queries.sql/release":       {{args: []any{job, 1}}},

		"metric/queue.sql/queue": {{}},
		"metric/queue.sql/rest":  {{}},

		"alert/queries.sql/fresh":  {alerting("fresh", now.Add(-time.Minute), now)},
		"alert/queries.sql/count":  {alerting("count", key, now.Add(-time.Hour), now, 10_001, execution)},
		"alert/queries.sql/good":   {alerting("good", key)},
		"alert/queries.sql/causes": {alerting("causes", key, now.Add(-time.Hour), now, 200, 5)},

		"queries_attention.sql/dismiss_failures": {{text: engine.AttentionSQL.Get("dismiss_failures"), args: []any{key, "n1", "x", now, now, person, 500}}},
		"queries_attention.sql/failed":           nil, // parts of the others
		"queries_attention.sql/cause":            nil,
		"queries_attention.sql/pending":          nil,
	}
	for name, args := range attention {
		cases["queries_attention.sql/"+name] = []planCase{{engine.AttentionSQL.Get(name), args}}
	}
	return cases
}

// writesOnly are statements that only insert rows; there is nothing to look up.
var writesOnly = []string{"queries.sql/enqueue", "queries.sql/enqueue_all", "queries.sql/skip", "queries.sql/insert_sync", "queries.sql/record_execution",
	"task/queries.sql/create", "link/queries.sql/create", "attachment/queries.sql/add", "attachment/queries.sql/put_part", "mail/queries.sql/enqueue", "audit/queries.sql/insert",
	"search/queries.sql/write", "search/queries.sql/write_subjects", "search/queries.sql/pack"}

// lookers are who manages all workflows and who has a level on some.
var lookers = []auth.Actor{auth.System, {UserID: 7, Role: auth.Member}}

// fillBig makes enough rows that reading all of them never pays.
func fillBig(t *testing.T, db *pg.DB) {
	t.Helper()
	fill := `
		INSERT INTO alur.users (id, nickname, email) SELECT i, 'Ann', i || '@alur.test' FROM generate_series(1, 200) i;
		INSERT INTO alur.workflows (id, key, title, type, current) SELECT i, 'k' || i, 'W', 'test', true FROM generate_series(1, 20) i;
		INSERT INTO alur.executions (id, workflow_id, key, context, status, parent_id, stack, created_at, started_at, ended_at, expires_at, rerun_of)
		SELECT (CAST(extract(epoch FROM at) AS bigint) - 1605024000) << 21, i % 20 + 1, 'k' || i % 20 + 1, '{}', s, CASE WHEN i % 50 = 0 THEN i END, NULL, at, at,
		       CASE WHEN s <> 0 THEN at + (i % 997) * interval '1 s' END, CASE WHEN i % 40 = 0 THEN at END, CASE WHEN i % 30 = 0 THEN i END
		FROM (SELECT i, timestamptz '2030-01-01' - (30000 - i) * interval '1 min' AS at,
		             CASE WHEN i % 300 = 0 THEN NULL WHEN i % 301 = 0 THEN 0 WHEN i % 10 = 0 THEN -(i / 10 % 6 + 1) ELSE 1 END AS s
		      FROM generate_series(1, 30000) i) x;
		INSERT INTO alur.jobs (id, execution_id, node_id, node_key, status, result, started_at, ended_at)
		SELECT x.id + n, x.id, n, 'n' || n, 1, '1', created_at, created_at FROM alur.executions x, generate_series(1, 2) n;
		INSERT INTO alur.tasks (id, execution_id, job_id, node_id, node_key, workflow_id, workflow_key, user_id, title, form)
		SELECT id, id, id + 1, 1, 'a', workflow_id, key, row_number() OVER () % 200 + 1, 'Look', '{}' FROM alur.executions;
		INSERT INTO alur.links (token_hash, task_id, user_id, created_at, expires_at)
		SELECT decode(md5(CAST(id AS text)), 'hex'), id, user_id, created_at, created_at FROM alur.tasks;
		INSERT INTO alur.mails (id, to_address, subject, text_body, execution_id, due_at, created_at, status, sent_at)
		SELECT id, i % 200 || '@alur.test', 'Look', 'Look', id, created_at, created_at,
		       CASE WHEN i % 500 = 0 THEN 'queued' WHEN i % 501 = 0 THEN 'failed' ELSE 'sent' END,
		       CASE WHEN i % 500 > 0 AND i % 501 > 0 THEN created_at END
		FROM (SELECT id, created_at, row_number() OVER () AS i FROM alur.executions) x;
		INSERT INTO alur.skipped_triggers (id, workflow_id, key, reason, detail) SELECT id, workflow_id, key, 'stack_limit', 'x' FROM alur.executions;
		INSERT INTO alur.execution_records (id, workflow_id, key, status, steps, created_at, deleted_at, why)
		SELECT id, workflow_id, key, 1, 3, created_at, created_at + interval '9 days', 'age' FROM alur.executions;
		INSERT INTO alur.timers (job_id, execution_id, due_at, status) SELECT id + 1, id, created_at, 1 FROM alur.executions;
		INSERT INTO alur.schedules (key, workflow_id, generation, armed_at, counts_from) SELECT key, id, 1, now(), now() FROM alur.workflows;
		INSERT INTO alur.firings (key, record, generation, start_at, due_at) SELECT key, id, 1, created_at, created_at FROM alur.executions;
		INSERT INTO alur.audit_log (created_at, kind, user_id, channel, text, workflow_id, execution_id)
		SELECT created_at, CASE WHEN i % 100 = 0 THEN 'roles' ELSE 'records' END, CASE WHEN i % 100 = 0 THEN i % 200 + 1 END, 'engine', 'x', workflow_id, id
		FROM (SELECT id, workflow_id, created_at, row_number() OVER (ORDER BY id) AS i FROM alur.executions) x;
		INSERT INTO alur.workflow_members (workflow_key, user_id, level) SELECT 'k' || w, u, 'viewer' FROM generate_series(1, 20) w, generate_series(w, 200, 40) u;
		INSERT INTO alur.attachments (id, title, extname, filename, size, mimetype, storage, created_by_id, created_at, updated_at, checked_at)
		SELECT id, 'x', '', md5(CAST(id AS text)), 1, 'text/plain', 'database', id % 199 + 1, created_at, created_at, created_at FROM alur.executions;
		INSERT INTO alur.attachment_bytes (name, part, bytes, created_at) SELECT filename, 0, 'x', created_at FROM alur.attachments;
		INSERT INTO alur.record_changes (id, collection_name, record_id, kind, at, title, fields) SELECT id, 'orders', id, 4, created_at, 'x', '{}' FROM alur.attachments;
		INSERT INTO alur.attachment_pasts (attachment_id, change_id) SELECT id, id FROM alur.attachments;
		INSERT INTO alur.execution_texts (id, key, open, segments, subjects, body) SELECT id, key, ended_at IS NULL, 0, '{}', 'leipzig urgent' FROM alur.executions;
		INSERT INTO alur.execution_subjects (subject, execution_id) SELECT n, id FROM alur.executions, generate_series(1, 2) n;
		INSERT INTO alur.execution_blocks (lo, hi, grams) SELECT id, id + 1, ARRAY[id % 200, id % 300] FROM alur.executions;
		UPDATE alur.housekeeping SET next_to = (SELECT max(id) FROM alur.executions);`
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	for _, text := range []string{fill, "ANALYZE"} {
		if err := conn.Simple(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPlans looks at how PostgreSQL would run every embedded statement on a
// table that grows: with its arguments known, and as a prepared statement whose
// arguments are not. A new statement without a case fails.
func TestPlans(t *testing.T) {
	t.Parallel()
	files := embedded(t)
	sql := func(file, name string) string { return files[file].Get(name) }
	db := pgtest.New(t)
	fillBig(t, db)
	cases := plans(sql, engine.AttentionArgs(newHouseOn(t, db).Engine))
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Discard()
	for file, queries := range files {
		for name, text := range queries {
			id := file + "/" + name
			list, known := cases[id]
			delete(cases, id)
			switch {
			case !known && bigTable.MatchString(text) && !slices.Contains(writesOnly, id):
				t.Errorf("%s has no case in plans, though it is about a big table", id)
			case !known:
				continue
			}
			for _, c := range list {
				if c.text == "" {
					c.text = text
				}
				for _, who := range lookers {
					if strings.Contains(c.text, "{reached}") && who.IsSystem() {
						continue
					}
					asked := planCase{}
					asked.text, asked.args = who.Reach(auth.Viewer).Query(c.text, c.args...)
					for how, plan := range explain(t, conn, asked) {
						if table := scanned(plan); table != "" {
							t.Errorf("%s, %s, reads all of %s:\n%s\n%v", id, how, table, asked.text, asked.args)
						}
					}
					if asked.text == c.text {
						break // the same for everybody
					}
				}
			}
		}
	}
	for id := range cases {
		t.Errorf("there is no statement %s any more", id)
	}
}

// embedded are all SQL files under engine, by path.
func embedded(t *testing.T) map[string]pg.Queries {
	t.Helper()
	files := map[string]pg.Queries{}
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".sql" {
			return err
		}
		text, err := os.ReadFile(name)
		files[name] = pg.LoadQueries(string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

var parameter = regexp.MustCompile(`\$(\d+)`)

// explain returns the plan with known and the one with unknown arguments.
func explain(t *testing.T, conn *pg.Conn, c planCase) map[string]json.RawMessage {
	t.Helper()
	ctx := t.Context()
	var known, unknown json.RawMessage
	if err := conn.GetContext(ctx, &known, "EXPLAIN (FORMAT JSON) "+c.text, c.args...); err != nil {
		t.Fatalf("explain %s\nwith %v: %v", c.text, c.args, err)
	}
	most := 0
	for _, m := range parameter.FindAllStringSubmatch(c.text, -1) {
		n, _ := strconv.Atoi(m[1])
		most = max(most, n)
	}
	nulls := ""
	if most > 0 {
		nulls = "(" + strings.TrimSuffix(strings.Repeat("NULL, ", most), ", ") + ")"
	}
	if err := conn.Simple(ctx, "SET plan_cache_mode = force_generic_plan"); err != nil {
		t.Fatal(err)
	}
	if err := conn.Simple(ctx, "PREPARE p AS "+c.text); err != nil {
		t.Fatalf("prepare %s: %v", c.text, err)
	}
	if err := conn.GetContext(ctx, &unknown, "EXPLAIN (FORMAT JSON) EXECUTE p"+nulls); err != nil {
		t.Fatalf("explain prepared %s: %v", c.text, err)
	}
	if err := conn.Simple(ctx, "DEALLOCATE p; SET plan_cache_mode = auto"); err != nil {
		t.Fatal(err)
	}
	return map[string]json.RawMessage{"arguments known": known, "arguments unknown": unknown}
}

// scanned is a big table that a plan reads from end to end; "" for none. The
// first rows that come, as many as a limit says, are not all of them.
func scanned(plan json.RawMessage) string {
	type tree struct {
		Type     string `json:"Node Type"`
		Relation string `json:"Relation Name"`
		Filter   string
		Plans    []tree
	}
	var walk func(n tree, limited bool) string
	walk = func(n tree, limited bool) string {
		if n.Type == "Seq Scan" && slices.Contains(bigTables, n.Relation) && (n.Filter != "" || !limited) {
			return n.Relation
		}
		for _, inner := range n.Plans {
			if table := walk(inner, n.Type == "Limit"); table != "" {
				return table
			}
		}
		return ""
	}
	var top []struct{ Plan tree }
	if err := json.Unmarshal(plan, &top); err != nil || len(top) == 0 {
		return fmt.Sprintf("%s (%v)", plan, err)
	}
	return walk(top[0].Plan, false)
}

// recorder notes what is asked through it.
type recorder struct {
	pg.Q
	asked []planCase
}

func (r *recorder) QueryxContext(ctx context.Context, query string, args ...any) (*sqlx.Rows, error) {
	r.asked = append(r.asked, planCase{query, args})
	return r.Q.QueryxContext(ctx, query, args...)
}

func (r *recorder) GetContext(ctx context.Context, dest any, query string, args ...any) error {
	r.asked = append(r.asked, planCase{query, args})
	return r.Q.GetContext(ctx, dest, query, args...)
}

// TestRecordPlans does the same for the lists that the API makes of executions
// and what belongs to them.
func TestRecordPlans(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	fillBig(t, db)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Discard()
	store := collection.NewStore(db, snowflake.New(1, time.Now), time.Now)
	people := &auth.Store{DB: db, IDs: snowflake.New(2, time.Now), Now: time.Now}
	sharer, err := people.Actor(t.Context(), 7, auth.Member)
	if err != nil {
		t.Fatal(err)
	}
	execution := float64(snowflake.At(time.Date(2029, 12, 22, 0, 0, 0, 0, time.UTC)))
	newest := []string{"-createdAt"}
	for _, tc := range []struct {
		collection string
		query      collection.Query
	}{
		{"executions", collection.Query{NoCount: true}},
		{"executions", collection.Query{NoCount: true, Sort: newest}},
		{"executions", collection.Query{Sort: newest, Filter: map[string]any{"key": "k3"}}},
		{"executions", collection.Query{Sort: newest, Filter: map[string]any{"key": "k3", "status": -2.0}}},
		{"executions", collection.Query{Sort: newest, Filter: map[string]any{"workflowId": 3.0}}},
		{"executions", collection.Query{Sort: newest, Filter: map[string]any{"createdAt": map[string]any{"$dateBefore": "2029-12-01"}}, NoCount: true}},
		{"executions", collection.Query{Sort: newest, Filter: map[string]any{"createdAt": map[string]any{"$dateOn": "2029-12-20"}}}},
		{"executions", collection.Query{Filter: execution, Appends: []string{"jobs", "workflow"}}},
		{"jobs", collection.Query{Sort: []string{"-id"}, NoCount: true}},
		{"jobs", collection.Query{Filter: map[string]any{"executionId": execution}}},
		{"workflowManualTasks", collection.Query{Sort: newest, Filter: map[string]any{"userId": 7.0}}},
		{"workflowManualTasks", collection.Query{Filter: map[string]any{"executionId": execution}}},
	} {
		r := &recorder{Q: conn}
		for _, who := range []auth.Actor{auth.System, sharer} {
			if _, err := store.List(t.Context(), r, collection.Access{Actor: who}, tc.collection, tc.query); err != nil {
				t.Fatal(err)
			}
		}
		if len(r.asked) < 2 {
			t.Fatal("nothing was asked")
		}
		for _, c := range r.asked {
			if strings.HasPrefix(c.text, "EXPLAIN") {
				continue
			}
			for how, plan := range explain(t, conn, c) {
				if table := scanned(plan); table != "" {
					t.Errorf("%s %+v, %s, reads all of %s:\n%s", tc.collection, tc.query, how, table, c.text)
				}
			}
		}
	}
}
