package handlers

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"alur/engine/auth"
)

// TestRights calls every route as everybody, with ids that exist and ids that
// do not: who lacks the declared right is refused and changes nothing, who has
// it is not refused (promises.md S3).
func TestRights(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.furnish()
	before := s.snapshot()
	for _, r := range s.Table() {
		for _, path := range s.paths(r) {
			for _, who := range everybody {
				if allow(s.actorOf(who), r.Need) != nil {
					s.refuses(r, path, who)
				}
			}
		}
	}
	s.same(before, "refused requests")
	for _, r := range s.Table() {
		for _, path := range s.paths(r) {
			for _, who := range everybody {
				if allow(s.actorOf(who), r.Need) == nil {
					s.admits(r, path, who)
				}
			}
		}
	}
}

// refuses checks that a route turns somebody away.
func (s *site) refuses(r Route, path string, who role) {
	s.t.Helper()
	a := s.call(r, path, who)
	want := http.StatusForbidden
	switch {
	case s.actorOf(who).Signed():
	case r.API():
		want = http.StatusUnauthorized
	default:
		want = http.StatusSeeOther
	}
	if a.StatusCode != want {
		s.t.Errorf("%s %s as %s: status %d, want %d", r.Method, path, who, a.StatusCode, want)
	}
	if want == http.StatusSeeOther && !strings.HasPrefix(a.Header.Get("Location"), "/sign-in") {
		s.t.Errorf("%s %s as %s leads to %q, not to the sign-in", r.Method, path, who, a.Header.Get("Location"))
	}
}

// admits checks that a route does not turn away somebody who has its right.
// What the request then finds (nothing, a form to fill in) is not asked here.
func (s *site) admits(r Route, path string, who role) {
	s.t.Helper()
	a := s.call(r, path, who)
	switch {
	case (who == memberKey || who == adminKey) && r.Method == http.MethodPost && (path == "/account/keys" || path == "/api/apiKeys:create"):
		if a.StatusCode != http.StatusForbidden { // a key makes no keys
			s.t.Errorf("%s as %s: status %d, want 403", path, who, a.StatusCode)
		}
	case path == "/api/auth:signUp":
		if a.StatusCode != http.StatusForbidden { // for everybody: people are invited
			s.t.Errorf("%s as %s: status %d, want 403", path, who, a.StatusCode)
		}
	case a.StatusCode == http.StatusUnauthorized && r.Need != Public, a.StatusCode == http.StatusForbidden, a.StatusCode >= 500:
		s.t.Errorf("%s %s as %s: status %d, although the route needs no more than they have: %s", r.Method, path, who, a.StatusCode, a.words())
	case r.Need != Public && strings.HasPrefix(a.Header.Get("Location"), "/sign-in?"):
		s.t.Errorf("%s %s as %s leads to the sign-in", r.Method, path, who)
	}
	if who != nobody && s.tokens[who] != "" {
		s.again(who)
	}
}

// again signs somebody in anew when a request ended their session.
func (s *site) again(who role) {
	s.t.Helper()
	if who == deactivated || who == memberKey || who == adminKey {
		return
	}
	if _, err := s.Auth.Resolve(s.t.Context(), auth.Web, s.tokens[who], auth.Client{}); err == nil {
		return
	}
	token, _, err := s.Auth.SignIn(s.t.Context(), auth.Web, string(who)+"@alur.test", password, auth.Client{IP: "192.0.2.1"})
	if err != nil {
		s.t.Fatalf("sign %s in again: %v", who, err)
	}
	s.tokens[who] = token
}

// TestEngineRefuses opens the door of every route and sends those who lack its
// right: the engine refuses them on its own. Nothing changes, and a page shows
// nothing, except blank forms.
func TestEngineRefuses(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(s *Server) { s.guard = func(auth.Actor, auth.Right) error { return nil } })
	s.furnish()
	before := s.snapshot()
	for _, r := range s.Table() {
		for _, path := range s.paths(r) {
			for _, who := range []role{nobody, member, memberKey} {
				if allow(s.actorOf(who), r.Need) == nil || r.Need == Signed {
					continue
				}
				a := s.call(r, path, who)
				if a.StatusCode >= 500 || a.StatusCode < 300 && !blank(r) && strings.TrimSpace(a.Text) != emptyList {
					t.Errorf("%s %s as %s: status %d: %s", r.Method, path, who, a.StatusCode, a.words())
				}
			}
		}
		if !s.same(before, r.Method+" "+r.Path) {
			before = s.snapshot()
		}
	}
}

// emptyList is what the API answers to who may see nothing of a list.
const emptyList = `{"data":[]}`

// blank reports whether a route shows nothing that the engine guards by actor:
// empty forms, and the catalogue, which says how records look and which every
// part of the engine reads.
func blank(r Route) bool {
	switch r.Path {
	case "/workflows/new", "/workflows/import", "/workflow-categories/new", "/variables/new", "/variables/import", "/users/new", "/roles/new", "/api-docs", "/api/openapi.json", `/api/auth\:signOut`:
		return true
	}
	return r.Method == http.MethodGet && strings.HasPrefix(r.Path, "/collections")
}

