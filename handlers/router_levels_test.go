package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/snowflake"
)

// Four people without any right on all workflows, each with one level on some.
const (
	viewer   role = "viewer"
	operator role = "operator"
	editor   role = "editor"
	owner    role = "owner"
)

var leveled = []role{viewer, operator, editor, owner}

// levelPeople makes the four and signs them in.
func (s *site) levelPeople() {
	s.t.Helper()
	for _, who := range leveled {
		mail := string(who) + "@alur.test"
		if _, err := s.Auth.Create(s.t.Context(), auth.System, auth.NewUser{Nickname: "Person " + string(who), Email: mail, Role: auth.Member, Password: password}); err != nil {
			s.t.Fatal(err)
		}
		token, u, err := s.Auth.SignIn(s.t.Context(), auth.Web, mail, password, auth.Client{IP: "192.0.2.1"})
		if err != nil {
			s.t.Fatal(err)
		}
		s.tokens[who], s.users[who] = token, u
	}
}

// ledger is a workflow that has run and failed once, with everything that can be
// asked of one.
type ledger struct {
	workflow, node, execution, waiting, job, member int64
	key, nodeKey                                    string
}

// ledger makes a workflow of root's; given says that the four have their levels on
// it.
func (s *site) ledger(title string, given bool) ledger {
	s.t.Helper()
	ctx, a := s.t.Context(), s.users[root].Actor()
	w, err := s.Engine.CreateWorkflow(ctx, a, engine.NewWorkflow{Title: title, Type: "collection", Config: []byte(`{"collection":"orders","mode":1}`)})
	if err != nil {
		s.t.Fatal(err)
	}
	n, err := s.Engine.AddNode(ctx, a, w.ID, engine.NewNode{Type: "multi-conditions", Title: "Hidden sum of " + title, Config: []byte(`{"conditions":[{"uid":"a"},{"uid":"b"}]}`)})
	if err != nil {
		s.t.Fatal(err)
	}
	at := time.Now().Add(-time.Minute).UTC().Truncate(time.Second)
	x := snowflake.At(at) + w.ID%100_000*10
	l := ledger{workflow: w.ID, node: n.ID, key: w.Key, nodeKey: n.Key, execution: x, job: x + 1, waiting: x + 5}
	for _, insert := range []struct {
		text string
		args []any
	}{
		{`INSERT INTO alur.executions (id, workflow_id, key, context, status, created_at, started_at, ended_at)
		  VALUES ($1, $2, $3, '{"secret": "of ` + title + `"}', -2, $4, $4, $4)`, []any{x, w.ID, w.Key, at}},
		{`INSERT INTO alur.jobs (id, execution_id, node_id, node_key, status, input, result, started_at, ended_at)
		  VALUES ($1, $2, $3, $4, -2, '{"a": 1}', '"It broke in ` + title + `."', $5, $5)`, []any{l.job, x, n.ID, n.Key, at}},
		{`INSERT INTO alur.executions (id, workflow_id, key, context, status, created_at, started_at)
		  VALUES ($1, $2, $3, '{}', 0, $4, $4)`, []any{l.waiting, w.ID, w.Key, at}},
		{`INSERT INTO alur.tasks (id, execution_id, job_id, node_id, node_key, workflow_id, workflow_key, user_id, title, form)
		  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'Task of ` + title + `', '{}')`, []any{x + 2, l.waiting, x + 6, n.ID, n.Key, w.ID, w.Key, a.UserID}},
		{`INSERT INTO alur.skipped_triggers (id, workflow_id, key, reason, detail) VALUES ($1, $2, $3, 'trigger', 'Skipped in ` + title + `.')`, []any{x + 3, w.ID, w.Key}},
		{`INSERT INTO alur.execution_records (id, workflow_id, key, status, problem, steps, created_at, started_at, ended_at, deleted_at, why)
		  VALUES ($1, $2, $3, -2, 'Deleted in ` + title + `', 1, $4, $4, $4, $4, 'age')`, []any{x + 4, w.ID, w.Key, at}},
	} {
		if _, err := s.DB.ExecContext(ctx, insert.text, insert.args...); err != nil {
			s.t.Fatal(err)
		}
	}
	if !given {
		return l
	}
	for _, who := range leveled {
		m, err := s.Engine.AddMember(ctx, a, w.ID, engine.NewMember{UserID: s.users[who].ID, Level: auth.Level(who)})
		if err != nil {
			s.t.Fatal(err)
		}
		if who == viewer {
			l.member = m.ID
		}
	}
	return l
}

