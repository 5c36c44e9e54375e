package task

import (
	"regexp"
	"strings"
	"time"
)

var stamps = regexp.MustCompile(`\b\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d{1,6})?Z)?\b`)

// Dated words the dates in a text for a reader in zone: variables give them in
// ISO form, "2026-12-24" and "2026-12-24T09:00:00.000Z", which nobody likes to
// read. A day stays the same day in every zone.
func Dated(text string, zone *time.Location) string {
	return stamps.ReplaceAllStringFunc(text, func(s string) string {
		if strings.Contains(s, "T") {
			t, err := time.Parse(time.RFC3339, s)
			if err != nil {
				return s
			}
			return t.In(zone).Format("2 Jan 2006, 15:04")
		}
		t, err := time.Parse(time.DateOnly, s)
		if err != nil {
			return s
		}
		return t.Format("2 Jan 2006")
	})
}
