package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// Migrate brings the schema of the database up to date and returns its version
// before and after. [Open] does so too.
func Migrate(ctx context.Context, url string) (from, to int64, err error) {
	c, err := connect(ctx, url)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	return migrate(ctx, c)
}

// Exists reports whether there is a database at url that somebody has used.
func Exists(ctx context.Context, url string) (exists bool, err error) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		_, err := os.Stat(path)
		return err == nil, nil
	}
	c, err := connect(ctx, url)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.reading.QueryRowContext(ctx, `SELECT to_regclass('organizations') IS NOT NULL`).Scan(&exists); err != nil || !exists {
		return false, err
	}
	err = c.reading.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM organizations)`).Scan(&exists)
	return exists, err
}

func migrate(ctx context.Context, c *connection) (from, to int64, err error) {
	folder, dialect, options, err := c.migrations()
	if err != nil {
		return 0, 0, fmt.Errorf("migrate the database: %w", err)
	}
	files, err := fs.Sub(migrations, folder)
	if err != nil {
		return 0, 0, fmt.Errorf("migrate the database: %w", err)
	}
	provider, err := goose.NewProvider(dialect, c.writing, files, options...)
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