// nothing has the ids of no workflow.
var nothing = ledger{workflow: 4711, node: 4711, execution: 4711, waiting: 4711, job: 4711, member: 4711, key: "nothing", nodeKey: "nothing"}

// never is the level for what needs a right on all workflows besides.
const never auth.Level = "never"

// levelOf is what every route about workflows needs of those who do not manage all
// of them, by method and path; body is a form, or JSON for the API. An empty level
// is a list: what is in it, the other tests say.
var levelOf = map[string]struct {
	level auth.Level
	body  string // {w}, {n}, {x}, {waiting} and {key} are ids of the workflow
}{
	"GET /workflows":                                         {},
	"GET /workflows/:id":                                     {level: auth.Viewer},
	"GET /workflows/:id/rename":                              {level: auth.Editor},
	"POST /workflows/:id/rename":                             {level: auth.Editor},
	"POST /workflows/:id/enable":                             {level: auth.Editor},
	"POST /workflows/:id/copy":                               {level: never},
	"GET /workflows/:id/discard":                             {level: auth.Editor},
	"POST /workflows/:id/discard":                            {level: auth.Editor},
	"GET /workflows/:id/delete":                              {level: auth.Owner},
	"POST /workflows/:id/delete":                             {level: auth.Owner},
	"GET /workflows/:id/limits":                              {level: auth.Editor},
	"POST /workflows/:id/limits":                             {level: auth.Editor},
	"GET /workflows/:id/run":                                 {level: auth.Operator},
	"POST /workflows/:id/run":                                {level: auth.Operator},
	"POST /workflows/export":                                 {level: auth.Viewer, body: "id={w}"},
	"GET /workflows/:id/history":                             {level: auth.Editor},
	"POST /workflows/:id/history":                            {level: auth.Editor},
	"GET /workflows/:id/categories":                          {level: auth.Editor},
	"POST /workflows/:id/categories":                         {level: auth.Editor},
	"GET /workflows/:id/people":                              {level: auth.Viewer},
	"POST /workflows/:id/people":                             {level: auth.Owner},
	"POST /workflows/:id/owner":                              {level: auth.Owner},
	"GET /workflows/:id/alerts":                              {level: auth.Editor},
	"POST /workflows/:id/alerts":                             {level: auth.Editor},
	"POST /workflows/:id/people/:member":                     {level: auth.Owner},
	"POST /workflows/:id/people/:member/remove":              {level: auth.Owner},
	"GET /workflows/:id/trigger":                             {level: auth.Viewer},
	"POST /workflows/:id/trigger":                            {level: auth.Editor},
	"GET /workflows/:id/scope":                               {level: auth.Viewer},
	"GET /workflows/:id/nodes/new":                           {level: auth.Editor},
	"POST /workflows/:id/nodes":                              {level: auth.Editor},
	"GET /workflows/:id/nodes/:key":                          {level: auth.Viewer},
	"POST /workflows/:id/nodes/:key":                         {level: auth.Editor},
	"POST /workflows/:id/nodes/:key/test":                    {level: auth.Editor},
	"GET /workflows/:id/nodes/:key/delete":                   {level: auth.Editor},
	"POST /workflows/:id/nodes/:key/delete":                  {level: auth.Editor},
	"GET /workflows/:id/nodes/:key/branches/:branch/delete":  {level: auth.Editor},
	"POST /workflows/:id/nodes/:key/branches/:branch/delete": {level: auth.Editor},

	"GET /executions":                       {},
	"GET /executions/skipped":               {},
	"GET /executions/deleted":               {},
	"GET /executions/delete":                {}, // a question about ids
	"GET /executions/cancel":                {},
	"POST /executions/delete":               {level: auth.Editor, body: "id={x}"},
	"GET /executions/rerun":                 {},
	"POST /executions/rerun":                {level: auth.Operator, body: "id={x}"},
	"GET /executions/reruns/:id":            {}, // its author's
	"POST /executions/reruns/:id/stop":      {}, // the same
	"POST /executions/cancel":               {level: auth.Operator, body: "id={x}"},
	"GET /executions/:id":                   {level: auth.Viewer},
	"GET /executions/:id/trigger":           {level: auth.Viewer},
	"GET /executions/:id/trigger/data":      {level: auth.Viewer},
	"GET /executions/:id/output":            {level: auth.Viewer},
	"GET /executions/:id/output/data":       {level: auth.Viewer},
	"GET /executions/:id/nodes/:key":        {level: auth.Viewer},
	"GET /executions/:id/steps/:job":        {level: auth.Viewer},
	"GET /executions/:id/steps/:job/input":  {level: auth.Viewer},
	"GET /executions/:id/steps/:job/result": {level: auth.Viewer},
	"GET /executions/:id/events":            {level: auth.Viewer},
	"GET /attention":                        {},
	"POST /attention/dismiss":               {level: auth.Operator, body: "kind=quiet&mark=1&subject={key}"},
	"POST /attention/remind":                {level: auth.Operator, body: "execution={waiting}"},

	`POST /api/workflows\:update`:                        {level: auth.Editor, body: `{"title":"New"}`},
	`POST /api/workflows\:destroy`:                       {level: auth.Owner},
	`POST /api/workflows\:revision`:                      {level: never},
	`POST /api/workflows\:export`:                        {level: auth.Viewer},
	`POST /api/workflows\:execute`:                       {level: auth.Operator},
	`POST /api/workflows/:id/nodes\:create`:              {level: auth.Editor},
	`POST /api/workflows/:workflow/nodes\:test`:          {level: auth.Editor, body: `{"type":"calculation","config":{"engine":"math.js","expression":"1 + 1"}}`},
	`POST /api/workflows/:workflow/nodes\:update`:        {level: auth.Editor, body: `{"title":"New"}`},
	`POST /api/workflows/:workflow/nodes\:destroy`:       {level: auth.Editor},
	`POST /api/workflows/:workflow/nodes\:destroyBranch`: {level: auth.Editor},
	`POST /api/workflows/:workflow/nodes\:duplicate`:     {level: auth.Editor},
	`POST /api/workflows/:workflow/nodes\:move`:          {level: auth.Editor},
	`POST /api/workflows/:id/categories\:add`:            {level: auth.Editor, body: "[1]"},
	`POST /api/workflows/:id/categories\:set`:            {level: auth.Editor, body: "[1]"},
	`POST /api/workflows/:id/categories\:remove`:         {level: auth.Editor, body: "[1]"},
	`POST /api/workflows/:id/categories\:toggle`:         {level: auth.Editor, body: "[1]"},
	`GET /api/workflows/:id/members\:list`:               {level: auth.Viewer},
	`POST /api/workflows/:id/members\:list`:              {level: auth.Viewer},
	`POST /api/workflows/:id/members\:create`:            {level: auth.Owner},
	`POST /api/workflows/:id/members\:update`:            {level: auth.Owner, body: `{"level":"editor"}`},
	`POST /api/workflows/:id/members\:destroy`:           {level: auth.Owner},
	`POST /api/flow_nodes\:test`:                         {level: auth.Editor, body: `{"type":"calculation","workflowId":{w},"config":{"engine":"math.js","expression":"1 + 1"}}`},
	`POST /api/flow_nodes\:create`:                       {level: auth.Editor, body: `{"workflowId":{w},"type":"calculation"}`},
	`POST /api/flow_nodes\:update`:                       {level: auth.Editor, body: `{"title":"New"}`},
	`POST /api/flow_nodes\:destroy`:                      {level: auth.Editor},
	`POST /api/flow_nodes\:destroyBranch`:                {level: auth.Editor},
	`POST /api/flow_nodes\:duplicate`:                    {level: auth.Editor},
	`POST /api/flow_nodes\:move`:                         {level: auth.Editor},
	`POST /api/executions\:destroy`:                      {level: auth.Editor},
	`POST /api/executions\:cancel`:                       {level: auth.Operator},
	`POST /api/executions\:rerun`:                        {level: auth.Operator},
}

