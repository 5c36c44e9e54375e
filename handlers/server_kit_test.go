package handlers

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"alur/engine"
	"alur/engine/attachment"
	"alur/engine/auth"
	"alur/engine/collection"
	_ "alur/engine/expr/exprtest" // the libraries of calculations
	"alur/engine/mail"
	"alur/engine/metric"
	"alur/engine/node"
	_ "alur/engine/nodes" // the node types
	"alur/engine/pg"
	"alur/engine/pgtest"
	"alur/engine/sample"
	"alur/engine/script/scripttest"
	"alur/engine/secret"
	"alur/engine/snowflake"
	"alur/engine/task"
	"alur/engine/transfer"
	_ "alur/engine/triggers" // the trigger types
	"alur/views"
)

// role is who calls a site: one of the people below, or nobody.
type role string

const (
	nobody      role = "nobody"
	member      role = "member"
	admin       role = "admin"
	root        role = "root"
	deactivated role = "deactivated" // signed in once, then deactivated
	custom      role = "custom"      // a role of its own: people, the names of workflows, all records
	memberKey   role = "member key"  // a program with an API key of member's
	adminKey    role = "admin key"   // and of admin's
)

var everybody = []role{nobody, member, custom, admin, root, deactivated, memberKey, adminKey}

const password = "a quiet green teapot"

// site is the whole server on a database of its own, with one person for each
// role, signed in.
type site struct {
	*Server
	t       testing.TB
	handler http.Handler
	tokens  map[role]string
	users   map[role]auth.User
}

// newSite sets a server up; change alters it before its routes are built.
func newSite(t testing.TB, change ...func(*Server)) *site {
	t.Helper()
	s := &site{t: t, Server: newServer(t, pgtest.New(t)), tokens: map[role]string{}, users: map[role]auth.User{}}
	for _, f := range change {
		f(s.Server)
	}
	s.handler = s.Routes()
	s.people()
	return s
}

// newServer builds a server with everything behind it, on db.
func newServer(t testing.TB, db *pg.DB) *Server {
	t.Helper()
	ids := snowflake.New(1, time.Now)
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	s := &Server{
		DB: db, Log: log, Now: time.Now, BaseURL: "http://alur.test", Version: "test",
		Auth:    &auth.Store{DB: db, IDs: ids, Now: time.Now, Cost: auth.Cost{Memory: 64, Passes: 1, Threads: 1}},
		Records: collection.NewStore(db, ids, time.Now),
		Outbox:  &mail.Outbox{DB: db, IDs: ids, Now: time.Now},
		Metrics: metric.New(),
	}
	s.Metrics.Watch(db, time.Now)
	s.Imports = &transfer.Store{DB: db, IDs: ids, Now: time.Now, Records: s.Records, Log: s.Log, Actor: s.Auth.Actor, Zone: s.Auth.Zone}
	s.Files = &attachment.Store{DB: db, IDs: ids, Now: time.Now, Log: s.Log, Records: s.Records, Into: attachment.OnDisk, Most: attachment.DefaultMost,
		Places: map[string]attachment.Place{attachment.OnDisk: attachment.Disk{Dir: t.TempDir()}, attachment.InDatabase: attachment.Database{DB: db, Now: time.Now}}}
	s.Tasks = &task.Store{DB: db, IDs: ids, Now: time.Now, Outbox: s.Outbox, BaseURL: s.BaseURL, Zone: s.Auth.Zone}
	box, err := secret.NewBox([]byte("the key of the tests"))
	if err != nil {
		t.Fatal(err)
	}
	s.Values = &secret.Store{DB: db, Now: time.Now, Box: box}
	services := &node.Services{}
	node.Provide(services, s.Records)
	node.Provide(services, s.Tasks)
	node.Provide(services, scripttest.Shared())
	s.Engine = engine.New(engine.Options{DB: db, IDs: ids, Now: time.Now, Records: s.Records, Log: log, Services: services, Values: s.Values, Metrics: s.Metrics,
		Person: func(ctx context.Context, id int64) (auth.Actor, error) { return s.Auth.Actor(ctx, id, auth.Union) },
		Acting: s.Auth.Actor})
	s.Samples = sample.Installer{Engine: s.Engine, Records: s.Records}
	return s
}

