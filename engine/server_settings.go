package engine

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"alur/engine/pg"
)

// readSettings returns the settings of this server under key; fallback gives what
// was never set, the whole or parts of it.
func readSettings[T any](ctx context.Context, q pg.Q, key string, fallback T) (T, error) {
	var raw []byte
	switch err := q.GetContext(ctx, &raw, workflowQueries.Get("server_settings"), key); {
	case errors.Is(err, sql.ErrNoRows):
		return fallback, nil
	case err != nil:
		return fallback, fmt.Errorf("read the settings of %s: %w", key, err)
	}
	if err := json.Unmarshal(raw, &fallback); err != nil {
		return fallback, fmt.Errorf("read the settings of %s: %w", key, err)
	}
	return fallback, nil
}

// saveSettings keeps the settings of this server under key.
func saveSettings(ctx context.Context, tx *pg.Tx, key string, settings any, now time.Time) error {
	raw, err := json.Marshal(settings)
	if err != nil {
		return fmt.Errorf("encode the settings of %s: %w", key, err)
	}
	if _, err := tx.ExecContext(ctx, workflowQueries.Get("save_server_settings"), key, raw, now); err != nil {
		return fmt.Errorf("save the settings of %s: %w", key, err)
	}
	return nil
}