// request fills a route with the ids of l.
func (l ledger) request(r Route, body string) *http.Request {
	id := l.workflow
	if strings.HasPrefix(r.Path, "/executions/") || strings.HasPrefix(r.Path, `/api/executions\`) {
		id = l.execution
	} else if strings.HasPrefix(r.Path, `/api/flow_nodes\`) || strings.Contains(r.Path, ":workflow/nodes") {
		id = l.node
	}
	fill := func(pairs ...any) *strings.Replacer {
		texts := make([]string, len(pairs))
		for i, p := range pairs {
			texts[i] = fmt.Sprint(p)
		}
		return strings.NewReplacer(texts...)
	}
	key := l.nodeKey
	if r.API() {
		key = fmt.Sprint(l.member)
	}
	path := fill(`\:`, "\x00", ":id", id, ":workflow", l.workflow, ":member", l.member, ":branch", 2, ":key", key, ":job", l.job).Replace(r.Path)
	path = strings.ReplaceAll(path, "\x00", ":")
	if r.API() && path == strings.ReplaceAll(r.Path, `\:`, ":") { // without a key in the path
		path += fmt.Sprintf("?filterByTk=%d", id)
	} else if strings.Contains(r.Path, ":workflow/nodes") && !strings.HasSuffix(r.Path, "/:id") {
		path += fmt.Sprintf("?filterByTk=%d", l.node)
	} else if strings.HasSuffix(r.Path, `members\:update`) || strings.HasSuffix(r.Path, `members\:destroy`) {
		path += fmt.Sprintf("?filterByTk=%d", l.member)
	}
	if strings.Contains(path, "destroyBranch") {
		path += map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "branchIndex=1"
	}
	body = fill("{w}", l.workflow, "{n}", l.node, "{x}", l.execution, "{waiting}", l.waiting, "{key}", l.key).Replace(body)
	if r.Method == http.MethodGet {
		return httptest.NewRequest(r.Method, path, nil)
	}
	if !r.API() {
		form, _ := url.ParseQuery(body)
		return formRequest(path, form)
	}
	if body == "" {
		body = "{}"
	}
	req := httptest.NewRequest(r.Method, path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	return req
}

// TestLevels calls every route about workflows as viewer, operator, editor and
// owner of one: who lacks the level is refused and changes nothing, who has it is
// not refused. On the workflow of others the answer is the one for ids that do not
// exist (promises.md S3, S4).
func TestLevels(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.furnish()
	s.levelPeople()
	s.ledger("Theirs", true) // so that each has a level somewhere
	theirs := s.ledger("Secret", false)
	known := map[string]bool{}
	for _, r := range s.Table() {
		if r.Need != auth.UseWorkflows {
			continue
		}
		name := strings.TrimSuffix(strings.TrimSuffix(r.Method+" "+r.Path, "/:id"), "/:key")
		if !r.API() {
			name = r.Method + " " + r.Path
		}
		want, ok := levelOf[name]
		if known[name] = true; !ok {
			t.Errorf("%s is not in levelOf: say which level it needs", name)
		}
		if want.level == "" {
			continue
		}
		before := s.snapshot()
		for _, who := range leveled {
			stranger, missing := s.askAs(r, who, theirs, want.body), s.askAs(r, who, nothing, want.body)
			plain := func(a answer) string {
				return number.ReplaceAllString(strings.ReplaceAll(a.words(), "4711", "471147"), "ID")
			}
			if stranger.StatusCode != missing.StatusCode || plain(stranger) != plain(missing) {
				t.Errorf("%s as %s of another workflow: %d %s\nbut of what does not exist: %d %s", name, who, stranger.StatusCode, stranger.words(), missing.StatusCode, missing.words())
			}
			if stranger.StatusCode == http.StatusForbidden {
				t.Errorf("%s as %s of another workflow tells that it exists: %s", name, who, stranger.words())
			}
		}
		s.same(before, name+" by strangers")
		for _, who := range leveled {
			mine := s.ledger("Shared", true)
			before := s.snapshot()
			a := s.askAs(r, who, mine, want.body)
			if auth.Level(who).Includes(want.level) && want.level != never {
				if a.StatusCode == http.StatusForbidden || a.StatusCode == http.StatusNotFound || a.StatusCode >= 500 {
					t.Errorf("%s as %s: status %d, although it needs no more than they have: %s", name, who, a.StatusCode, a.words())
				}
				continue
			}
			if a.StatusCode != http.StatusForbidden {
				t.Errorf("%s as %s: status %d, want 403: %s", name, who, a.StatusCode, a.words())
			}
			s.same(before, name+" as "+string(who))
		}
	}
	for name := range levelOf {
		if !known[name] {
			t.Errorf("there is no route %s any more", name)
		}
	}
}

func (s *site) askAs(r Route, who role, l ledger, body string) answer {
	s.t.Helper()
	req := l.request(r, body)
	if r.Stream { // left after a while
		ctx, cancel := context.WithTimeout(s.t.Context(), 500*time.Millisecond)
		defer cancel()
		req = req.WithContext(ctx)
	}
	return s.do(who, req)
}

// TestListsOfLevels: whatever lists workflows or what they did shows those of the
// reader, to the last number, and nothing of others.
func TestListsOfLevels(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.furnish()
	s.levelPeople()
	mine, theirs := s.ledger("Shared", true), s.ledger("Secret", false)
	if _, err := s.DB.ExecContext(t.Context(), "UPDATE alur.workflows SET enabled = true"); err != nil {
		t.Fatal(err)
	}
	lists := []string{
		"/", "/workflows", "/workflows?sort=failed", "/workflows?sort=last", "/workflows?failing=true", "/workflows?q=S",
		"/executions", "/executions?state=failed&state=error", "/executions?longer=1s", "/executions?state=completed&longer=10s",
		"/executions?since=24h", "/executions/skipped", "/executions/deleted", "/attention", "/search?q=S",
		"/api/workflows:list?appends=nodes,stats,versionStats,executions", "/api/flow_nodes:list?appends=workflow",
		"/api/executions:list?appends=workflow,jobs", "/api/executions:list?sort=-createdAt&filter={\"status\":-2}",
		"/api/jobs:list?appends=execution,node", "/api/workflowManualTasks:list", "/api/workflowStats:list", "/api/workflowVersionStats:list",
	}
	for _, path := range lists {
		all := s.get(root, strings.ReplaceAll(path, `"`, "%22")).want(http.StatusOK)
		for _, who := range leveled {
			a := s.get(who, strings.ReplaceAll(path, `"`, "%22")).want(http.StatusOK)
			for name, of := range map[string]string{"title": "Secret", "key": theirs.key, "version": fmt.Sprint(theirs.workflow),
				"execution": fmt.Sprint(theirs.execution), "node": fmt.Sprint(theirs.node), "job": fmt.Sprint(theirs.job)} {
				if strings.Contains(a.Text, of) {
					t.Errorf("GET %s shows %s the %s of a workflow that is not theirs", path, who, name)
				}
			}
			if strings.Contains(all.Text, "Shared") && !strings.Contains(a.Text, "Shared") || strings.Contains(all.Text, fmt.Sprint(mine.workflow)) && !strings.Contains(a.Text, fmt.Sprint(mine.workflow)) {
				t.Errorf("GET %s does not show %s their own workflow:\n%s", path, who, a.words())
			}
		}
	}
	for _, path := range []string{"/executions?workflow=" + theirs.key, "/executions/skipped?workflow=" + theirs.key, "/executions/deleted?workflow=" + theirs.key} {
		missing := s.get(owner, strings.ReplaceAll(path, theirs.key, "nothing")).want(http.StatusOK)
		if a := s.get(owner, path).want(http.StatusOK); strings.ReplaceAll(a.words(), theirs.key, "nothing") != missing.words() {
			t.Errorf("GET %s differs from that of no workflow:\n%s\n%s", path, a.words(), missing.words())
		}
	}
	figure := s.get(viewer, "/").want(http.StatusOK)
	if !strings.Contains(figure.Text, "Shared") {
		t.Errorf("the start page shows no run of the reader's:\n%s", figure.words())
	}
	for _, name := range []string{"workflows", "flow_nodes", "jobs", "workflowManualTasks"} {
		a := s.postJSON(viewer, "/api/"+name+":query", `{"measures": [{"field": "id", "aggregation": "count", "alias": "n"}]}`).want(http.StatusOK)
		if !strings.Contains(a.Text, `"n":1`) {
			t.Errorf("%s:query does not count the one of the reader's: %s", name, a.Text)
		}
	}
	if a := s.get(viewer, "/api/executions:list").want(http.StatusOK); !strings.Contains(a.Text, `"count":2,`) {
		t.Errorf("executions:list does not count the two of the reader's: %s", a.words())
	}
}

