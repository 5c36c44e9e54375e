package handlers

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"alur/engine"
	"alur/engine/auth"
	"alur/engine/fault"
)

// TestAlertsForm: what is typed becomes the alerts of a workflow; what is wrong
// shows beside its field.
func TestAlertsForm(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	page := fmt.Sprintf("/workflows/%d/alerts", w.ID)
	doc := s.get(admin, page).want(http.StatusOK).doc()
	if got := doc.Find("[name=rules][checked]").AttrOr("value", "none") + doc.Find("[name=after]").AttrOr("value", "") + doc.Find("[name=owner][checked]").AttrOr("value", ""); got != "1true" {
		t.Errorf("a new workflow has the rules %q, want those of the server", got)
	}
	own := func(change func(url.Values)) url.Values {
		form := url.Values{"rules": {"own"}, "owner": {"true"}, "role": {"admin"}, "after": {"3"}, "within": {"2"}, "withinUnit": {"60"}, "every": {"1"}, "everyUnit": {"1440"}, "recovered": {"true"}}
		change(form)
		return form
	}
	for field, change := range map[string]func(url.Values){
		"after":  func(f url.Values) { f.Set("after", "1001") },
		"within": func(f url.Values) { f.Set("within", "169") },
		"every":  func(f url.Values) { f.Set("every", "0") },
	} {
		bad := s.post(admin, page, own(change)).want(http.StatusUnprocessableEntity).doc()
		if got := bad.Find("[aria-invalid]").AttrOr("name", ""); got != field {
			t.Errorf("a problem at %q, want %s", got, field)
		}
		if got := bad.Find("[name=rules][checked]").AttrOr("value", "") + bad.Find("[name=role][checked]").AttrOr("value", ""); got != "ownadmin" {
			t.Errorf("the form keeps %q of what was chosen", got)
		}
	}
	stranger := own(func(f url.Values) { f.Set("user", fmt.Sprint(s.users[member].ID)) })
	if got := s.post(admin, page, stranger).want(http.StatusUnprocessableEntity).find("#userIds-error"); !strings.Contains(got, "may not see this workflow") {
		t.Errorf("somebody who does not see it is to hear of it: %q", got)
	}
	unknown := own(func(f url.Values) { f.Add("role", "pilots") })
	if got := s.post(admin, page, unknown).want(http.StatusUnprocessableEntity).find("#roles-error"); got != "There is no role “pilots” here. Choose another one." {
		t.Errorf("a role that is not there is to hear of it: %q", got)
	}
	s.post(member, page, own(func(url.Values) {})).want(http.StatusForbidden)
	s.post(admin, page, own(func(url.Values) {})).want(http.StatusSeeOther)
	var options string
	if err := s.DB.GetContext(t.Context(), &options, "SELECT options ->> 'alerts' FROM alur.workflows WHERE id = $1", w.ID); err != nil {
		t.Fatal(err)
	}
	if want := `{"mode": "own", "after": 3, "every": 1440, "owner": true, "roles": ["admin"], "minutes": 120, "userIds": [], "recovered": true}`; options != want {
		t.Errorf("options %s, want %s", options, want)
	}
	doc = s.get(admin, page).doc()
	if got := doc.Find("[name=within]").AttrOr("value", "") + doc.Find("[name=withinUnit] [selected]").Text() + doc.Find("[name=every]").AttrOr("value", "") + doc.Find("[name=everyUnit] [selected]").Text(); got != "2hours1days" {
		t.Errorf("the times show as %q", got)
	}
	s.post(admin, page, url.Values{"rules": {"none"}}).want(http.StatusSeeOther)
	s.post(admin, page, url.Values{"rules": {""}}).want(http.StatusSeeOther)
	if got := s.noted("alerts"); got != "Set the alerts of the workflow “Stock check”: the owner, everybody with the roles admin, nobody else, after 3 failures within 2 hours, at most one mail in 1 day, and when it works again. | "+
		"Set the alerts of the workflow “Stock check”: nobody hears of anything. | Set the alerts of the workflow “Stock check”: as set for the server." {
		t.Errorf("noted is %q", got)
	}
}

// noted are the entries of the audit log that hold a word, oldest first.
func (s *site) noted(word string) string {
	s.t.Helper()
	var text string
	if err := s.DB.GetContext(s.t.Context(), &text, "SELECT coalesce(string_agg(text, ' | ' ORDER BY id), '') FROM alur.audit_log WHERE text LIKE '%' || $1 || '%'", word); err != nil {
		s.t.Fatal(err)
	}
	return text
}

