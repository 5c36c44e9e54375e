package auth

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // the same zones on every machine
)

//go:embed zones.txt
var zones string

// Zones returns the names of the time zones that a person may choose.
func Zones() []string { return strings.Fields(zones) }

func knownZone(name string) bool {
	_, err := time.LoadLocation(name)
	return name != "" && name != "Local" && err == nil
}

// Zone returns the server's time zone as chosen at the setup, UTC before. It
// reads over the side pool: transactions that hold every connection ask for it.
func (s *Store) Zone(ctx context.Context) (*time.Location, error) {
	if loc := s.zone.Load(); loc != nil {
		return loc, nil
	}
	var value []byte
	switch err := s.DB.Side().GetContext(ctx, &value, queries.Get("zone")); {
	case errors.Is(err, sql.ErrNoRows):
		if s.hasRoot.Load() { // the set-up is over; it would have chosen one
			s.zone.Store(time.UTC)
		}
		return time.UTC, nil
	case err != nil:
		return nil, fmt.Errorf("read the time zone: %w", err)
	}
	var name string
	if err := json.Unmarshal(value, &name); err != nil {
		return nil, fmt.Errorf("read the time zone: %w", err)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("read the time zone: %w", err)
	}
	s.zone.Store(loc)
	return loc, nil
}
