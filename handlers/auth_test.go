package handlers

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/mail"
	"alur/engine/pgtest"
	"alur/views"
)

// cookieOf is the session that an answer gives the browser, "" for none.
func (s *site) cookieOf(a answer) string {
	for _, c := range a.Cookies() {
		if c.Name == s.cookieName(sessionCookie) && c.MaxAge >= 0 {
			if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" {
				s.t.Errorf("the session cookie is %+v", c)
			}
			return c.Value
		}
	}
	return ""
}

func TestSignInPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	page := s.get(nobody, "/sign-in?next=%2Ftasks%3Fx%3D1").want(http.StatusOK)
	if got, _ := page.doc().Find("input[name=next]").Attr("value"); got != "/tasks?x=1" {
		t.Errorf("the form leads to %q", got)
	}
	if got := s.get(member, "/sign-in?next=//evil.test").want(http.StatusSeeOther).Header.Get("Location"); got != "/" {
		t.Errorf("who is signed in is sent to %q", got)
	}
	form := url.Values{"account": {"<b>ann"}, "password": {"wrong wrong wrong"}, "next": {"/tasks"}}
	a := s.post(nobody, "/sign-in", form).want(http.StatusUnprocessableEntity)
	if got := a.find("[role=alert]"); !strings.Contains(got, "You are not signed in. The account or the password is wrong.") {
		t.Errorf("said %q", got)
	}
	if got, _ := a.doc().Find("input[name=account]").Attr("value"); got != "<b>ann" {
		t.Errorf("the typed account is %q", got)
	}
	if strings.Contains(a.Text, "wrong wrong wrong") {
		t.Error("the page repeats the password")
	}
	form = url.Values{"account": {"Member@alur.test"}, "password": {password}, "next": {"https://evil.test/"}}
	a = s.post(nobody, "/sign-in", form).want(http.StatusSeeOther)
	if got := a.Header.Get("Location"); got != "/" {
		t.Errorf("sent to %q", got)
	}
	s.tokens["new"] = s.cookieOf(a)
	s.get("new", "/").want(http.StatusOK)
}

func TestSignInPageLimit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	form := url.Values{"account": {"member@alur.test"}, "password": {"wrong"}}
	for range 5 {
		s.post(nobody, "/sign-in", form).want(http.StatusUnprocessableEntity)
	}
	form.Set("password", password)
	a := s.post(nobody, "/sign-in", form).want(http.StatusTooManyRequests)
	if got := a.find("[role=alert]"); !strings.Contains(got, "Try again in 15 minutes.") {
		t.Errorf("said %q", got)
	}
}

// TestSessionRotates: signing in ends the session that the browser had.
func TestSessionRotates(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	old := s.tokens[member]
	a := s.post(member, "/sign-in", url.Values{"account": {"admin@alur.test"}, "password": {password}}).want(http.StatusSeeOther)
	if got := s.cookieOf(a); got == "" || got == old {
		t.Errorf("the new session is %.12s…, the old one %.12s…", got, old)
	}
	s.get(member, "/account").want(http.StatusSeeOther)
}

func TestSignOut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.get(member, "/sign-out").want(http.StatusNotFound)
	s.get(member, "/account").want(http.StatusOK)
	a := s.post(member, "/sign-out", nil).want(http.StatusSeeOther)
	if got := a.Header.Get("Location"); got != "/sign-in" {
		t.Errorf("sent to %q", got)
	}
	s.get(member, "/account").want(http.StatusSeeOther)
	s.post(nobody, "/sign-out", nil).want(http.StatusSeeOther)
}

func TestSetupPage(t *testing.T) {
	t.Parallel()
	s := &site{t: t, Server: newServer(t, pgtest.New(t)), tokens: map[role]string{}}
	s.handler = s.Routes()
	link, err := s.Auth.NewSetupLink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.get(nobody, "/setup/alur_set_guessed").want(http.StatusNotFound)
	a := s.get(nobody, link.Path()).want(http.StatusOK)
	if got := a.Header.Get("Referrer-Policy"); got != "no-referrer" {
		t.Errorf("Referrer-Policy is %q", got)
	}
	if n := a.doc().Find("select[name=timeZone] option").Length(); n < 300 {
		t.Errorf("%d time zones", n)
	}
	form := url.Values{"nickname": {"Ann <Bauer>"}, "email": {"ann"}, "password": {"password1234"}, "timeZone": {"Asia/Calcutta"}}
	a = s.post(nobody, link.Path(), form).want(http.StatusUnprocessableEntity)
	doc := a.doc()
	for _, name := range []string{"email", "password"} {
		if doc.Find("input[name="+name+"][aria-invalid=true]").Length() != 1 {
			t.Errorf("%s is not marked:\n%s", name, a.Text)
		}
	}
	if got, _ := doc.Find("input[name=nickname]").Attr("value"); got != "Ann <Bauer>" {
		t.Errorf("the typed name is %q", got)
	}
	if got, _ := doc.Find("select[name=timeZone] option[selected]").Attr("value"); got != "Asia/Calcutta" {
		t.Errorf("the chosen zone is %q", got)
	}
	form.Set("email", "ann@norddruck.example")
	form.Set("password", "correct horse")
	a = s.post(nobody, link.Path(), form).want(http.StatusSeeOther)
	s.tokens["ann"] = s.cookieOf(a)
	s.get("ann", "/users").want(http.StatusOK)
	s.get(nobody, link.Path()).want(http.StatusGone)
	s.get(nobody, "/sign-in").want(http.StatusOK)
}