// people makes a person for each role and signs them in.
func (s *site) people() {
	s.t.Helper()
	ctx := s.t.Context()
	if _, err := s.Auth.EnsureRoot(ctx, auth.NewUser{Nickname: "Rita Root", Email: "root@alur.test", Password: password, Role: auth.Root}); err != nil {
		s.t.Fatal(err)
	}
	// This company lets its members work with all records.
	all := []string{"create", "view", "update", "destroy", "export", "importXlsx"}
	if _, err := s.Auth.UpdateRole(ctx, auth.System, auth.Member, auth.RoleChange{Actions: &all}); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.Auth.CreateRole(ctx, auth.System, auth.RoleDefinition{Name: "desk", Title: "Front desk", Actions: all, Snippets: []string{"pm.users", "ui.workflows"}}); err != nil {
		s.t.Fatal(err)
	}
	for who, in := range map[role]auth.NewUser{
		admin:       {Nickname: "Ann Admin", Email: "admin@alur.test", Role: auth.Admin},
		member:      {Nickname: "Mia Member", Email: "member@alur.test", Role: auth.Member},
		custom:      {Nickname: "Cleo Custom", Email: "custom@alur.test", Role: "desk"},
		deactivated: {Nickname: "Dan Gone", Email: "deactivated@alur.test", Role: auth.Admin},
	} {
		in.Password = password
		u, err := s.Auth.Create(ctx, auth.System, in)
		if err != nil {
			s.t.Fatalf("create %s: %v", who, err)
		}
		s.users[who] = u
	}
	for _, who := range []role{root, admin, member, custom, deactivated} {
		token, u, err := s.Auth.SignIn(ctx, auth.Web, string(who)+"@alur.test", password, auth.Client{IP: "192.0.2.1"})
		if err != nil {
			s.t.Fatalf("sign %s in: %v", who, err)
		}
		s.tokens[who], s.users[who] = token, u
	}
	if _, err := s.Auth.Deactivate(ctx, auth.System, s.users[deactivated].ID); err != nil {
		s.t.Fatal(err)
	}
	for who, of := range map[role]role{memberKey: member, adminKey: admin} {
		session, err := s.Auth.Resolve(ctx, auth.Web, s.tokens[of], auth.Client{})
		if err != nil {
			s.t.Fatal(err)
		}
		if s.tokens[who], _, err = s.Auth.CreateKey(ctx, session, string(who), "", "never"); err != nil {
			s.t.Fatal(err)
		}
		s.users[who] = s.users[of]
	}
}

// answer is what came back.
type answer struct {
	*http.Response
	Text string
	t    testing.TB
}

// get asks for a page.
func (s *site) get(who role, path string) answer {
	s.t.Helper()
	return s.do(who, httptest.NewRequest(http.MethodGet, path, nil))
}

// part asks for a page as htmx does for a part of it.
func (s *site) part(who role, path string) answer {
	s.t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	asPart(r)
	return s.do(who, r)
}

// post sends a form.
func (s *site) post(who role, path string, form url.Values) answer {
	s.t.Helper()
	return s.do(who, formRequest(path, form))
}

// postPart sends a form as htmx does.
func (s *site) postPart(who role, path string, form url.Values) answer {
	s.t.Helper()
	r := formRequest(path, form)
	asPart(r)
	return s.do(who, r)
}

// postJSON calls the API.
func (s *site) postJSON(who role, path, body string) answer {
	s.t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return s.do(who, r)
}

func formRequest(path string, form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func asPart(r *http.Request) {
	r.Header.Set("HX-Request", "true")
	r.Header.Set("HX-Request-Type", "partial")
}

// do sends a request as somebody.
func (s *site) do(who role, r *http.Request) answer {
	s.t.Helper()
	if r.Context() == context.Background() {
		r = r.WithContext(s.t.Context())
	}
	r.Host = "alur.test"
	if token := s.tokens[who]; who == memberKey || who == adminKey {
		r.Header.Set("Authorization", "Bearer "+token)
	} else if token != "" {
		r.AddCookie(s.cookie(sessionCookie, token))
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	res := w.Result()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{Response: res, Text: string(text), t: s.t}
}

// want fails the test unless the status is the given one.
func (a answer) want(status int) answer {
	a.t.Helper()
	if a.StatusCode != status {
		a.t.Fatalf("status %d, want %d:\n%.2000s", a.StatusCode, status, a.Text)
	}
	return a
}

// doc parses the answer.
func (a answer) doc() *goquery.Document {
	a.t.Helper()
	d, err := goquery.NewDocumentFromReader(strings.NewReader(a.Text))
	if err != nil {
		a.t.Fatal(err)
	}
	return d
}

// find returns the text of the first element that matches, with its white space
// made single; it fails when there is none.
func (a answer) find(selector string) string {
	a.t.Helper()
	found := a.doc().Find(selector).First()
	if found.Length() == 0 {
		a.t.Fatalf("no %s in:\n%.3000s", selector, a.Text)
	}
	return strings.Join(strings.Fields(found.Text()), " ")
}

// words is what the answer says to people, for messages.
func (a answer) words() string {
	a.t.Helper()
	text := a.Text
	if main := a.doc().Find("main"); main.Length() > 0 {
		text = main.Text()
	}
	return views.Clip(strings.Join(strings.Fields(text), " "), 400)
}

// toast is the notice that the answer leaves for the next page.
func (s *site) toast(who role, a answer) string {
	s.t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/help", nil)
	for _, c := range a.Cookies() {
		r.AddCookie(c)
	}
	return s.do(who, r).find(".toast")
}