// TestNamesOnly: who may see which workflows there are sees their names, and only
// with a level what they do.
func TestNamesOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.furnish()
	s.levelPeople()
	theirs := s.ledger("Secret", false)
	seen := s.ledger("Shared", false)
	s.mustGive(seen, custom, auth.Viewer)
	list := s.get(custom, "/workflows").want(http.StatusOK)
	if row := list.find(fmt.Sprintf("#w-%d", theirs.workflow)); !strings.Contains(row, "Secret") || !strings.Contains(row, "Off") {
		t.Errorf("the row says %q", row)
	}
	if list.doc().Find(fmt.Sprintf("#w-%d a", theirs.workflow)).Length() != 0 {
		t.Error("the row leads to what they may not see")
	}
	if list.doc().Find(fmt.Sprintf("#w-%d a", seen.workflow)).Length() == 0 {
		t.Error("the row of a workflow that they may see leads nowhere")
	}
	for path, shows := range map[string]bool{"/workflows?q=Secret": true, "/workflows?q=orders": false, "/workflows?q=Hidden": false, "/workflows?failing=true": false} {
		a := s.get(custom, path).want(http.StatusOK)
		if found := a.doc().Find(fmt.Sprintf("#w-%d", theirs.workflow)).Length() > 0; found != shows {
			t.Errorf("GET %s finds the workflow: %t", path, found)
		}
	}
	if a := s.get(custom, "/search?q=Secret").want(http.StatusOK); !strings.Contains(a.words(), "Secret") || strings.Contains(a.Text, fmt.Sprint(theirs.workflow)) {
		t.Errorf("the search says %s", a.words())
	}
	for path, config := range map[string]string{
		fmt.Sprintf("/api/workflows:get/%d?appends=nodes,executions,stats", theirs.workflow): "null",
		fmt.Sprintf("/api/workflows:get/%d?appends=nodes,executions,stats", seen.workflow):   `{"mode":1,"collection":"orders"}`,
	} {
		a := s.get(custom, path).want(http.StatusOK)
		var got struct {
			Data struct {
				Title             string
				Config            json.RawMessage
				Nodes, Executions []any
				Stats             any
			}
		}
		if err := json.Unmarshal([]byte(a.Text), &got); err != nil {
			t.Fatal(err)
		}
		d := got.Data
		if hidden := config == "null"; d.Title == "" || (string(d.Config) == "null") != hidden || (len(d.Nodes) == 0) != hidden || (len(d.Executions) == 0) != hidden || (d.Stats == nil) != hidden {
			t.Errorf("GET %s: %s", path, a.Text)
		}
	}
	for _, filter := range []string{`{"config":{"$ne":null}}`, `{"nodes":{"title":{"$includes":"Hidden"}}}`, `{"executions":{"status":-2}}`, `{"triggerTitle":{"$ne":""}}`} {
		a := s.get(custom, "/api/workflows:list?"+url.Values{"filter": {filter}}.Encode()).want(http.StatusOK)
		if strings.Contains(a.Text, "Secret") {
			t.Errorf("the filter %s tells what is hidden: %s", filter, a.words())
		}
	}
	for _, path := range []string{"", "/trigger", "/people", "/history"} {
		s.get(custom, fmt.Sprintf("/workflows/%d%s", theirs.workflow, path)).want(http.StatusNotFound)
	}
}

