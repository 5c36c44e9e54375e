// Package migrations holds the numbered, forward-only changes of the database
// and brings a database up to date with them.
//
// Several processes may start on one empty database at once: a lock of the
// session lets one of them work and the others find the work done. There is no
// way down; a mistake is mended by the next number.
package migrations

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"alur/engine/crashpoint"
	"alur/engine/fault"

	"github.com/pressly/goose/v3"
)

//go:embed *.sql
var files embed.FS

// ErrNewer means that the database was made by a newer alur than this one.
var ErrNewer = fault.New(fault.Conflict,
	"This database was upgraded by a newer version of alur. Start that version, or restore a backup from before the upgrade.")

// Up applies every migration that db lacks. It is safe to call from several
// processes at once, and returns [ErrNewer] when db knows a migration that this
// program does not.
func Up(ctx context.Context, db *sql.DB) error {
	unlock, err := lock(ctx, db)
	if err != nil {
		return fmt.Errorf("lock the database for migrations: %w", err)
	}
	defer unlock()
	p, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithTableName("alur.schema_migrations"),
		goose.WithSlog(slog.New(slog.DiscardHandler)),
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	// One by one; each is a transaction of its own.
	for err == nil {
		if _, err = p.UpByOne(ctx); err == nil {
			crashpoint.Hit(crashpoint.DuringMigration)
		}
	}
	if !errors.Is(err, goose.ErrNoNextVersion) {
		return fmt.Errorf("migrate the database: %w", err)
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the database's version: %w", err)
	}
	if current > target {
		return ErrNewer
	}
	return nil
}

// Pending counts the migrations that db lacks, and changes nothing. It returns
// [ErrNewer] as Up does.
func Pending(ctx context.Context, db *sql.DB) (int, error) {
	names := must(fs.Glob(files, "*.sql"))
	var made bool
	if err := db.QueryRowContext(ctx, "SELECT to_regclass('alur.schema_migrations') IS NOT NULL").Scan(&made); err != nil {
		return 0, fmt.Errorf("look for migrations: %w", err)
	}
	if !made {
		return len(names), nil
	}
	var current int
	if err := db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM alur.schema_migrations WHERE is_applied").Scan(&current); err != nil {
		return 0, fmt.Errorf("read the database's version: %w", err)
	}
	if current > len(names) { // numbered without a gap
		return 0, ErrNewer
	}
	return len(names) - current, nil
}

// lock keeps other starts out until unlock is called or the session ends.
//
// goose has a session lock too, but takes it only after it has made its table,
// which two first starts then race for, and asks for it once a second.
func lock(ctx context.Context, db *sql.DB) (unlock func(), err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	unlock = func() {
		// The end of ctx would break the connection, and so unlock as well.
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(4710, 0)")
		conn.Close()
	}
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock(4710, 0)"); err != nil {
		conn.Close()
		return nil, err
	}
	// The table of migrations lives in our schema.
	if _, err := conn.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS alur"); err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// Hash identifies the state that [Up] leads to.
func Hash() string {
	sum := sha256.New()
	for _, name := range must(fs.Glob(files, "*.sql")) {
		fmt.Fprintf(sum, "%s\x00%s\x00", name, must(files.ReadFile(name)))
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

func must[T any](v T, err error) T {
	if err != nil {
		panic("migrations: " + err.Error()) // embedded files: a broken build
	}
	return v
}
