package cmd

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"alur/engine/pg"
	"alur/migrations"
)

// connectWithin is how long a start waits for a database that is starting too.
const connectWithin = 30 * time.Second

// database is the open, migrated database, and the server behind it when that is
// ours.
type database struct {
	*pg.DB
	url     string
	private *pg.Private // nil with DATABASE_URL
}

// openDatabase is reachDatabase, and brings the database up to date.
func openDatabase(ctx context.Context, c Config, within time.Duration, log *slog.Logger) (*database, error) {
	d, err := reachDatabase(ctx, c, within, log)
	if err != nil {
		return nil, err
	}
	if err := migrations.Up(ctx, d.Side().DB); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// reachDatabase starts the private PostgreSQL unless c names a database, and
// connects, waiting within a time for one that does not answer.
func reachDatabase(ctx context.Context, c Config, within time.Duration, log *slog.Logger) (*database, error) {
	d := &database{url: c.DatabaseURL}
	if d.url == "" {
		private, err := pg.OpenPrivate(ctx, pg.PrivateOptions{Dir: c.DataDir, Log: log})
		if err != nil {
			return nil, err
		}
		d.private, d.url = private, private.URL()
	}
	var err error
	if d.DB, err = connect(ctx, d.url, c.Connections, within, log); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// connect waits within a time for a database that does not answer yet.
func connect(ctx context.Context, url string, conns int, within time.Duration, log *slog.Logger) (*pg.DB, error) {
	deadline := time.Now().Add(within)
	for told := false; ; told = true {
		db, err := pg.Open(ctx, url, conns)
		switch {
		case err == nil:
			return db, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !pg.IsUnavailable(err) || time.Now().After(deadline):
			return nil, fmt.Errorf("the database cannot be used (%w). Check DATABASE_URL and that PostgreSQL runs there", err)
		}
		if !told {
			log.WarnContext(ctx, "database does not answer yet, waiting for it", "err", err)
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func (d *database) close() {
	if d.DB != nil {
		d.DB.Close()
	}
	if d.private != nil {
		d.private.Close()
	}
}
