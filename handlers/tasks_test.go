package handlers

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"alur/engine/auth"
	"alur/engine/collection"
	"alur/engine/link"
	"alur/engine/pg"
	"alur/engine/task"
)

var purchase = task.Ask{
	Summary: "The old one is from 2019.",
	Facts:   []task.Fact{{Label: "What", Value: "Laptop 14″"}, {Label: "Needed on", Value: "2026-11-30"}},
	Forms: []task.Form{{Key: "f1",
		Fields: []task.Field{
			{Name: "comment", Title: "Comment", Kind: task.LongText, RequiredFor: []string{"no"}},
			{Name: "center", Title: "Cost center", Kind: task.Choice, Choices: []task.Option{{Value: "4120", Label: "Sales north"}, {Value: "4130", Label: "Sales south"}}, Default: "4130"},
			{Name: "amount", Title: "Amount", Kind: task.Number},
			{Name: "until", Title: "Buy until", Kind: task.Date},
			{Name: "urgent", Title: "Urgent", Kind: task.YesNo},
		},
		Actions: []task.Action{{Key: "no", Title: "Reject", Status: task.Rejected}, {Key: "ok", Title: "Approve", Status: task.Passed}, {Key: "save", Title: "Save", Status: task.Open}},
	}},
}

// ask makes an execution that waits for a decision and returns the tasks in
// the order of those who are asked.
func (s *site) ask(who ...role) []int64 {
	s.t.Helper()
	execution, job := s.Tasks.IDs.Next(), s.Tasks.IDs.Next()
	var assignees []int64
	for _, w := range who {
		assignees = append(assignees, s.users[w].ID)
	}
	err := s.DB.Tx(s.t.Context(), pg.RepeatableRead, func(tx *pg.Tx) error {
		for _, q := range []string{
			`INSERT INTO alur.workflows (id, key, title, type) VALUES (10, 'purchase', 'Purchase', 'collection') ON CONFLICT DO NOTHING`,
			fmt.Sprintf(`INSERT INTO alur.executions (id, workflow_id, key, context, status, created_by, started_at) VALUES (%d, 10, 'purchase', '{}', 0, %d, now())`, execution, s.users[root].ID),
			fmt.Sprintf(`INSERT INTO alur.jobs (id, execution_id, node_id, node_key, status, started_at) VALUES (%d, %d, 11, 'n1', 0, now())`, job, execution),
		} {
			if _, err := tx.ExecContext(s.t.Context(), q); err != nil {
				return err
			}
		}
		return s.Tasks.Create(s.t.Context(), tx, task.New{ExecutionID: execution, JobID: job, NodeID: 11, NodeKey: "n1",
			WorkflowID: 10, WorkflowKey: "purchase", Title: "Laptop 1,290 € for Bob", Assignees: assignees, Ask: purchase})
	})
	if err != nil {
		s.t.Fatal(err)
	}
	var ids []int64
	if err := s.DB.SelectContext(s.t.Context(), &ids, `SELECT id FROM alur.tasks WHERE job_id = $1 ORDER BY id`, job); err != nil {
		s.t.Fatal(err)
	}
	return ids
}

var mailLink = regexp.MustCompile(`https?://alur\.test(/links/(` + link.Prefix + `[0-9A-Za-z]+)[^\s"]*)`)

// linksTo returns the paths of all links in the newest mail to somebody, and
// their token.
func (s *site) linksTo(who role) (paths []string, token string) {
	s.t.Helper()
	var text string
	err := s.DB.GetContext(s.t.Context(), &text, `SELECT text_body || html_body FROM alur.mails WHERE to_address = $1 ORDER BY id DESC LIMIT 1`, s.users[who].Email)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, m := range mailLink.FindAllStringSubmatch(text, -1) {
		paths, token = append(paths, strings.ReplaceAll(m[1], "&amp;", "&")), m[2]
	}
	if len(paths) < 2 {
		s.t.Fatalf("no links in %s", text)
	}
	return paths, token
}

func TestTaskPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.ask(member, admin)[0]
	path := fmt.Sprintf("/tasks/%d", id)
	list := s.get(member, "/tasks").want(http.StatusOK)
	if got := list.find(".task a"); got != "Laptop 1,290 € for Bob" {
		t.Errorf("the list shows %q", got)
	}
	if got := list.find(".tabs .count"); got != "1" {
		t.Errorf("the tab counts %q", got)
	}
	page := s.get(member, path).want(http.StatusOK)
	for selector, want := range map[string]string{
		".panes[data-open] #task-title":             "Laptop 1,290 € for Bob",
		".facts":                                    "WhatLaptop 14″Needed on30 Nov 2026",
		"label[for^=f-f1-v-comment]":                "Comment needed to reject",
		"label[for^=f-f1-v-amount]":                 "Amount optional",
		".decide .btn-primary":                      "Approve",
		".decide .btn-danger":                       "Reject",
		`select option[selected]`:                   "Sales south",
		`.pane-detail .muted.small span:last-child`: "Rita Root asked just now · one of Mia Member, Ann Admin decides",
	} {
		if got := page.find(selector); got != want {
			t.Errorf("%s shows %q, want %q", selector, got, want)
		}
	}
	bad := s.post(member, path, url.Values{"form": {"f1"}, "action": {"no"}, "v.amount": {"much"}, "v.center": {"4120"}}).want(http.StatusUnprocessableEntity)
	if got := bad.find("[id^=f-f1-v-comment][id$=error]"); got != "Fill this in to press “Reject”." {
		t.Errorf("beside the comment stands %q", got)
	}
	if got := bad.find("[id^=f-f1-v-amount][id$=error]"); got != "Write a number, such as 12.5." {
		t.Errorf("beside the amount stands %q", got)
	}
	if bad.doc().Find(`input[name="v.amount"][value=much]`).Length() != 1 || bad.find("select option[selected]") != "Sales north" {
		t.Error("what was typed is gone")
	}
	saved := s.post(member, path, url.Values{"form": {"f1"}, "action": {"save"}, "v.amount": {"7.5"}}).want(http.StatusSeeOther)
	if got := s.toast(member, saved); !strings.Contains(got, "Nothing is decided yet") {
		t.Errorf("after saving the page says %q", got)
	}
	if s.get(member, path).doc().Find(`input[name="v.amount"][value="7.5"]`).Length() != 1 {
		t.Error("what was saved is gone")
	}
	decided := s.post(member, path, url.Values{"form": {"f1"}, "action": {"ok"}, "v.comment": {"fine"}, "v.urgent": {"true"}}).want(http.StatusSeeOther)
	if decided.Header.Get("Location") != "/tasks" || !strings.Contains(s.toast(member, decided), "Approved: Laptop") {
		t.Errorf("after deciding: %s, %q", decided.Header.Get("Location"), s.toast(member, decided))
	}
	if got := s.get(member, "/tasks").find(".empty h2"); got != "Nothing to do" {
		t.Errorf("the empty list says %q", got)
	}
	if got := s.get(member, "/tasks?show=done").find(".task"); !strings.Contains(got, "Approved") {
		t.Errorf("the done list shows %q", got)
	}
	again := s.post(member, path, url.Values{"form": {"f1"}, "action": {"no"}, "v.comment": {"no"}}).want(http.StatusConflict)
	if got := again.find(".alert[data-state=completed]"); !strings.Contains(got, "You approved this on") {
		t.Errorf("the second decision is answered %q", got)
	}
}