// TestInvitation goes from the form over the mail to the first page.
func TestInvitation(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.post(admin, "/users", url.Values{"nickname": {""}, "email": {"x"}, "role": {"admin"}}).want(http.StatusUnprocessableEntity)
	if a.doc().Find("input[name=email][aria-invalid]").Length() != 1 || a.doc().Find("input[value=admin][checked]").Length() != 1 {
		t.Errorf("the form is:\n%s", a.Text)
	}
	a = s.post(admin, "/users", url.Values{"nickname": {"Bob Meyer"}, "email": {"bob@alur.test"}, "role": {"member"}}).want(http.StatusCreated)
	link, _ := a.doc().Find("input#f-link").Attr("value")
	path, ok := strings.CutPrefix(link, s.BaseURL)
	if !ok || !strings.HasPrefix(path, "/invite/alur_inv_") {
		t.Fatalf("the link is %q", link)
	}
	mails, _, err := s.Outbox.List(t.Context(), auth.System, mail.Filter{Page: 1, Size: 10})
	if err != nil || len(mails) != 1 || mails[0].ToAddress != "bob@alur.test" {
		t.Fatalf("the outbox holds %+v, %v", mails, err)
	}
	sent, err := s.Outbox.Mail(t.Context(), auth.System, mails[0].ID)
	if err != nil || !strings.Contains(sent.Text, link) || !strings.Contains(sent.HTML, link) {
		t.Errorf("the mail has no link (%v):\n%s", err, sent.Text)
	}
	if list := s.get(admin, "/users"); strings.Contains(list.Text, path) || !strings.Contains(list.Text, "Invited") {
		t.Error("the list shows the link, or not that Bob is invited")
	}
	// Scanners look at the link many times; nothing comes of it.
	for range 20 {
		s.get(nobody, path).want(http.StatusOK)
		s.do(nobody, httptest.NewRequest(http.MethodHead, path, nil)).want(http.StatusOK)
	}
	a = s.post(nobody, path, url.Values{"password": {"bob@alur.test"}}).want(http.StatusUnprocessableEntity)
	if got := a.find(".error"); !strings.Contains(got, "your own name") {
		t.Errorf("said %q", got)
	}
	a = s.post(nobody, path, url.Values{"password": {password}}).want(http.StatusSeeOther)
	s.tokens["bob"] = s.cookieOf(a)
	if got := s.get("bob", "/account").want(http.StatusOK).find("#account b"); got != "Bob Meyer" {
		t.Errorf("signed in as %q", got)
	}
	for _, again := range []answer{s.get(nobody, path), s.post(nobody, path, url.Values{"password": {password}})} {
		if got := again.want(http.StatusGone).find("main"); !strings.Contains(got, "was used") {
			t.Errorf("the used link says %q", got)
		}
	}
}

func TestUsersList(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	doc := s.get(admin, "/users").want(http.StatusOK).doc()
	if n := doc.Find("tbody tr").Length(); n != 5 {
		t.Errorf("%d people, want 5", n)
	}
	row := "#user-" + id(s.users[root])
	if doc.Find(row+" [role=menuitem]").Length() != 0 {
		t.Error("the root's row offers acts to an administrator")
	}
	if doc.Find("#user-"+id(s.users[member])+" [role=menuitem]").Length() == 0 {
		t.Error("the member's row offers nothing")
	}
	doc = s.get(admin, "/users?q=MEMBER&role=member&page=x").want(http.StatusOK).doc()
	if n := doc.Find("tbody tr").Length(); n != 1 {
		t.Errorf("%d people found, want 1", n)
	}
	if got := s.get(admin, "/users?q=zzz").want(http.StatusOK).find(".empty h2"); got != "Nobody found" {
		t.Errorf("said %q", got)
	}
}