// mustGive gives a workflow to somebody.
func (s *site) mustGive(l ledger, who role, level auth.Level) engine.Member {
	s.t.Helper()
	m, err := s.Engine.AddMember(s.t.Context(), auth.System, l.workflow, engine.NewMember{UserID: s.users[who].ID, Level: level})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Auth.Forget("") // as a process does that hears of it
	return m
}

// TestPeoplePage adds, changes and removes people without JavaScript.
func TestPeoplePage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.furnish()
	s.levelPeople()
	l := s.ledger("Shared", true)
	path := fmt.Sprintf("/workflows/%d/people", l.workflow)
	if a := s.get(viewer, path).want(http.StatusOK); a.doc().Find("main form").Length() != 0 || !strings.Contains(a.find("#people"), "Rita Root") {
		t.Errorf("a viewer sees %s", a.words())
	}
	if said := s.get(owner, path).want(http.StatusOK).find("#managers"); !strings.Contains(said, "“Administrator”") {
		t.Errorf("of those who manage all workflows it says %q", said)
	}
	a := s.post(owner, path, url.Values{"who": {fmt.Sprintf("user:%d", s.users[custom].ID)}, "level": {"editor"}}).want(http.StatusSeeOther)
	if said := s.toast(owner, a); !strings.Contains(said, "Cleo Custom may use this workflow now, as editor.") {
		t.Errorf("the notice is %q", said)
	}
	s.post(owner, path, url.Values{"who": {"role:desk"}, "level": {"viewer"}}).want(http.StatusSeeOther)
	page := s.get(owner, path).want(http.StatusOK)
	if page.find("#people tbody tr:last-child .tag") != "Role" {
		t.Errorf("the list is %s", page.find("#people"))
	}
	if page.doc().Find(`option[value="role:desk"]`).Length() != 0 {
		t.Error("who is in the list is offered again")
	}
	again := s.post(owner, path, url.Values{"who": {"role:desk"}, "level": {"owner"}}).want(http.StatusUnprocessableEntity)
	if said := again.find("#f-who-error"); !strings.Contains(said, "in the list already") {
		t.Errorf("twice: %q", said)
	}
	if again.doc().Find(`input[name=level][value=owner][checked]`).Length() == 0 {
		t.Error("what was typed is lost")
	}
	member := fmt.Sprintf("%s/%d", path, l.member)
	s.post(owner, member, url.Values{"level": {"operator"}}).want(http.StatusSeeOther)
	if got := s.get(owner, path).find(fmt.Sprintf("#member-%d option[selected]", l.member)); got != "Operator" {
		t.Errorf("after the change it shows %q", got)
	}
	s.post(owner, member+"/remove", nil).want(http.StatusSeeOther)
	s.Auth.Forget("")
	s.get(viewer, path).want(http.StatusForbidden) // they have no workflow left
	list, err := s.Engine.Members(t.Context(), auth.System, l.workflow)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []engine.Member{list[1], list[0]} { // root, then the owner
		a := s.post(owner, fmt.Sprintf("%s/%d/remove", path, m.ID), nil)
		if m.Name == "Person owner" {
			a.want(http.StatusConflict)
			if !strings.Contains(a.find(".alert"), "last owner") {
				t.Errorf("the last owner is told %q", a.find(".alert"))
			}
			continue
		}
		a.want(http.StatusSeeOther)
	}
	log := s.get(root, "/audit").want(http.StatusOK)
	for _, line := range []string{
		"Made Cleo Custom an editor of the workflow “Shared”.", "Made the role “Front desk” a viewer of the workflow “Shared”.",
		"Made Person viewer an operator of the workflow “Shared”, before viewer.", "Took the workflow “Shared” from Person viewer, who was an operator of it.",
	} {
		if !strings.Contains(log.words(), line) && !strings.Contains(log.Text, line) {
			t.Errorf("the audit log does not say: %s", line)
		}
	}
}