func TestTaskOfOthers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.ask(admin)[0]
	path := fmt.Sprintf("/tasks/%d", id)
	before := s.snapshot()
	s.get(member, path).want(http.StatusNotFound)
	s.post(member, path, url.Values{"action": {"ok"}}).want(http.StatusNotFound)
	page := s.get(root, path).want(http.StatusOK)
	if !strings.Contains(page.Text, "Only Ann Admin can decide this task") || page.doc().Find("article form").Length() != 0 {
		t.Error("a manager is offered somebody else's decision")
	}
	s.post(root, path, url.Values{"action": {"ok"}}).want(http.StatusUnprocessableEntity)
	s.get(member, "/tasks/x").want(http.StatusNotFound)
	s.same(before, "what others did")
}

// Mail scanners fetch every link of a mail, several times, often before the
// person reads it. Nothing may come of that (ux.md §3, point 10).
func TestScannersChangeNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.ask(member, admin)
	before := s.snapshot()
	for _, who := range []role{member, admin} {
		paths, _ := s.linksTo(who)
		for _, path := range paths {
			for i := range 20 {
				for _, method := range []string{http.MethodGet, http.MethodHead} {
					r := httptest.NewRequest(method, path, nil)
					r.Header.Set("User-Agent", []string{"Mozilla/5.0 (compatible; SafeLinks)", "", "Mozilla/5.0 HeadlessChrome/120.0"}[i%3])
					if i%2 == 0 {
						r.Header.Set("Sec-Purpose", "prefetch")
					}
					s.do(nobody, r).want(http.StatusOK)
				}
			}
		}
	}
	s.same(before, "a scanner")
}

func TestMailedLink(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var logged bytes.Buffer
	s.Log = slog.New(slog.NewJSONHandler(&logged, nil))
	s.ask(member, admin)
	paths, token := s.linksTo(member)
	_, others := s.linksTo(admin)
	page := s.get(nobody, paths[1]).want(http.StatusOK)
	for name, want := range map[string]string{"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"} {
		if got := page.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for selector, want := range map[string]string{
		".decision-as b":      "Mia Member",
		"main h1":             "Laptop 1,290 € for Bob",
		".two .btn-primary":   "Reject", // pressed in the mail
		".two":                "RejectApproveSave",
		"form > p:has(b)":     "You chose Reject in the mail. Press the button to decide.",
		`meta[name="robots"]`: "",
	} {
		if got := page.find(selector); got != want {
			t.Errorf("%s shows %q, want %q", selector, got, want)
		}
	}
	path := "/links/" + token
	bad := s.post(nobody, path, url.Values{"form": {"f1"}, "action": {"no"}}).want(http.StatusUnprocessableEntity)
	if got := bad.find(".alert"); !strings.Contains(got, "Nothing is decided yet.") {
		t.Errorf("a refused decision is answered %q", got)
	}
	r := formRequest(path, url.Values{"form": {"f1"}, "action": {"ok"}, "v.comment": {"from the train"}})
	r.Header.Set("User-Agent", "Mozilla/5.0 (Android 14; Mobile; rv:130.0) Gecko/130.0 Firefox/130.0")
	r.RemoteAddr = "10.2.3.4:999"
	s.do(nobody, r).want(http.StatusSeeOther)
	page = s.get(nobody, path).want(http.StatusOK)
	if got := page.find(".outcome"); !strings.HasPrefix(got, "ApprovedYou approved this on") ||
		!strings.Contains(got, "Decided byMia MemberThroughMail link, Firefox on Android, 10.2.3.4Commentfrom the train") {
		t.Errorf("afterwards the link shows %q", got)
	}
	before := s.snapshot()
	again := s.post(nobody, path, url.Values{"form": {"f1"}, "action": {"no"}, "v.comment": {"no"}}).want(http.StatusConflict)
	if got := again.find(".outcome h1"); got != "Approved" {
		t.Errorf("a second decision is answered %q", got)
	}
	other := s.get(nobody, "/links/"+others+"?a=ok").want(http.StatusOK)
	if got := other.find(".outcome"); !strings.HasPrefix(got, "Already approvedMia Member approved this on") {
		t.Errorf("the other person's link shows %q", got)
	}
	if other.doc().Find("form").Length() != 0 {
		t.Error("a decided task still has a form")
	}
	s.get(nobody, "/links/alur_lnk_nothing").want(http.StatusNotFound)
	s.post(nobody, "/links/"+token[:len(token)-1], url.Values{"action": {"ok"}}).want(http.StatusNotFound)
	s.same(before, "asking again")
	for _, secret := range []string{token, others, token[len(link.Prefix):]} {
		if strings.Contains(logged.String(), secret) {
			t.Error("a token stands in the log")
		}
	}
	if !strings.Contains(logged.String(), `"path":"/links/***"`) {
		t.Errorf("requests are not logged: %s", logged.String())
	}
}

// Another site cannot make a browser decide.
func TestLinkCrossOrigin(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.ask(member)
	_, token := s.linksTo(member)
	before := s.snapshot()
	for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		r := formRequest("/links/"+token, url.Values{"form": {"f1"}, "action": {"ok"}})
		r.Header.Set(header[0], header[1])
		s.do(nobody, r).want(http.StatusForbidden)
	}
	s.same(before, "another site")
}