// TestReadOnly calls every GET and HEAD as everybody, as page and as fragment:
// not a row changes (promises.md S2). What may change is in [bookkeeping].
func TestReadOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.furnish()
	before := s.snapshot()
	for _, r := range s.Table() {
		if r.Method != http.MethodGet {
			continue
		}
		for _, path := range slices.Concat(s.paths(r), s.traps(r)) {
			for _, who := range everybody {
				if a := s.call(r, path, who); a.StatusCode >= 500 {
					t.Errorf("GET %s as %s: status %d: %s", path, who, a.StatusCode, a.words())
				}
				if r.Stream {
					continue
				}
				s.part(who, path)
				s.do(who, httptest.NewRequest(http.MethodHead, path, nil))
			}
		}
		if s.same(before, "GET "+r.Path) {
			continue
		}
		before = s.snapshot() // name each culprit, not all that follow
	}
}

// call sends what a route expects at least: nothing. A stream is left after a
// moment.
func (s *site) call(r Route, path string, who role) answer {
	s.t.Helper()
	var req *http.Request
	switch {
	case r.Method == http.MethodGet:
		req = httptest.NewRequest(r.Method, path, nil)
	case r.API():
		req = httptest.NewRequest(r.Method, path, strings.NewReader("{}"))
		req.Header.Set("Content-Type", "application/json")
	default:
		req = formRequest(path, url.Values{})
		req.Method = r.Method
	}
	if !r.Stream {
		return s.do(who, req)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 50*time.Millisecond)
	defer cancel()
	return s.do(who, req.WithContext(ctx))
}

func (s *site) actorOf(who role) auth.Actor {
	if who == nobody || who == deactivated {
		return auth.Actor{}
	}
	a, err := s.Auth.ActorOf(s.t.Context(), s.users[who])
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

var parameter = regexp.MustCompile(`[:*][A-Za-z]*`)

// paths fills the parameters of a route: with what is there, when the first
// part of the path tells where to look, and with what is not.
func (s *site) paths(r Route) []string {
	s.t.Helper()
	// A colon of an action is written \: in routes; it is no parameter.
	const colon = "\x00"
	path := strings.ReplaceAll(r.Path, `\:`, colon)
	plain := func(path string) string { return strings.ReplaceAll(path, colon, ":") }
	missing := parameter.ReplaceAllStringFunc(path, func(p string) string {
		if strings.Contains(p, "id") {
			return "4711"
		}
		return "nothing"
	})
	if missing == path {
		return []string{plain(missing)}
	}
	var all []string
	for _, have := range s.existing(path) {
		all = append(all, plain(have))
	}
	return append(all, plain(missing))
}

// same reports whether the database is as it was, and what is not.
func (s *site) same(before map[string]string, after string) bool {
	s.t.Helper()
	now := s.snapshot()
	same := true
	for _, table := range slices.Sorted(maps.Keys(now)) {
		if now[table] != before[table] {
			s.t.Errorf("%s changed %s", after, table)
			same = false
		}
	}
	return same
}

// bookkeeping are the columns that record the use of something, which a GET may
// write: when a session was last used, to the minute.
var bookkeeping = map[string][]string{
	"alur.sessions": {"used_at"},
	"alur.api_keys": {"used_at", "used_ip"},
}

// snapshot is a hash over the rows of every table.
func (s *site) snapshot() map[string]string {
	s.t.Helper()
	var tables []string
	err := s.DB.SelectContext(s.t.Context(), &tables, `
		SELECT quote_ident(schemaname) || '.' || quote_ident(tablename)
		FROM pg_tables WHERE schemaname IN ('alur', 'public')`)
	if err != nil {
		s.t.Fatal(err)
	}
	all := map[string]string{}
	for _, table := range tables {
		row := "to_jsonb(t)"
		for _, column := range bookkeeping[table] {
			row += fmt.Sprintf(" - '%s'", column)
		}
		var sum string
		err := s.DB.GetContext(s.t.Context(), &sum, fmt.Sprintf(
			`SELECT count(*) || ':' || coalesce(md5(string_agg(h, '' ORDER BY h)), '') FROM (SELECT md5((%s)::text) AS h FROM %s t) x`, row, table))
		if err != nil {
			s.t.Fatalf("hash %s: %v", table, err)
		}
		all[table] = sum
	}
	return all
}

// TestEveryRouteIsFurnished keeps the tests above honest: a route with
// parameters that is never called with something that exists tests nothing.
func TestEveryRouteIsFurnished(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.furnish()
	for _, r := range s.Table() {
		if unfurnished[r.Path] || len(s.paths(r)) > 1 || !parameter.MatchString(strings.ReplaceAll(r.Path, `\:`, "")) {
			continue
		}
		t.Errorf("%s %s is only called with what does not exist: add it to places", r.Method, r.Path)
	}
}

// unfurnished are routes whose links are over once used; their own tests follow
// them.
var unfurnished = map[string]bool{
	"/setup/:token":  true,
	"/invite/:token": true,
	"/reset/:token":  true,
}