// TestButtonsOfEachWorkflow: what helps shows beside what the reader may do it for,
// though they may see more.
func TestButtonsOfEachWorkflow(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.furnish()
	s.levelPeople()
	l, seen := s.ledger("Shared", true), s.ledger("Seen", false)
	person := s.users[operator].ID
	if _, err := s.Engine.AddMember(t.Context(), s.users[root].Actor(), seen.workflow, engine.NewMember{UserID: person, Level: auth.Viewer}); err != nil {
		t.Fatal(err)
	}
	doc := s.get(operator, "/attention").want(http.StatusOK).doc()
	for id, want := range map[int64]int{l.execution: 1, seen.execution: 0} {
		item := doc.Find(fmt.Sprintf("#failed-%d", id))
		if got := item.Find("[action='/attention/dismiss']").Length(); item.Length() != 1 || got != want {
			t.Errorf("%d items of execution %d with %d buttons to dismiss, want one with %d", item.Length(), id, got, want)
		}
	}
	for id, want := range map[int64]string{l.workflow: "View and operate", seen.workflow: "View only"} {
		if got := s.get(operator, fmt.Sprintf("/workflows/%d", id)).want(http.StatusOK).doc().Find("#toolbar .tag").Text(); got != want {
			t.Errorf("the editor says %q, want %q", got, want)
		}
	}
}