func id(u auth.User) string { return views.ID(u.ID) }

func TestUserPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	path := "/users/" + id(s.users[member])
	a := s.post(admin, path, url.Values{"nickname": {"Mia"}, "email": {"admin@alur.test"}, "username": {""}, "role": {"admin"}}).want(http.StatusUnprocessableEntity)
	if got := a.find("#f-email-error"); !strings.Contains(got, "already here") {
		t.Errorf("said %q", got)
	}
	if got, _ := a.doc().Find("input[name=nickname]").Attr("value"); got != "Mia" {
		t.Errorf("the typed name is %q", got)
	}
	s.post(admin, path, url.Values{"nickname": {"Mia"}, "email": {"member@alur.test"}, "username": {"mia"}, "role": {"admin"}}).want(http.StatusSeeOther)
	u, err := s.Auth.Get(t.Context(), auth.System, s.users[member].ID)
	if err != nil || u.Role != auth.Admin || u.Username != "mia" {
		t.Errorf("saved %+v, %v", u, err)
	}
	a = s.get(admin, "/users/"+id(s.users[root])).want(http.StatusOK)
	if a.doc().Find("main form").Length() != 0 {
		t.Error("an administrator may change the root")
	}
	s.post(admin, "/users/"+id(s.users[root]), url.Values{"nickname": {"x"}}).want(http.StatusForbidden)
	s.get(admin, "/users/4711").want(http.StatusNotFound)
	s.get(admin, "/users/x").want(http.StatusNotFound)
}

func TestUserActs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	path := "/users/" + id(s.users[member])
	for _, act := range []string{"deactivate", "delete", "link"} {
		page := s.get(admin, path+"/"+act).want(http.StatusOK)
		dialog := s.part(admin, path+"/"+act).want(http.StatusOK)
		if page.doc().Find("nav#nav").Length() != 1 || dialog.doc().Find("dialog").Length() != 1 || dialog.doc().Find("nav#nav").Length() != 0 {
			t.Errorf("%s asks neither on a page nor in a dialog", act)
		}
		if got, _ := dialog.doc().Find("form").Attr("action"); got != path+"/"+act {
			t.Errorf("the dialog posts to %q", got)
		}
	}
	a := s.post(admin, path+"/link", nil).want(http.StatusCreated)
	link, _ := a.doc().Find("input#f-link").Attr("value")
	s.get(member, "/account").want(http.StatusSeeOther) // signed out
	a = s.get(nobody, strings.TrimPrefix(link, s.BaseURL)).want(http.StatusOK)
	if got := a.find("h1"); got != "New password for Mia Member" {
		t.Errorf("title %q", got)
	}
	a = s.post(admin, path+"/deactivate", nil).want(http.StatusSeeOther)
	if got := s.toast(admin, a); got != "Mia Member was deactivated and signed out." {
		t.Errorf("toast %q", got)
	}
	s.get(nobody, strings.TrimPrefix(link, s.BaseURL)).want(http.StatusGone)
	s.post(admin, path+"/link", nil).want(http.StatusConflict)
	s.post(admin, path+"/reactivate", nil).want(http.StatusSeeOther)
	s.post(admin, path+"/delete", nil).want(http.StatusSeeOther)
	s.get(admin, path).want(http.StatusNotFound)
	s.post(admin, "/users/"+id(s.users[admin])+"/deactivate", nil).want(http.StatusForbidden)
}

func TestAccountPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.get(member, "/account").want(http.StatusOK)
	if got := a.find(".list .tag"); got != "This one" {
		t.Errorf("marked %q", got)
	}
	a = s.post(member, "/account", url.Values{"nickname": {""}, "timeZone": {"Mars/North"}}).want(http.StatusUnprocessableEntity)
	if a.doc().Find("[aria-invalid]").Length() != 2 {
		t.Errorf("the problems are not marked:\n%s", a.Text)
	}
	a = s.post(member, "/account", url.Values{"nickname": {"Mia"}, "timeZone": {"Asia/Tokyo"}}).want(http.StatusSeeOther)
	if got := s.get(member, "/account").find("#account b"); got != "Mia" {
		t.Errorf("now called %q", got)
	}
	other, _, err := s.Auth.SignIn(t.Context(), auth.Web, "member@alur.test", password, auth.Client{Agent: "curl/8"})
	if err != nil {
		t.Fatal(err)
	}
	s.tokens["other"] = other
	a = s.get(member, "/account")
	end, ok := a.doc().Find(".list form").Attr("action")
	if !ok {
		t.Fatalf("no way to end the other session:\n%s", a.Text)
	}
	s.post(admin, end, nil).want(http.StatusNotFound)
	s.get("other", "/account").want(http.StatusOK)
	s.post(member, end, nil).want(http.StatusSeeOther)
	s.get("other", "/account").want(http.StatusSeeOther)

	a = s.post(member, "/account/password", url.Values{"oldPassword": {"wrong"}, "newPassword": {"twelve green llamas"}}).want(http.StatusUnprocessableEntity)
	if got := a.find("#f-oldpassword-error"); got != "This is not your current password." {
		t.Errorf("said %q", got)
	}
	s.post(member, "/account/password", url.Values{"oldPassword": {password}, "newPassword": {"twelve green llamas"}}).want(http.StatusSeeOther)
	s.get(member, "/account").want(http.StatusOK)
	s.post(member, "/account/sessions/end", nil).want(http.StatusSeeOther)
}

