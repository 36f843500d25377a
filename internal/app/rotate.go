package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/casehook/casehook/internal/config"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/vault"
)

const (
	// lookAgain is the time between two looks at how far a server is.
	lookAgain = time.Second
	// underWay is how long a change may take from where its key is wrapped until it is on
	// disk. What another process wraps later it wraps by the new key.
	underWay = 5 * time.Second
)

// ErrNotRotated means that a server did not wrap all keys anew in time.
var ErrNotRotated = errors.New("the server has not wrapped all keys anew: does it run as this version, and with this data directory?")

// RotateMasterKey puts a new master key first, or the one in a KMS whose URI is given, and
// waits until every key in the database is wrapped by it, at most for patience; a server
// may be running. Where the last rotation was not finished, it is finished, and no key
// made. What it does it says to out. The error is ErrNoDatabase where there is none.
//
// Keys from the environment are the operator's to change: with those it only waits.
func RotateMasterKey(ctx context.Context, cfg config.Config, uri string, patience time.Duration, out io.Writer) error {
	if uri != "" {
		if err := vault.CheckURI(uri); err != nil {
			return err
		}
	}
	if err := requireDatabase(ctx, cfg); err != nil {
		return err
	}
	if err := makeData(cfg); err != nil { // the database may be elsewhere
		return err
	}
	master, err := masterKeys(ctx, cfg)
	if err != nil {
		return err
	}
	v, url := vault.New(master), databaseURL(cfg)
	if cfg.MasterKey != "" && uri != "" {
		return errors.New("CASEHOOK_MASTER_KEY has the keys: put the URI before them, separated by a comma, in the environment of every server, start them again, and then run this without it")
	}
	if cfg.MasterKey != "" && master.Len() == 1 {
		return errors.New("CASEHOOK_MASTER_KEY has one key: give every server a new one besides, separated by a comma, first after the old one and then before it, and then run this")
	}
	stale, err := countStale(ctx, v, url)
	if err != nil {
		return err
	}
	file, isFile := master.(*vault.KeyFile)
	already := isFile && uri != "" && file.FirstIs(uri)
	switch {
	case cfg.MasterKey != "":
	case stale > 0 && uri != "" && !already:
		return errors.New("the last rotation was not finished: finish it first, by the same command without --to")
	case stale > 0:
		fmt.Fprintf(out, "the last rotation was not finished: %d keys are wrapped by older master keys\n", stale)
	case already:
		fmt.Fprintln(out, "that master key is the first already")
	default:
		path, key, what := filepath.Join(cfg.Data, "master.key"), uri, "the key in the KMS"
		if key == "" {
			key, what = vault.NewMasterKey(), "a new master key"
		}
		if err := vault.AddMasterKey(path, key); err != nil {
			return err
		}
		if err := v.Reload(); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s is first in %s: back it up\n", what, path)
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := rewrap(waiting, cfg, v, url); err != nil {
		if ctx.Err() == nil && waiting.Err() != nil {
			return ErrNotRotated
		}
		return err
	}
	fmt.Fprintln(out, "every key in the database is wrapped by it; the older master keys open older backups only")
	return nil
}

// rewrap wraps all keys anew, or waits for the server that has the database to do so.
func rewrap(ctx context.Context, cfg config.Config, v *vault.Vault, url string) error {
	s, shares, _, err := openStore(ctx, cfg, nil)
	if errors.Is(err, store.ErrInUse) {
		return await(ctx, v, url)
	}
	if err != nil {
		return err
	}
	err = rewrapAll(ctx, s)
	if err == nil && s.Shared() {
		if err = wait(ctx, underWay); err == nil {
			err = rewrapAll(ctx, s)
		}
	}
	return errors.Join(err, s.Close(), shares.Close())
}

// rewrapAll wraps all keys anew that are there.
func rewrapAll(ctx context.Context, s *store.Store) error {
	for rewrapper := s.NewRewrapper(); !rewrapper.Done(); {
		if _, err := rewrapper.Rewrap(ctx); err != nil {
			return err
		}
	}
	return nil
}

// await waits until no key is wrapped by another master key.
func await(ctx context.Context, v *vault.Vault, url string) error {
	for {
		stale, err := countStale(ctx, v, url)
		if err != nil || stale == 0 {
			return err
		}
		if err := wait(ctx, lookAgain); err != nil {
			return err
		}
	}
}

// countStale returns how many keys are wrapped by another master key than the first.
func countStale(ctx context.Context, v *vault.Vault, url string) (int, error) {
	sealer, err := v.Sealer()
	if err != nil {
		return 0, err
	}
	return store.CountStale(ctx, url, sealer)
}

// wait waits for a while, or until ctx is done: then it returns why.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
