package auth_test

import (
	"context"
	"testing"
	"time"

	"alur/engine/auth"
	"alur/engine/pg"
	"alur/engine/pgtest"
)

// TestZoneNeedsNoConnection: whoever holds the last connection can ask.
func TestZoneNeedsNoConnection(t *testing.T) {
	t.Parallel()
	db, err := pg.Open(t.Context(), pgtest.NewURL(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := &auth.Store{DB: db, Now: time.Now}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err = db.Tx(ctx, pg.ReadCommitted, func(*pg.Tx) error {
		zone, err := s.Zone(ctx)
		if err == nil && zone != time.UTC {
			t.Errorf("the zone is %v, want UTC", zone)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