func TestLinkExpired(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.ask(member)
	_, old := s.linksTo(member)
	_, err := s.DB.ExecContext(t.Context(), `UPDATE alur.links SET created_at = created_at - interval '14 days', expires_at = created_at`)
	if err != nil {
		t.Fatal(err)
	}
	page := s.get(nobody, "/links/"+old+"?a=ok").want(http.StatusOK)
	if page.doc().Find(".facts, button[name=action]").Length() != 0 || page.find(".decision .btn-primary") != "Sign in to decide" {
		t.Errorf("an expired link shows %q", page.find("main"))
	}
	s.post(nobody, "/links/"+old, url.Values{"form": {"f1"}, "action": {"ok"}}).want(http.StatusGone)
	s.post(nobody, "/links/"+old+"/fresh", nil).want(http.StatusSeeOther)
	_, fresh := s.linksTo(member)
	if fresh == old {
		t.Fatal("no fresh link was mailed")
	}
	if got := s.get(nobody, "/links/"+old).want(http.StatusOK).find("main"); !strings.Contains(got, "A newer mail has replaced this link.") {
		t.Errorf("a superseded link shows %q", got)
	}
	s.post(nobody, "/links/"+fresh, url.Values{"form": {"f1"}, "action": {"ok"}}).want(http.StatusSeeOther)
	if got := s.get(nobody, "/links/"+old).want(http.StatusOK).find(".outcome h1"); got != "Approved" {
		t.Errorf("the superseded link of a decided task shows %q", got)
	}
	s.post(nobody, "/links/"+old+"/fresh", nil).want(http.StatusSeeOther)
	if _, last := s.linksTo(member); last != fresh {
		t.Error("a link was mailed for a decided task")
	}
}

// Of 32 decisions that come in at once, by page, API and mailed link, one wins.
func TestOneDecisionWins(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for round := range 4 {
		ids := s.ask(member, admin)
		_, token := s.linksTo(member)
		var wg sync.WaitGroup
		codes := make(chan int, 32)
		for i := range 32 {
			form := url.Values{"form": {"f1"}, "action": {[]string{"ok", "no"}[i/4%2]}, "v.comment": {fmt.Sprint(i)}}
			wg.Go(func() {
				switch i % 4 {
				case 0:
					codes <- s.post(member, fmt.Sprintf("/tasks/%d", ids[0]), form).StatusCode
				case 1:
					codes <- s.post(admin, fmt.Sprintf("/tasks/%d", ids[1]), form).StatusCode
				case 2:
					codes <- s.post(nobody, "/links/"+token, form).StatusCode
				default:
					codes <- s.postJSON(admin, fmt.Sprintf("/api/workflowManualTasks:submit/%d", ids[1]), `{"result":{"f1":{},"_":"ok"}}`).StatusCode
				}
			})
		}
		wg.Wait()
		close(codes)
		won := 0
		for code := range codes {
			switch code {
			case http.StatusSeeOther, http.StatusAccepted:
				won++
			case http.StatusConflict, http.StatusBadRequest: // 400: the API found it closed before it tried
			default:
				t.Errorf("round %d: a loser got status %d", round, code)
			}
		}
		if won != 1 {
			t.Fatalf("round %d: %d winners", round, won)
		}
	}
}

func TestTasksAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id := s.ask(member)[0]
	submit := fmt.Sprintf("/api/workflowManualTasks:submit/%d", id)
	list := s.get(member, "/api/workflowManualTasks:listMine?pageSize=1&filter="+url.QueryEscape(`{"status":0}`)).want(http.StatusOK)
	if !strings.Contains(list.Text, fmt.Sprintf(`"id":%d`, id)) || !strings.Contains(list.Text, `"meta":{"hasNext":false,"page":1,"pageSize":1}`) {
		t.Errorf("listMine answers %s", list.Text)
	}
	s.get(member, fmt.Sprintf("/api/workflowManualTasks:get/%d", id)).want(http.StatusOK)
	s.get(member, fmt.Sprintf("/api/workflowManualTasks:get?filterByTk=%d", id)).want(http.StatusOK)
	s.get(admin, fmt.Sprintf("/api/workflowManualTasks:get/%d", id)).want(http.StatusOK)
	stranger := s.ask(admin)[0]
	s.get(member, fmt.Sprintf("/api/workflowManualTasks:get/%d", stranger)).want(http.StatusNotFound)
	before := s.snapshot()
	for _, tc := range []struct {
		name, path, body string
		who              role
		status           int
		words            string
	}{
		{"not signed in", submit, `{"result":{"f1":{},"_":"ok"}}`, nobody, 401, "Sign in"},
		{"unknown", "/api/workflowManualTasks:submit/12", `{"result":{"f1":{},"_":"ok"}}`, member, 404, "no such task"},
		{"no button", submit, `{"result":{"f1":{}}}`, member, 400, "pressed button"},
		{"unknown form", submit, `{"result":{"f9":{},"_":"ok"}}`, member, 400, "no form"},
		{"unknown button", submit, `{"result":{"f1":{},"_":"x"}}`, member, 400, "buttons"},
		{"no object", submit, `{"result":{"f1":7,"_":"ok"}}`, member, 400, "one form"},
		{"two forms", submit, `{"result":{"f1":{},"f2":{},"_":"ok"}}`, member, 400, "one form"},
		{"field", submit, `{"result":{"f1":{"amount":"x"},"_":"ok"}}`, member, 400, `"field":"amount"`},
		{"somebody else's", submit, `{"result":{"f1":{},"_":"ok"}}`, admin, 403, "somebody else"},
		{"stranger", fmt.Sprintf("/api/workflowManualTasks:submit/%d", stranger), `{"result":{"f1":{},"_":"ok"}}`, member, 403, "somebody else"},
	} {
		a := s.postJSON(tc.who, tc.path, tc.body)
		if a.StatusCode != tc.status || !strings.Contains(a.Text, tc.words) {
			t.Errorf("%s: %d %s, want %d with %q", tc.name, a.StatusCode, a.Text, tc.status, tc.words)
		}
	}
	s.same(before, "refused submissions")
	a := s.postJSON(member, submit, `{"result":{"f1":{"amount":12.5,"center":"4120"},"_":"ok"}}`).want(http.StatusAccepted)
	if !strings.Contains(a.Text, `"status":1`) || !strings.Contains(a.Text, `"amount":12.5`) {
		t.Errorf("submit answers %s", a.Text)
	}
	s.postJSON(member, submit, `{"result":{"f1":{},"_":"ok"}}`).want(http.StatusBadRequest)
}

