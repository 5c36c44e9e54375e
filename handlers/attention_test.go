package handlers

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"alur/engine/collection"
	"alur/engine/mail"
)

// press sends the first form that matches, as the browser would.
func (s *site) press(who role, path, selector string) answer {
	s.t.Helper()
	form := s.get(who, path).want(http.StatusOK).doc().Find(selector).First()
	if form.Length() == 0 {
		s.t.Fatalf("no %s on %s", selector, path)
	}
	values := url.Values{}
	for _, in := range form.Find("input").EachIter() {
		values.Set(in.AttrOr("name", ""), in.AttrOr("value", ""))
	}
	return s.post(who, form.AttrOr("action", ""), values)
}

func TestAttentionEmpty(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for kind, a := range map[string]answer{"page": s.get(admin, "/attention"), "fragment": s.part(admin, "/attention")} {
		if got := a.want(http.StatusOK).find("#h-well"); got != "Nothing needs attention" {
			t.Errorf("the %s says %q", kind, got)
		}
		if n := a.doc().Find(".facts dt").Length(); n != 9 {
			t.Errorf("the %s names %d things that are watched, want 9", kind, n)
		}
		if (a.doc().Find("nav.nav").Length() == 0) != (kind == "fragment") {
			t.Errorf("the %s has the wrong frame", kind)
		}
	}
	if n := s.get(admin, "/").doc().Find("#h-attention, .nav-count-bad").Length(); n != 0 {
		t.Error("the start page says that something is wrong")
	}
	if n := s.get(member, "/").doc().Find("a[href='/attention']").Length(); n != 0 {
		t.Error("a member is led to what they may not see")
	}
}

