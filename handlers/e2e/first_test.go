package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// TestFirstStart follows the setup link: administrator made, signed in, home.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	s := start(t)
	if status, text := s.fetch("/"); status != http.StatusServiceUnavailable || !strings.Contains(text, "one-time setup link") {
		t.Fatalf("before the set-up / answers %d:\n%s", status, text)
	}
	v := s.visitor(t)
	v.open("/")
	v.inspect("before-setup")
	v.open(s.Setup)
	v.inspect("setup")
}
