package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// Migrate brings the schema of the database up to date and returns its version
// before and after. [Open] does so too.
func Migrate(ctx context.Context, url string) (from, to int64, err error) {
	path, err := sqlitePath(url)
	if err != nil {
		return 0, 0, err
	}
	unlock, err := hold(path)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	db, err := openSQLite(path, 1)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return migrate(ctx, db)
}

func migrate(ctx context.Context, db *sql.DB) (from, to int64, err error) {
	files, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return 0, 0, fmt.Errorf("migrate the database: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files)
	if err != nil {
		return 0, 0, fmt.Errorf("migrate the database: %w", err)
	}
	if from, err = provider.GetDBVersion(ctx); err != nil {
		return 0, 0, fmt.Errorf("migrate the database: read its version: %w", err)
	}
	sources := provider.ListSources()
	if known := sources[len(sources)-1].Version; from > known {
		return from, from, fmt.Errorf("the database has schema %d, made by a newer casehook: this one knows %d", from, known)
	}
	if _, err = provider.Up(ctx); err != nil {
		return from, from, fmt.Errorf("migrate the database: %w", err)
	}
	if to, err = provider.GetDBVersion(ctx); err != nil {
		return from, from, fmt.Errorf("migrate the database: read its version: %w", err)
	}
	return from, to, nil
}