// call sends JSON with a bearer token.
func (s *site) bearer(method, path, token, body string) answer {
	s.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return s.do(nobody, r)
}

func TestAPISignIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, tc := range []struct {
		name, body, want string
		status           int
	}{
		{"no account", `{"password":"x"}`, `"field":"account"`, 400},
		{"not JSON", `account=ann`, `not a JSON object`, 400},
		{"a number", `{"account":5}`, `cannot be a number`, 400},
		{"wrong password", `{"account":"member@alur.test","password":"x"}`, `"code":"WRONG_PASSWORD"`, 401},
		{"nobody", `{"account":"eve","password":"x"}`, `"code":"WRONG_PASSWORD"`, 401},
		{"legacy name", `{"email":"member@alur.test","password":"` + password + `"}`, `"token":"alur_api_`, 200},
	} {
		a := s.bearer(http.MethodPost, "/api/auth:signIn", "", tc.body)
		if a.StatusCode != tc.status || !strings.Contains(a.Text, tc.want) {
			t.Errorf("%s: %d %s, want %d with %s", tc.name, a.StatusCode, a.Text, tc.status, tc.want)
		}
	}
	a := s.bearer(http.MethodPost, "/api/auth:signIn", "", `{"account":"member@alur.test","password":"`+password+`"}`).want(200)
	var in struct {
		Data struct {
			Token string
			User  struct {
				ID    int64
				Email string
				Roles []struct{ Name string }
			}
		}
	}
	if err := json.Unmarshal([]byte(a.Text), &in); err != nil || in.Data.User.ID != s.users[member].ID || in.Data.User.Roles[0].Name != "member" {
		t.Fatalf("signed in: %s, %v", a.Text, err)
	}
	if strings.Contains(a.Text, "argon2") {
		t.Error("the answer holds the password")
	}
	token := in.Data.Token
	check := func(token, want string, status int) {
		t.Helper()
		a := s.bearer(http.MethodGet, "/api/auth:check", token, "")
		if a.StatusCode != status || !strings.Contains(a.Text, want) {
			t.Errorf("check: %d %s, want %d with %s", a.StatusCode, a.Text, status, want)
		}
	}
	check(token, `"email":"member@alur.test"`, 200)
	check("", `"code":"EMPTY_TOKEN"`, 401)
	check("eyJhbGciOi", `"code":"INVALID_TOKEN"`, 401)
	check(s.tokens[member], `"code":"INVALID_TOKEN"`, 401) // of a browser
	if a := s.bearer(http.MethodGet, "/api/auth:check?token="+token, "", ""); a.StatusCode != 401 {
		t.Errorf("a token in the address opens: %s", a.Text)
	}

	change := func(body, want string, status int) {
		t.Helper()
		a := s.bearer(http.MethodPost, "/api/auth:changePassword", token, body)
		if a.StatusCode != status || !strings.Contains(a.Text, want) {
			t.Errorf("change: %d %s, want %d with %s", a.StatusCode, a.Text, status, want)
		}
	}
	change(`{"oldPassword":"x","newPassword":"twelve green llamas"}`, "WRONG_PASSWORD", 401)
	change(`{"oldPassword":"x","newPassword":"a","confirmPassword":"b"}`, `"field":"confirmPassword"`, 400)
	change(`{"oldPassword":"`+password+`","newPassword":"short"}`, `"field":"newPassword"`, 400)
	change(`{"oldPassword":"`+password+`","newPassword":"twelve green llamas"}`, `{"data":null}`, 200)
	check(token, `"nickname"`, 200)
	s.get(member, "/account").want(http.StatusSeeOther)

	s.bearer(http.MethodPost, "/api/auth:signOut", token, "").want(200)
	check(token, `"code":"BLOCKED_TOKEN"`, 401)
}

