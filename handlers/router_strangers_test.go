package handlers

import (
	"regexp"
	"strings"
	"testing"

	"alur/engine/auth"
)

// number is an id of a row, or of a session.
var number = regexp.MustCompile(`[0-9a-f]{64}|[0-9]{6,}`)

// TestStrangers calls every route that a member may call with the ids of things
// that are not theirs: the answer is the one for ids that do not exist
// (promises.md S4).
func TestStrangers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	own := []string{"view:own", "create", "update:own", "destroy:own", "export:own"}
	if _, err := s.Auth.UpdateRole(t.Context(), auth.System, auth.Member, auth.RoleChange{Actions: &own}); err != nil {
		t.Fatal(err)
	}
	s.furnish()
	before := s.snapshot()
	tried := 0
	for _, r := range s.Table() {
		if r.Secret() || r.Stream || allow(s.actorOf(member), r.Need) != nil || !parameter.MatchString(strings.ReplaceAll(r.Path, `\:`, "")) {
			continue
		}
		for _, path := range s.existing(strings.ReplaceAll(r.Path, `\:`, "\x00")) {
			path = strings.ReplaceAll(path, "\x00", ":")
			missing := number.ReplaceAllStringFunc(path, func(id string) string {
				if len(id) == 64 {
					return strings.Repeat("0", 64)
				}
				return "471147114711"
			})
			if missing == path {
				continue
			}
			tried++
			theirs, nothing := s.call(r, path, member), s.call(r, missing, member)
			plain := func(a answer) string { return number.ReplaceAllString(a.words(), "ID") }
			if theirs.StatusCode != nothing.StatusCode || plain(theirs) != plain(nothing) {
				t.Errorf("%s %s: %d %s\nbut of what does not exist: %d %s", r.Method, path, theirs.StatusCode, theirs.words(), nothing.StatusCode, nothing.words())
			}
		}
	}
	s.same(before, "strangers")
	if tried < 20 {
		t.Errorf("only %d addresses were tried", tried)
	}
}
