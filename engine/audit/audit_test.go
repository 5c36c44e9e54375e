package audit_test

import (
	"strings"
	"testing"
	"time"

	"alur/engine/audit"
	"alur/engine/pgtest"
)

var noon = time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)

// TestStays: no statement changes or removes an entry.
func TestStays(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	if err := audit.Write(t.Context(), db, audit.Entry{At: noon, Kind: audit.Roles, Text: "x"}); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"UPDATE alur.audit_log SET text = 'y'", "DELETE FROM alur.audit_log", "TRUNCATE alur.audit_log"} {
		if _, err := db.ExecContext(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "only added to") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx := audit.With(t.Context(), audit.Origin{Channel: "api", IP: "192.0.2.9", Agent: "curl/8"})
	for i, e := range []audit.Entry{
		{Kind: audit.SignIn, UserID: 1, Person: "Ann", Text: "Signed in."},
		{Kind: audit.Roles, UserID: 1, Person: "Ann", Text: "Made the role 100%."},
		{Kind: audit.Refused, Text: "Wrong\x00 password" + strings.Repeat("!", 600)},
	} {
		e.At = noon.AddDate(0, 0, i)
		if err := audit.Write(ctx, db, e); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		f    audit.Filter
		want int
		more bool
	}{
		"all":       {audit.Filter{}, 3, false},
		"one":       {audit.Filter{Limit: 1}, 1, true},
		"person":    {audit.Filter{UserID: 1}, 2, false},
		"kind":      {audit.Filter{Kind: audit.Roles}, 1, false},
		"text":      {audit.Filter{Text: "SIGNED"}, 1, false},
		"percent":   {audit.Filter{Text: "%"}, 1, false},
		"address":   {audit.Filter{Text: "192.0.2.9"}, 3, false},
		"zero byte": {audit.Filter{Text: "\x00"}, 3, false},
		"since":     {audit.Filter{Since: noon.Add(time.Hour)}, 2, false},
		"until":     {audit.Filter{Until: noon.Add(time.Hour)}, 1, false},
	} {
		list, more, err := audit.List(t.Context(), db, tc.f)
		if err != nil || len(list) != tc.want || more != tc.more {
			t.Errorf("%s: %d entries, more %v, %v", name, len(list), more, err)
		}
	}
	list, _, err := audit.List(t.Context(), db, audit.Filter{})
	if err != nil || list[0].Channel != "api" || list[0].Agent != "curl/8" || len([]rune(list[0].Text)) != 500 || list[0].UserID != 0 {
		t.Errorf("the newest is %+v, %v", list[0], err)
	}
}