// TestAttentionPage shows one of each kind, as page and fragment, and presses
// the buttons.
func TestAttentionPage(t *testing.T) {
	t.Parallel()
	ahead := 9 * 24 * time.Hour // so that what happens now was long ago
	s := &shop{site: newSite(t, func(s *Server) { s.MailSent = true })}
	s.broke()
	real := s.Engine.Now
	s.Server.Now = func() time.Time { return real().Add(ahead) }
	s.Engine.Now = s.Server.Now
	s.Tasks.Now, s.Outbox.Now = s.Server.Now, s.Server.Now
	s.Auth.Now = real // sessions go on

	said := map[string]string{}
	for _, li := range s.get(admin, "/attention").want(http.StatusOK).doc().Find("#attention li").EachIter() {
		id := strings.TrimRight(li.AttrOr("id", ""), "0123456789")
		buttons := li.Find(".acts a, .acts button").Map(func(_ int, b *goquery.Selection) string { return strings.TrimSpace(b.Text()) })
		said[id] = strings.Join(strings.Fields(li.Find(".list-main").Text()), " ") + " [" + strings.Join(buttons, ", ") + "]"
	}
	for id, want := range map[string][]string{
		"no-worker":    {"No process runs workflows", "4 executions wait and nobody takes them. Start alur serve or alur worker.", "[Show what waits]"},
		"queue-":       {"Orders and stock: 4 executions wait", "The oldest for 9 days. None was begun within the last ten seconds.", "[Show what waits]"},
		"failed-":      {"Orders and stock failed 2 times at “Confirm order”", "status: Choose one of the offered values.", "[Dismiss, Open failed step]"},
		"stuck-":       {"Orders and stock stands still", "The process that ran it was lost, and no other has taken over.", "[Cancel execution…]"},
		"waiting-":     {"Leave requests has waited 9 days for Rita Root", "Not decided: “Leave for", "[Dismiss, Send reminder]"},
		"skipped-":     {"Orders and stock was not started", "It came from itself.", "[Dismiss, Open workflow]"},
		"mails-failed": {"1 mail could not be sent", "It said: 550 no such person.", "[Dismiss, Send again]"},
		"mails-queued": {"1 mail is not sent yet", "No process has tried to send it.", "[Open outbox]"},
	} {
		got := ""
		for key, text := range said {
			if strings.HasPrefix(key, id) {
				got = text
			}
		}
		for _, part := range want {
			if !strings.Contains(got, part) {
				t.Errorf("%s says %q, want %q", id, got, part)
			}
		}
	}
	if n := s.part(admin, "/attention").want(http.StatusOK).doc().Find("#attention li").Length(); n != len(said) {
		t.Errorf("the fragment lists %d things, the page %d", n, len(said))
	}
	if got, want := s.get(admin, "/").find("#nav a[href='/attention']"), fmt.Sprintf("Needs attention %d", len(said)); got != want {
		t.Errorf("the navigation says %q, want %q", got, want)
	}
	if got := s.get(admin, "/").find("section[aria-labelledby=h-attention] li"); !strings.Contains(got, "No process runs workflows") {
		t.Errorf("the start page begins with %q", got)
	}
	for _, path := range []string{"/executions", "/executions?state=queued", executionURL(s.waiting)} {
		if got := s.get(admin, path).want(http.StatusOK).doc().Find("main .alert").Text(); !strings.Contains(got, "No process runs workflows") {
			t.Errorf("%s says of the queue %q", path, got)
		}
	}
	s.get(admin, s.get(admin, "/attention").doc().Find("#attention li[id^=failed-] .acts a").AttrOr("href", "")).want(http.StatusOK)

	ask := s.get(admin, "/attention").doc().Find("#attention li[id^=stuck-] .acts a").AttrOr("href", "")
	a := s.press(admin, ask, "form[action='/executions/cancel']").want(http.StatusSeeOther)
	if got := s.toast(admin, a); got != "1 execution was cancelled." || a.Header.Get("Location") != "/attention" {
		t.Errorf("cancelling says %q and leads to %s", got, a.Header.Get("Location"))
	}
	if s.get(admin, "/attention").doc().Find("li[id^=stuck-]").Length() != 0 {
		t.Error("what was cancelled is still stuck")
	}

	for _, tc := range []struct{ selector, toast, gone string }{
		{"li[id^=waiting-] form[action='/attention/remind']", "1 reminder with a fresh link is on the way.", ""},
		{"li[id^=waiting-] form[action='/attention/remind']", "No mail was sent: they got one within the last ten minutes.", ""},
		{"li[id^=waiting-] form[action='/attention/dismiss']", "Dismissed. It comes back when it still waits after as long again.", "li[id^=waiting-]"},
		{"li[id^=failed-] form", "2 failures dismissed. The same failure shows here when it happens again.", "li[id^=failed-]"},
		{"li[id^=skipped-] form", "Dismissed. It comes back when it happens again.", "li[id^=skipped-]"},
		{"#mails-failed form[action='/attention/mails']", "1 mail will be sent again.", "#mails-failed"},
	} {
		a := s.press(admin, "/attention", tc.selector).want(http.StatusSeeOther)
		if got := s.toast(admin, a); got != tc.toast {
			t.Errorf("%s says %q, want %q", tc.selector, got, tc.toast)
		}
		if tc.gone != "" && s.get(admin, "/attention").doc().Find(tc.gone).Length() != 0 {
			t.Errorf("%s is still there", tc.gone)
		}
	}
}

// broke leaves something of most kinds behind: two failures of one cause, a
// leave request that waits, an event that was held back, mails, a queue that
// nobody works off.
func (s *shop) broke() {
	s.t.Helper()
	ctx := s.t.Context()
	for _, name := range []string{"orders", "leave"} {
		if err := s.Samples.Install(ctx, s.users[root].Actor(), name); err != nil {
			s.t.Fatal(err)
		}
	}
	product := s.first("products")
	s.exec(`UPDATE alur.flow_nodes SET config = jsonb_set(config, '{params,values,status}', '"confirmd"') WHERE key = 'confirm'`)
	s.DB.Notify("alur_workflows", "", 0)
	for range 2 {
		s.broken = s.runs("orders", collection.Record{"product": product, "quantity": 1.0})
	}
	s.runs("leaveRequests", collection.Record{"employee": s.first("employees"), "firstDay": "2030-07-01", "lastDay": "2030-07-05"})
	for range 4 { // and nobody works
		s.record("orders", collection.Record{"product": product, "quantity": 1.0})
	}
	s.exec(`UPDATE alur.executions SET lease_until = now() - interval '1 s', started_at = now(), attempts = 1
		WHERE id = (SELECT min(id) FROM alur.executions WHERE status IS NULL)`)
	if err := s.DB.GetContext(ctx, &s.waiting, `SELECT max(id) FROM alur.executions WHERE status IS NULL`); err != nil {
		s.t.Fatal(err)
	}
	s.exec(`INSERT INTO alur.skipped_triggers (id, workflow_id, key, reason, detail, created_at)
		SELECT 8000000000000000, id, key, 'stack_limit', 'It came from itself.', now() FROM alur.workflows WHERE key = 'orders'`)
	id, err := s.Outbox.Enqueue(ctx, s.DB, mail.Message{ToAddress: "gone@alur.test", Subject: "Approve", Text: "Approve"})
	if err != nil {
		s.t.Fatal(err)
	}
	s.exec(`UPDATE alur.mails SET status = 'failed', error = '550 no such person' WHERE id = $1`, id)
}

