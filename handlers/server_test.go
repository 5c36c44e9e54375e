package handlers

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"alur/engine/pgtest"
	"alur/static"
)

func TestHeaders(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	res := s.get(member, "/").want(200)
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":  "nosniff",
		"Referrer-Policy":         "same-origin",
		"Cache-Control":           "no-store",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if res.Header.Get("X-Request-Id") == "" {
		t.Error("the answer has no number")
	}
	css := s.get(nobody, static.Path("css/alur.css")).want(200)
	if got := css.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("the stylesheet's Cache-Control is %q", got)
	}
}

func TestGzip(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	res := s.do(member, r).want(200)
	zip, err := gzip.NewReader(strings.NewReader(res.Text))
	if err != nil {
		t.Fatalf("not compressed: %v", err)
	}
	text, _ := io.ReadAll(zip)
	if !strings.Contains(string(text), "<h1>Home</h1>") {
		t.Errorf("unpacked:\n%s", text)
	}
}

func TestGate(t *testing.T) {
	t.Parallel()
	s := &site{t: t, Server: newServer(t, pgtest.New(t))}
	s.handler = s.Routes()
	for _, path := range []string{"/", "/sign-in", "/nothing/there"} {
		a := s.get(nobody, path).want(http.StatusServiceUnavailable)
		if !strings.Contains(a.find("main"), "one-time setup link") {
			t.Errorf("GET %s does not say where the link is:\n%s", path, a.Text)
		}
	}
	if a := s.postJSON(nobody, "/api/auth:signIn", "{}").want(http.StatusServiceUnavailable); !strings.Contains(a.Text, `"errors":[{"message":"This server is not set up yet.`) {
		t.Errorf("the API answers %s", a.Text)
	}
	s.get(nobody, "/healthz").want(200)
	s.get(nobody, static.Path("css/alur.css")).want(200)
}

func TestNotSignedIn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, who := range []role{nobody, deactivated} {
		a := s.get(who, "/help?x=1").want(http.StatusSeeOther)
		if got := a.Header.Get("Location"); got != "/sign-in?next=%2Fhelp%3Fx%3D1" {
			t.Errorf("%s is sent to %q", who, got)
		}
		r := httptest.NewRequest(http.MethodGet, "/help", nil)
		asPart(r)
		r.Header.Set("HX-Current-URL", "http://alur.test/workflows?q=a")
		a = s.do(who, r).want(http.StatusUnauthorized)
		if got := a.Header.Get("HX-Redirect"); got != "/sign-in?next=%2Fworkflows%3Fq%3Da" {
			t.Errorf("htmx is sent to %q as %s", got, who)
		}
	}
}

func TestLocal(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{
		"/tasks?x=1":          "/tasks?x=1",
		"":                    "/",
		"//evil.example":      "/",
		"/\\evil.example":     "/",
		"https://evil.test/":  "/",
		"/a\r\nSet-Cookie: x": "/",
		"javascript:alert(1)": "/",
	} {
		if got := local(next); got != want {
			t.Errorf("local(%q) = %q, want %q", next, got, want)
		}
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/workflows/123456789012/nodes":             "/workflows/123456789012/nodes",
		"/d/alur_lnk_abc-DEF_9":                     "/d/***",
		"/setup/9f8e7d6c5b4a39281706f5e4d3c2b1a0/x": "/setup/***/x",
	} {
		if got := mask(path); got != want {
			t.Errorf("mask(%q) = %q, want %q", path, got, want)
		}
	}
}

// TestCrossOrigin sends what a browser sends for a form on another site.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, tc := range []struct {
		name    string
		headers map[string]string
		want    int
	}{
		{"own form", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://alur.test"}, http.StatusNotFound},
		{"own form over plain http", map[string]string{"Origin": "http://alur.test"}, http.StatusNotFound},
		{"program", nil, http.StatusNotFound},
		{"other site", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}, http.StatusForbidden},
		{"other site over plain http", map[string]string{"Origin": "https://evil.test"}, http.StatusForbidden},
		{"neighbor domain", map[string]string{"Sec-Fetch-Site": "same-site"}, http.StatusForbidden},
		{"sandboxed frame", map[string]string{"Origin": "null"}, http.StatusForbidden},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := formRequest("/no/such/form", url.Values{})
			for k, v := range tc.headers {
				r.Header.Set(k, v)
			}
			s.do(admin, r).want(tc.want)
		})
	}
}

func TestUnknownPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.get(member, "/no/such/page").want(http.StatusNotFound)
	if got := a.find("main h1"); got != "Not found" {
		t.Errorf("title %q", got)
	}
	if a.doc().Find("nav#nav a").Length() == 0 {
		t.Error("the page has no navigation")
	}
	a = s.get(nobody, "/no/such/page").want(http.StatusNotFound)
	if a.doc().Find("nav#nav").Length() != 0 {
		t.Error("nobody sees the navigation")
	}
	a = s.part(member, "/no/such/page").want(http.StatusNotFound)
	if got := a.Header.Get("HX-Retarget"); got != "#toasts" || a.find(".toast") == "" {
		t.Errorf("htmx puts the error into %q", got)
	}
	if a := s.get(member, "/api/none:list").want(http.StatusNotFound); !strings.Contains(a.Text, `"errors"`) {
		t.Errorf("the API answers %s", a.Text)
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.post(member, "/no/such/form", url.Values{"x": {strings.Repeat("x", 1<<20)}})
	if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.Text, "1 MB") {
		t.Errorf("status %d:\n%.500s", a.StatusCode, a.Text)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, path := range []string{"/healthz", "/readyz"} {
		s.get(nobody, path).want(200)
	}
	s.DB.Close()
	s.get(nobody, "/healthz").want(200) // the process lives
	s.get(nobody, "/readyz").want(http.StatusServiceUnavailable)
}

// TestLogKeepsSecrets calls every page with a secret address, right and wrong,
// and looks for the secret in the log (promises.md S1).
func TestLogKeepsSecrets(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.furnish()
	var log bytes.Buffer
	s.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	calls := 0
	for _, r := range s.Table() {
		if !r.Secret() {
			continue
		}
		for _, path := range append(s.paths(r), strings.ReplaceAll(r.Path, ":token", "alur_lnk_"+strings.Repeat("x", 43))) {
			a := s.call(r, path, nobody)
			calls++
			secret := strings.Split(path, "/")[2]
			if strings.Contains(log.String(), secret) && len(secret) > 10 {
				t.Errorf("the log of %s %s holds the secret", r.Method, r.Path)
			}
			for name, want := range map[string]string{"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"} {
				if got := a.Header.Get(name); got != want {
					t.Errorf("%s of %s %s is %q, want %q", name, r.Method, r.Path, got, want)
				}
			}
		}
	}
	if calls < 10 || !strings.Contains(log.String(), "path=/links/***") {
		t.Errorf("after %d calls the log says:\n%.1000s", calls, log.String())
	}
}

// TestBroken calls a route that panics: the page says so in words, with a
// number that finds the cause in the log.
func TestBroken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var log bytes.Buffer
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	g := &Group{server: s.Server}
	g.GET("/broken", Signed, func(echo.Context) error { panic("no such wheel") })
	a := s.get(member, "/broken").want(http.StatusInternalServerError)
	id := a.Header.Get("X-Request-Id")
	if got := a.find("main code"); got != id {
		t.Errorf("the page refers to %q, want %q", got, id)
	}
	if strings.Contains(a.Text, "wheel") {
		t.Error("the page shows the cause")
	}
	if text := log.String(); !strings.Contains(text, "no such wheel") || !strings.Contains(text, "request_id="+id) {
		t.Errorf("the log says:\n%s", text)
	}
}

// TestCookies signs in over https and over plain http: over https the name
// makes browsers refuse a cookie that a neighbor domain set.
func TestCookies(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{"https://alur.test": "__Host-alur", "http://alur.test": "alur"} {
		s := newSite(t, func(s *Server) { s.BaseURL = base })
		a := s.post(nobody, "/sign-in", url.Values{"account": {"member@alur.test"}, "password": {password}}).want(http.StatusSeeOther)
		found := false
		for _, c := range a.Cookies() {
			if c.Name != want {
				continue
			}
			found = true
			if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure != (want != "alur") {
				t.Errorf("at %s the cookie is %s", base, c)
			}
		}
		if !found {
			t.Errorf("at %s there is no cookie %s among %v", base, want, a.Cookies())
		}
	}
}
