package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxUnwritten is how many entries wait to be written before calls wait too.
	maxUnwritten = 4096
	// untilFull is how long a call waits for room among them before it is refused.
	untilFull = time.Second
	// gathering is how long entries are gathered before they are written.
	gathering = 50 * time.Millisecond
	// untilAgain is the time between two tries where the database is gone.
	untilAgain = time.Second
)

// errFull means that so many entries wait to be written that no other can.
var errFull = errors.New("too many entries of the audit wait to be written")

// auditor writes the entries of calls that wrote nothing themselves, many at once, so
// that a call does not wait for a commit. It gives none up while the store is open: where
// the database is gone it tries again, and once its queue is full, calls wait, and then are
// refused.
type auditor struct {
	writer  *writer
	log     *slog.Logger
	queue   chan unwritten
	waiting atomic.Int64  // entries that were put in and are not written
	failing chan error    // gives why the last try failed, between two tries
	ending  chan struct{} // closed by close
	done    chan struct{} // closed when the goroutine has ended
	lost    int           // entries that could not be written before the end; read after done
	mu      sync.RWMutex  // protects shut, and queue from being closed while somebody sends
	shut    bool
}

// unwritten is an entry as it is to be written, or the question how the writing of those before it went.
type unwritten struct {
	entry entryRows
	asked chan<- error // nil for an entry
}

func startAuditor(w *writer, log *slog.Logger) *auditor {
	a := &auditor{
		writer:  w,
		log:     log,
		queue:   make(chan unwritten, maxUnwritten),
		failing: make(chan error),
		ending:  make(chan struct{}),
		done:    make(chan struct{}),
	}
	go a.run()
	return a
}

// RecordAuditEntry has an entry written soon, unless it is written already. It waits only
// where very many are waiting to be written, and not for long. The error is that they
// still are, that ctx has ended meanwhile, or that the store was closed.
func (s *Store) RecordAuditEntry(ctx context.Context, e *AuditEntry) error {
	if e.written {
		return nil
	}
	s.auditor.waiting.Add(1)
	var entry entryRows
	entry.add(e, "")
	if err := s.auditor.put(ctx, unwritten{entry: entry}); err != nil {
		s.auditor.waiting.Add(-1)
		return fmt.Errorf("record an entry of the audit: %w", err)
	}
	e.written = true
	return nil
}

// UnwrittenEntries returns how many entries of the audit wait to be written.
func (s *Store) UnwrittenEntries() int { return int(s.auditor.waiting.Load()) }

// put puts u in the queue. Where there is room it is taken, also where ctx has ended: what
// a client asked for and did not wait for is on record too.
func (a *auditor) put(ctx context.Context, u unwritten) error {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.shut {
		return errClosed
	}
	select {
	case a.queue <- u:
		return nil
	default:
	}
	full := time.NewTimer(untilFull)
	defer full.Stop()
	select {
	case a.queue <- u:
		return nil
	case <-full.C:
		return errFull
	case <-ctx.Done():
		return ctx.Err()
	}
}

// flush waits until what was put in before is written, and returns why it could not be. Of
// what cannot be for now it does not wait for the end.
func (a *auditor) flush(ctx context.Context) error {
	asked := make(chan error, 1)
	if err := a.put(ctx, unwritten{asked: asked}); err != nil {
		return err
	}
	select {
	case err := <-asked:
		return err
	case err := <-a.failing:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close ends the goroutine once everything given to it is written, or the database does
// not take it.
func (a *auditor) close() error {
	close(a.ending)
	a.mu.Lock()
	a.shut = true
	close(a.queue)
	a.mu.Unlock()
	<-a.done
	if a.lost > 0 {
		return fmt.Errorf("%d entries of the audit could not be written", a.lost)
	}
	return nil
}

func (a *auditor) run() {
	defer close(a.done)
	for first := range a.queue {
		rows, asked := a.gather(first)
		err := a.write(rows)
		for _, asking := range asked {
			asking <- err
		}
		if err != nil && a.lost == 0 {
			err = a.insist(rows, err)
		}
		if err != nil {
			a.lost += len(rows.entries)
			continue
		}
		a.waiting.Add(-int64(len(rows.entries)))
	}
}

// insist tries to write entries again, until they are written or the store is closed.
func (a *auditor) insist(rows entryRows, err error) error {
	a.log.Error("cannot write the audit", "entries", len(rows.entries), "error", err)
	for a.again(err) {
		if err = a.write(rows); err == nil {
			a.log.Info("the audit is written again")
			return nil
		}
	}
	return err
}

// write writes entries as one transaction. After one that was given up there is none, and
// who asks is told so.
func (a *auditor) write(rows entryRows) error {
	switch {
	case a.lost > 0:
		return errClosed
	case len(rows.entries) == 0:
		return nil
	}
	return a.writer.do(context.Background(), job{entries: rows})
}

// gather returns the rows of first and of what comes soon after it, and who asks how it
// goes: for them there is no waiting.
func (a *auditor) gather(first unwritten) (rows entryRows, asked []chan<- error) {
	full := time.NewTimer(gathering)
	defer full.Stop()
	for next, ok := first, true; ok; {
		if next.asked != nil {
			return rows, append(asked, next.asked)
		}
		rows.addAll(next.entry)
		if len(rows.entries)+len(rows.shown) >= maxBatch {
			return rows, asked
		}
		select {
		case next, ok = <-a.queue:
		case <-full.C:
			return rows, asked
		}
	}
	return rows, asked
}

// again waits before the next try, and reports whether there is to be one. Meanwhile it
// tells who asks why the last one failed.
func (a *auditor) again(err error) bool {
	timer := time.NewTimer(untilAgain)
	defer timer.Stop()
	for {
		select {
		case a.failing <- err:
		case <-timer.C:
			return true
		case <-a.ending:
			return false
		}
	}
}
