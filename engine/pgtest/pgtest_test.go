package pgtest_test

import (
	"testing"

	"alur/engine/pgtest"
)

func TestNew(t *testing.T) {
	t.Parallel()
	one, two := pgtest.New(t), pgtest.New(t)
	if _, err := one.ExecContext(t.Context(), "INSERT INTO alur.settings (key, value) VALUES ('a', '1')"); err != nil {
		t.Fatalf("insert: %v", err)
	}
	var n int
	if err := two.GetContext(t.Context(), &n, "SELECT count(*) FROM alur.settings"); err != nil || n != 0 {
		t.Errorf("the other database has %d rows (%v), want 0", n, err)
	}
	var super bool
	if err := one.GetContext(t.Context(), &super, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"); err != nil || super {
		t.Errorf("tests run as superuser: %v (%v)", super, err)
	}
	again := pgtest.Open(t, pgtest.URL(t, one))
	if err := again.GetContext(t.Context(), &n, "SELECT count(*) FROM alur.settings"); err != nil || n != 1 {
		t.Errorf("the same address has %d rows (%v), want 1", n, err)
	}
}