// TestAttentionRefresh: what has not changed is not sent again.
func TestAttentionRefresh(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	again := func(tag string) answer {
		r := httptest.NewRequest(http.MethodGet, "/attention", nil)
		asPart(r)
		r.Header.Set("If-None-Match", tag)
		return s.do(admin, r)
	}
	a := s.get(admin, "/attention")
	tag := a.Header.Get("ETag")
	if got, _ := a.doc().Find("#attention").Attr("hx-headers"); !strings.Contains(got, strings.ReplaceAll(tag, `"`, `\"`)) {
		t.Errorf("the list asks with %s, want its tag %s", got, tag)
	}
	if a := again(tag).want(http.StatusNotModified); a.Text != "" {
		t.Errorf("304 with a body: %s", a.Text)
	}
	s.broken = s.runs("orders", collection.Record{"product": s.first("products"), "quantity": 1.0})
	if got := again(tag).want(http.StatusOK).find("#attention li .list-main a"); got != "Orders and stock failed 2 times at “Confirm order”" {
		t.Errorf("after it failed once more the list says %q", got)
	}
}

// TestAttentionForms: what comes with a wrong form changes nothing.
func TestAttentionForms(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.furnish()
	before := s.snapshot()
	for _, form := range []url.Values{
		{}, {"kind": {"failure"}}, {"kind": {"failure"}, "subject": {"orders"}, "until": {"yesterday"}},
		{"kind": {"waiting"}, "subject": {"x"}, "mark": {"1"}}, {"kind": {"quiet"}, "mark": {"1"}},
		{"kind": {"skipped"}, "subject": {"orders"}, "mark": {"1; DROP TABLE"}}, {"kind": {"nonsense"}, "subject": {"orders"}, "mark": {"1"}},
	} {
		s.post(admin, "/attention/dismiss", form).want(http.StatusUnprocessableEntity)
	}
	s.post(admin, "/attention/remind", nil).want(http.StatusUnprocessableEntity)
	s.post(admin, "/attention/remind", url.Values{"execution": {"4711"}}).want(http.StatusGone)
	s.post(admin, "/attention/mails", nil).want(http.StatusUnprocessableEntity)
	s.same(before, "wrong forms")
	s.get(admin, "/attention/sessions").want(http.StatusGone)
	if got, want := s.toast(admin, s.post(admin, "/attention/sessions", nil).want(http.StatusSeeOther)), "0 sessions were ended."; got != want {
		t.Errorf("with nothing to end it says %q, want %q", got, want)
	}
}

// TestEndIdleSessions: a program was left in the middle of a transaction.
func TestEndIdleSessions(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	left, err := s.DB.Side().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer left.Close()
	if _, err := left.ExecContext(t.Context(), "BEGIN; LOCK TABLE alur.mails"); err != nil {
		t.Fatal(err)
	}
	real := s.Engine.Now
	s.Engine.Now = func() time.Time { return real().Add(2 * time.Minute) }
	if got, want := s.get(admin, "/attention").find("#database-idle .list-title"), "1 database session holds a transaction open and does nothing"; got != want {
		t.Fatalf("the page says %q, want %q", got, want)
	}
	for kind, a := range map[string]answer{"page": s.get(admin, "/attention/sessions"), "fragment": s.part(admin, "/attention/sessions")} {
		if got := a.want(http.StatusOK).find("button.btn-danger-fill"); got != "End session" {
			t.Errorf("%s: the button says %q", kind, got)
		}
	}
	s.press(admin, "/attention/sessions", "form[action='/attention/sessions']").want(http.StatusSeeOther)
	if _, err := s.DB.ExecContext(t.Context(), `DELETE FROM alur.mails`); err != nil {
		t.Errorf("the lock is still there: %v", err)
	}
	s.get(admin, "/attention").want(http.StatusOK).find("#h-well")
}
