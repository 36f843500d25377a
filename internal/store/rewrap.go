package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/casehook/casehook/internal/vault"
)

// maxRewrapped is how many keys one transaction wraps anew.
const maxRewrapped = 200

// maxAsked is how many of them are wrapped at a time: a KMS may have to be asked for each.
const maxAsked = 8

// looksAgain is how long it is believed that nothing is to be wrapped anew. A process that
// had not read the new master key yet may have wrapped by the former.
const looksAgain = time.Hour

// Rewrapper wraps by the master key that seals now all keys that another has wrapped, in
// small transactions. It is used by one goroutine at a time.
type Rewrapper struct {
	store  *Store
	sealer []byte    // by which it wraps
	after  string    // the case up to which all was looked at
	found  bool      // whether there was something to do in this round
	done   []byte    // the sealer of which a whole round found nothing to do
	doneAt time.Time // when that round ended
}

// NewRewrapper returns a Rewrapper.
func (s *Store) NewRewrapper() *Rewrapper { return &Rewrapper{store: s} }

// Done reports whether everything is wrapped by the master key that seals now, as far as
// the last round found. Where it cannot be known which that is, it is not.
func (r *Rewrapper) Done() bool {
	sealer, err := r.store.vault.Sealer()
	return err == nil && r.doneBy(sealer)
}

func (r *Rewrapper) doneBy(sealer []byte) bool {
	return sealer == nil || bytes.Equal(sealer, r.done) && r.store.now().Sub(r.doneAt) < looksAgain
}

// Rewrap wraps some keys anew, and reports whether there are more. A process that ends in
// between has lost nothing: each key opens by the old master key or by the new.
func (r *Rewrapper) Rewrap(ctx context.Context) (more bool, err error) {
	sealer, err := r.store.vault.Sealer()
	if err != nil || r.doneBy(sealer) {
		return false, err
	}
	if !bytes.Equal(sealer, r.sealer) {
		r.sealer, r.after, r.found = sealer, "", false
	}
	if r.after == "" {
		if _, _, err := r.table(ctx, organizationKeys, ""); err != nil {
			return false, fmt.Errorf("wrap the keys of organisations anew: %w", err)
		}
	}
	var full bool
	if r.after, full, err = r.table(ctx, caseKeys, r.after); err != nil {
		return false, fmt.Errorf("wrap the keys of cases anew: %w", err)
	}
	if full {
		return true, nil
	}
	if more = r.found; !more {
		r.done, r.doneAt = r.sealer, r.store.now()
	}
	r.after, r.found = "", false
	return more, nil
}

// keyTable is a table of wrapped keys. Read finds those, after an id, that begin with
// another sealer.
type keyTable struct {
	owner        func(id string) string
	read, update string
}

var (
	organizationKeys = keyTable{organizationOwner, `
		SELECT id, wrapped_key
		FROM organizations
		WHERE id > $1 AND substr(wrapped_key, 1, 5) <> $2
		ORDER BY id
		LIMIT $3`, `
		UPDATE organizations
		SET wrapped_key = $3
		WHERE id = $1 AND wrapped_key = $2`}
	// What is erased meanwhile stays so: its key is not the one that was read.
	caseKeys = keyTable{caseOwner, `
		SELECT id, wrapped_key
		FROM cases
		WHERE id > $1 AND substr(wrapped_key, 1, 5) <> $2 AND version > 0
		ORDER BY id
		LIMIT $3`, `
		UPDATE cases
		SET wrapped_key = $3
		WHERE id = $1 AND wrapped_key = $2`}
)

// table wraps some of the keys after an id anew. Last is the id of the last; full, whether
// there may be more. One that cannot be opened does not keep the others; a KMS that cannot
// be asked does.
func (r *Rewrapper) table(ctx context.Context, t keyTable, after string) (last string, full bool, err error) {
	type wrapped struct {
		id       string
		old, new []byte
	}
	rows, err := r.store.readers.QueryContext(ctx, t.read, after, r.sealer, maxRewrapped)
	if err != nil {
		return after, false, err
	}
	var stale []wrapped
	last = after
	err = scanAll(rows, func(rows *sql.Rows) error {
		var w wrapped
		err := rows.Scan(&w.id, &w.old)
		last = w.id
		stale = append(stale, w)
		return err
	})
	if err != nil || len(stale) == 0 {
		return last, false, err
	}
	r.found, full = true, len(stale) == maxRewrapped
	faults := make([]error, len(stale))
	asking, asked := errgroup.WithContext(ctx)
	asking.SetLimit(maxAsked)
	for i := range stale {
		asking.Go(func() error {
			if err := asked.Err(); err != nil {
				return err
			}
			w := &stale[i]
			if w.new, faults[i] = r.store.vault.Rewrap(t.owner(w.id), w.old); faults[i] == nil ||
				errors.Is(faults[i], vault.ErrTampered) || errors.Is(faults[i], vault.ErrUnknownMasterKey) {
				return nil
			}
			return faults[i]
		})
	}
	_ = asking.Wait() // it only ends the asking: the faults are all there
	failed := errors.Join(faults...)
	fresh := slices.DeleteFunc(stale, func(w wrapped) bool { return w.new == nil })
	err = r.store.writer.task(ctx, func(ctx context.Context, conn *sql.Conn) error {
		for _, w := range fresh {
			if _, err := conn.ExecContext(ctx, t.update, w.id, w.old, w.new); err != nil {
				return err
			}
		}
		return nil
	})
	return last, full, errors.Join(failed, err)
}

// ReloadMasterKeys has the master keys read again, where they can have changed.
func (s *Store) ReloadMasterKeys() error { return s.vault.Reload() }

// CountStale returns how many keys in the database at url, which may be in use, are not
// wrapped by the master key whose sealer is given; see [vault.Vault.Sealer].
func CountStale(ctx context.Context, url string, sealer []byte) (n int, err error) {
	c, err := connectReader(ctx, url)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	err = c.reading.QueryRowContext(ctx, `
		SELECT
			(SELECT COUNT(*) FROM cases WHERE version > 0 AND substr(wrapped_key, 1, 5) <> $1)
			+ (SELECT COUNT(*) FROM organizations WHERE substr(wrapped_key, 1, 5) <> $1)`, sealer).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count the keys to be wrapped anew: %w", err)
	}
	return n, nil
}