// TestAlertSettings: who hears of what on this server, and that it must be
// somebody.
func TestAlertSettings(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	doc := s.get(admin, "/settings").want(http.StatusOK).doc()
	if got := doc.Find("[name=serverRole][checked]").Length(); got != 2 {
		t.Errorf("%d roles hear of the server, want root and admin", got)
	}
	form := url.Values{"owner": {"true"}, "after": {"2"}, "every": {"30"}, "everyUnit": {"1"}, "serverRole": {"admin"}}
	none := url.Values{"after": {"0"}, "every": {"1"}, "everyUnit": {"60"}}
	bad := s.post(admin, "/settings/alerts", none).want(http.StatusUnprocessableEntity)
	if bad.find("#server-error") == "" || bad.doc().Find("[aria-invalid]").AttrOr("name", "") != "after" || bad.doc().Find("[name=recordMonths]").AttrOr("value", "") != "24" {
		t.Error("the form does not show its problems, or not the rest of the settings")
	}
	s.post(member, "/settings/alerts", form).want(http.StatusForbidden)
	s.post(admin, "/settings/alerts", form).want(http.StatusSeeOther)
	got, err := s.Engine.AlertSettings(t.Context(), auth.System)
	if err != nil || got.After != 2 || got.Every != 30 || got.Recovered || len(got.Server.Roles) != 1 || got.Server.Roles[0] != auth.Admin {
		t.Errorf("kept are %+v, %v", got, err)
	}
	for field, at := range map[string]string{"role": "#roles-error", "serverRole": "#server-error"} {
		unknown := url.Values{"owner": {"true"}, "after": {"2"}, "every": {"30"}, "everyUnit": {"1"}, "serverRole": {"admin"}}
		unknown.Add(field, "pilots")
		if got := s.post(admin, "/settings/alerts", unknown).want(http.StatusUnprocessableEntity).find(at); got != "There is no role “pilots” here. Choose another one." {
			t.Errorf("%s may be a role that is not there: %q", field, got)
		}
	}
	form.Set("serverUser", fmt.Sprint(s.users[member].ID))
	if got := s.post(admin, "/settings/alerts", form).want(http.StatusUnprocessableEntity).find("#server-error"); !strings.Contains(got, "does not manage all workflows") {
		t.Errorf("somebody who may not know hears of the server: %q", got)
	}
	if got := s.noted("goes wrong"); !strings.HasPrefix(got, "Changed who hears by mail of what goes wrong: the owner, ") {
		t.Errorf("noted is %q", got)
	}
}

// TestOwnerAndDescription: who answers for a workflow, and what it is for, show
// where it is opened and in the list.
func TestOwnerAndDescription(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	w := s.shop()
	page := fmt.Sprintf("/workflows/%d", w.ID)
	for _, who := range []role{root, admin} {
		_, err := s.Engine.AddMember(t.Context(), auth.System, w.ID, engine.NewMember{UserID: s.users[who].ID, Level: auth.Owner})
		if err != nil && !fault.Is(err, fault.Invalid) { // one of them made it
			t.Fatal(err)
		}
	}
	first, name := s.users[admin].Nickname, s.users[root].Nickname
	if got := s.get(admin, page+"/people").want(http.StatusOK).find("#owner"); !strings.Contains(got, first) {
		t.Errorf("%q, want the first owner to answer for it", got)
	}
	s.post(admin, page+"/owner", url.Values{"owner": {fmt.Sprint(s.users[member].ID)}}).want(http.StatusUnprocessableEntity)
	s.post(admin, page+"/owner", url.Values{"owner": {fmt.Sprint(s.users[root].ID)}}).want(http.StatusSeeOther)
	for path, at := range map[string]string{page + "/people": "#owner", page: ".toolbar-owner", "/workflows": "tbody .person"} {
		if got := s.get(admin, path).want(http.StatusOK).find(at); !strings.Contains(got, name) {
			t.Errorf("%s shows %q, want %s", path, got, name)
		}
	}
	s.post(admin, page+"/rename", url.Values{"title": {"Restock"}, "description": {strings.Repeat("x", 10_001)}}).want(http.StatusUnprocessableEntity)
	s.post(admin, page+"/rename", url.Values{"title": {"Restock"}, "description": {"Keeps the shelves full."}}).want(http.StatusSeeOther)
	if got := s.get(admin, page).find("#notes"); !strings.Contains(got, "Keeps the shelves full.") {
		t.Errorf("the notes say %q", got)
	}
}
