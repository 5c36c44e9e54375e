package migrations_test

import (
	"database/sql"
	"errors"
	"sync"
	"testing"

	"alur/engine/pgtest"
	"alur/migrations"
)

func TestUp(t *testing.T) {
	t.Parallel()
	url := pgtest.NewEmptyURL(t)
	// Four first starts at once: one works, nobody fails.
	errs := make([]error, 4)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			db, err := sql.Open("postgres", url)
			if err != nil {
				errs[i] = err
				return
			}
			defer db.Close()
			errs[i] = migrations.Up(t.Context(), db)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatalf("Up: %v", err)
	}
	db := pgtest.Open(t, url).Side().DB
	if err := migrations.Up(t.Context(), db); err != nil {
		t.Fatalf("Up on a migrated database: %v", err)
	}
	if _, err := db.ExecContext(t.Context(), "INSERT INTO alur.schema_migrations (version_id, is_applied) VALUES (9999, true)"); err != nil {
		t.Fatalf("pretend an upgrade: %v", err)
	}
	if err := migrations.Up(t.Context(), db); !errors.Is(err, migrations.ErrNewer) {
		t.Errorf("Up on a newer database: %v, want ErrNewer", err)
	}
}
