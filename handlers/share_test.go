package handlers

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"alur/engine/auth"
)

// TestAllowedOrigins: pages of an allowed site use the API with a token and see
// the headers that clients look at; other sites, and our pages, stay closed.
func TestAllowedOrigins(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(s *Server) { s.Origins = []string{"https://shop.example.com"} })
	const signIn = `{"account": "admin@alur.test", "password": "` + password + `"}`
	for _, c := range []struct {
		name, method, path, origin string
		status                     int
		open                       bool
	}{
		{"preflight", http.MethodOptions, "/api/orders:list", "https://shop.example.com", http.StatusNoContent, true},
		{"sign-in", http.MethodPost, "/api/auth:signIn", "https://shop.example.com", http.StatusOK, true},
		{"without token", http.MethodGet, "/api/collections:list", "https://shop.example.com", http.StatusUnauthorized, true},
		{"preflight of another", http.MethodOptions, "/api/orders:list", "https://evil.example.com", http.StatusNoContent, false},
		{"sign-in of another", http.MethodPost, "/api/auth:signIn", "https://evil.example.com", http.StatusForbidden, false},
		{"a neighbor", http.MethodPost, "/api/auth:signIn", "https://shop.example.com.evil.test", http.StatusForbidden, false},
		{"a page", http.MethodPost, "/sign-in", "https://shop.example.com", http.StatusForbidden, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, c.path, strings.NewReader(signIn))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Origin", c.origin)
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			if c.method == http.MethodOptions {
				r.Header.Set("Access-Control-Request-Method", http.MethodGet)
				r.Header.Set("Access-Control-Request-Headers", "authorization,x-role")
			}
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, r)
			h := w.Header()
			if w.Code != c.status {
				t.Errorf("status %d, want %d: %s", w.Code, c.status, w.Body)
			}
			if got := h.Get("Access-Control-Allow-Origin"); (got == c.origin) != c.open || got != "" && !c.open {
				t.Errorf("open to %q", got)
			}
			if h.Get("Access-Control-Allow-Credentials") != "" {
				t.Error("the cookie is let through")
			}
			if c.open && c.method != http.MethodOptions && !strings.Contains(h.Get("Access-Control-Expose-Headers"), "X-New-Token") {
				t.Errorf("shows only %q", h.Get("Access-Control-Expose-Headers"))
			}
			if c.open && c.method == http.MethodOptions && !strings.Contains(h.Get("Access-Control-Allow-Headers"), "X-Role") {
				t.Errorf("takes only %q", h.Get("Access-Control-Allow-Headers"))
			}
		})
	}
}

// TestNewToken: a program whose token is a day old is told the next one.
func TestNewToken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	token, _, err := s.Auth.SignIn(t.Context(), auth.API, "admin@alur.test", password, auth.Client{IP: "192.0.2.1"})
	if err != nil {
		t.Fatal(err)
	}
	call := func(token string) (next string) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/api/auth:check", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
		return w.Header().Get("X-New-Token")
	}
	if _, err := s.DB.ExecContext(t.Context(), `UPDATE alur.sessions SET created_at = created_at - interval '25 hours' WHERE kind = 'api'`); err != nil {
		t.Fatal(err)
	}
	next := call(token)
	if next == "" || next == token {
		t.Fatalf("the new token is %q", next)
	}
	if again := call(next); again != "" {
		t.Error("the new token was replaced at once")
	}
	call(token)
}
