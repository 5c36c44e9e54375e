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
	"fmt"
	"io/fs"
	"log/slog"

	"alur/engine/fault"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed *.sql
var files embed.FS

// ErrNewer means that the database was made by a newer alur than this one.
var ErrNewer = fault.New(fault.Conflict,
	"This database was upgraded by a newer version of alur. Start that version, or restore a backup from before the upgrade.")

// Up applies every migration that db lacks. It is safe to call from several
// processes at once, and returns [ErrNewer] when db knows a migration that this
// program does not.
func Up(ctx context.Context, db *sql.DB) error { return up(ctx, db, files) }

// Hash identifies the state that [Up] leads to.
func Hash() string {
	sum := sha256.New()
	for _, name := range must(fs.Glob(files, "*.sql")) {
		fmt.Fprintf(sum, "%s\x00%s\x00", name, must(files.ReadFile(name)))
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

func up(ctx context.Context, db *sql.DB, from fs.FS) error {
	if err := schema(ctx, db); err != nil {
		return fmt.Errorf("create schema alur: %w", err)
	}
	// Asks each second, for ten minutes: a first start on a slow machine, or
	// one long migration.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 600))
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, from,
		goose.WithTableName("alur.schema_migrations"),
		goose.WithSessionLocker(locker),
		goose.WithSlog(slog.New(slog.DiscardHandler)),
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
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

// schema makes the schema that the table of migrations lives in. Two first
// starts collide on the catalog even with IF NOT EXISTS, so it waits its turn.
func schema(ctx context.Context, db *sql.DB) error {
	var there bool
	err := db.QueryRowContext(ctx, "SELECT to_regnamespace('alur') IS NOT NULL").Scan(&there)
	if err != nil || there {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(4710)"); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS alur"); err != nil {
		return err
	}
	return tx.Commit()
}

func must[T any](v T, err error) T {
	if err != nil {
		panic("migrations: " + err.Error()) // embedded files: a broken build
	}
	return v
}