// TestButtonsOfLevels: pages offer what the reader may do, and nothing else.
func TestButtonsOfLevels(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.furnish()
	s.levelPeople()
	l := s.ledger("Shared", true)
	editorPage, ended, waiting := fmt.Sprintf("/workflows/%d", l.workflow), fmt.Sprintf("/executions/%d", l.execution), fmt.Sprintf("/executions/%d", l.waiting)
	for _, tc := range []struct {
		path, selector string
		least          auth.Level
	}{
		{"/workflows", ".switch-form", auth.Editor},
		{"/workflows", `[href$="/rename"]`, auth.Editor},
		{"/workflows", `[href$="/delete"]`, auth.Owner},
		{"/workflows", `[href$="/people"]`, auth.Viewer},
		{editorPage, ".switch-form", auth.Editor},
		{editorPage, `[href$="/run"]`, auth.Operator},
		{editorPage, `[href$="/limits"]`, auth.Editor},
		{editorPage, fmt.Sprintf(`[href="%s/delete"]`, editorPage), auth.Owner},
		{editorPage, `[href*="/nodes/new"]`, auth.Editor},
		{editorPage + "/trigger", "fieldset.drawer-fields:not([disabled])", auth.Editor},
		{"/executions", "#bulk", auth.Operator},
		{"/executions", "[name=id]", auth.Operator},
		{"/executions", `#bulk [hx-get="/executions/delete"]`, auth.Editor},
		{ended, `[href^="/executions/delete"]`, auth.Editor},
		{waiting, `[href^="/executions/cancel"]`, auth.Operator},
		{ended, `[href^="/executions/rerun"]`, auth.Operator},
		{ended, "#execution-menu", auth.Operator},
		{"/attention", `[action="/attention/dismiss"]`, auth.Operator},
	} {
		for _, who := range leveled {
			there := s.get(who, tc.path).want(http.StatusOK).doc().Find("main "+tc.selector).Length() > 0
			if there != auth.Level(who).Includes(tc.least) {
				t.Errorf("GET %s shows %s to %s: %t", tc.path, tc.selector, who, there)
			}
		}
	}
}