func TestOutboxPages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.ask(member)
	list := s.get(admin, "/outbox").want(http.StatusOK)
	if got := list.find("tbody tr"); !strings.HasPrefix(got, "Approve: Laptop 1,290 € for Bob Mia Member, member@alur.testKept here") {
		t.Errorf("the list shows %q", got)
	}
	if got := list.find(".alert"); !strings.Contains(got, "no mail server yet") {
		t.Errorf("without a mail server the page says %q", got)
	}
	if got := s.get(admin, "/outbox?q=nothing").find(".empty h2"); got != "No mail found" {
		t.Errorf("an empty search says %q", got)
	}
	path, _ := list.doc().Find("tbody a").Attr("href")
	mail := s.get(admin, path).want(http.StatusOK)
	paths, _ := s.linksTo(member)
	var links []string
	mail.doc().Find(".mail-text a").Each(func(_ int, a *goquery.Selection) { links = append(links, a.AttrOr("href", "")) })
	if !slices.Contains(links, "http://alur.test"+paths[0]) || !slices.ContainsFunc(links, func(l string) bool { return strings.Contains(l, "/tasks/") }) {
		t.Errorf("the mail's links are %v", links)
	}
	if _, err := s.DB.ExecContext(t.Context(), `UPDATE alur.mails SET status = 'failed', attempts = 8, error = '550 no such user'`); err != nil {
		t.Fatal(err)
	}
	if got := s.get(admin, path).find(".alert"); got != "550 no such user" {
		t.Errorf("a failed mail says %q", got)
	}
	s.post(admin, path+"/send", nil).want(http.StatusSeeOther)
	s.post(admin, path+"/send", nil).want(http.StatusConflict)
	s.get(member, "/outbox").want(http.StatusForbidden)
	s.get(admin, "/outbox/x").want(http.StatusNotFound)
}

func TestTaskDue(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.ask(member)
	if _, err := s.DB.ExecContext(t.Context(), `UPDATE alur.executions SET expires_at = $1`, time.Now().Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	if got := s.get(member, "/tasks").find(".task .due-late"); !strings.HasPrefix(got, "Overdue since") {
		t.Errorf("an overdue task shows %q", got)
	}
	if n, err := s.Tasks.Pending(t.Context(), auth.Actor{UserID: s.users[member].ID, Role: auth.Member}); err != nil || n != 1 {
		t.Errorf("Pending: %d, %v", n, err)
	}
}

// The leave requests of the sample application, decided from the mail: the
// workflow goes on in the transaction of the decision and changes the record.
func TestLeaveFromMail(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{"approve": "approved", "refuse": "refused"} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			if err := s.Samples.Install(t.Context(), s.users[root].Actor(), "leave"); err != nil {
				t.Fatal(err)
			}
			s.record("leaveRequests", collection.Record{"employee": s.first("employees"), "firstDay": "2030-07-01", "lastDay": "2030-07-05", "reason": "Summer"})
			s.work()
			paths, token := s.linksTo(root)
			page := s.get(nobody, paths[0]).want(http.StatusOK)
			if got := page.find(".facts"); !strings.Contains(got, "First day1 Jul 2030") || !strings.Contains(got, "Working days5") {
				t.Errorf("the page shows %q", got)
			}
			s.post(nobody, "/links/"+token, url.Values{"form": {"decision"}, "action": {answer}, "v.note": {"From the train."}}).want(http.StatusSeeOther)
			s.work()
			r, err := s.Records.First(t.Context(), s.DB, collection.Access{Actor: auth.System}, "leaveRequests", collection.Query{Sort: []string{"-id"}, Appends: []string{"employee"}})
			if err != nil || r["status"] != want || r["note"] != "From the train." {
				t.Errorf("the request is %v (%v), want it %s", r, err, want)
			}
			var ended int
			if err := s.DB.GetContext(t.Context(), &ended, `SELECT status FROM alur.executions`); err != nil || ended != 1 {
				t.Errorf("the execution ended with %d (%v)", ended, err)
			}
		})
	}
}