func TestAPILimit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const body = `{"account":"member@alur.test","password":"wrong"}`
	for range 5 {
		s.bearer(http.MethodPost, "/api/auth:signIn", "", body).want(401)
	}
	a := s.bearer(http.MethodPost, "/api/auth:signIn", "", body).want(http.StatusTooManyRequests)
	if !strings.Contains(a.Text, `"code":"TOO_MANY_TRIES"`) || a.Header.Get("Retry-After") == "" {
		t.Errorf("answered %s", a.Text)
	}
}

func TestAPIUsers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	tokens := map[role]string{}
	for _, who := range []role{admin, member} {
		token, _, err := s.Auth.SignIn(t.Context(), auth.API, string(who)+"@alur.test", password, auth.Client{})
		if err != nil {
			t.Fatal(err)
		}
		tokens[who] = token
	}
	for _, tc := range []struct {
		name       string
		who        role
		path, body string
		status     int
		want       string
	}{
		{"create", admin, "users:create", `{"id":77,"username":"carl","password":"twelve green llamas","roles":["member"]}`, 200, `"id":77`},
		{"the id again", admin, "users:create", `{"id":77,"username":"carl2"}`, 400, `"field":"id"`},
		{"by a member", member, "users:create", `{"username":"x"}`, 403, `"message"`},
		{"a root", admin, "users:create", `{"username":"x","role":"root"}`, 400, `"field":"role"`},
		{"two problems", admin, "users:create", `{"email":"x","password":"y"}`, 400, `"field":"password"`},
		{"two roles", admin, "users:create", `{"username":"x","roles":[{"name":"admin"},{"name":"member"}]}`, 200, `"roles":[{"name":"admin","rolesUsers":{"default":true}},{"name":"member"`},
		{"update", admin, "users:update?filterByTk=77", `{"nickname":"Carl","roles":[{"name":"admin"}]}`, 200, `"nickname":"Carl"`},
		{"update by path", admin, "users:update/77", `{"active":false}`, 200, `"active":false`},
		{"update by filter", admin, `users:update?filter=` + url.QueryEscape(`{"username":"carl"}`), `{"active":true}`, 200, `"active":true`},
		{"no target", admin, "users:update", `{"nickname":"x"}`, 400, "filterByTk"},
		{"empty filter", admin, "users:destroy?filter={}", ``, 400, "filterByTk"},
		{"strange key", admin, "users:destroy?filterByTk=x", ``, 400, "an id or a list of ids"},
		{"unknown key", admin, "users:update?filterByTk=78", `{"nickname":"x"}`, 404, "no such person"},
		{"the root", admin, "users:destroy?filterByTk=" + id(s.users[root]), ``, 403, "root"},
		{"destroy", admin, "users:destroy?filterByTk[]=77", ``, 200, `{"data":1}`},
		{"destroy nobody", admin, `users:destroy?filter=` + url.QueryEscape(`{"username":"carl"}`), ``, 200, `{"data":0}`},
		{"the id once more", admin, "users:create", `{"id":77,"username":"carl"}`, 200, `"id":77`},
	} {
		a := s.bearer(http.MethodPost, "/api/"+tc.path, tokens[tc.who], tc.body)
		if a.StatusCode != tc.status || !strings.Contains(a.Text, tc.want) {
			t.Errorf("%s: %d %s, want %d with %s", tc.name, a.StatusCode, a.Text, tc.status, tc.want)
		}
	}
}

// TestWhatIsShown: no page about people holds a password, a hash or a token.
func TestWhatIsShown(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, path := range []string{"/users", "/users/" + id(s.users[member]), "/account"} {
		a := s.get(root, path).want(http.StatusOK)
		for _, secret := range []string{"argon2", s.tokens[root], s.tokens[member], password} {
			if strings.Contains(a.Text, secret) {
				t.Errorf("%s shows %.12s…", path, secret)
			}
		}
	}
}

func TestZoneOptions(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 2, 3, 4, 0, 0, time.UTC)
	all := zoneOptions(now, "Asia/Calcutta", "As the server")
	if all[0].Text != "As the server" || all[0].Value != "" {
		t.Errorf("the first is %+v", all[0])
	}
	last := all[len(all)-1]
	if last.Value != "Asia/Calcutta" || last.Text != "Asia/Calcutta, now 08:34" {
		t.Errorf("the last is %+v", last)
	}
	for _, o := range zoneOptions(now, "Mars/North", "") {
		if o.Value == "Mars/North" {
			t.Error("offers a zone that does not exist")
		}
	}
}
