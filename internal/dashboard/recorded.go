package dashboard

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/casehook/casehook/internal/service"
)

const (
	// refreshing is how long a page that was opened refreshes itself before it is on record again.
	refreshing = 30 * time.Minute
	// maxRecorded is how many calls are remembered.
	maxRecorded = 10_000
)

// recorded remembers calls that succeeded and are on record.
type recorded struct {
	mu    sync.Mutex           // protects calls
	calls map[string]time.Time // when each was last
}

func newRecorded() *recorded { return &recorded{calls: make(map[string]time.Time)} }

// lately reports whether the same call, with the same key and from the same address, was
// recorded so lately that a page can go on refreshing itself by it.
func (r *recorded) lately(e *service.AuditEntry) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, known := r.calls[callOf(e)]
	return known && time.Since(at) < refreshing
}

func (r *recorded) add(e *service.AuditEntry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.makeRoom()
	r.calls[callOf(e)] = time.Now()
}

// makeRoom forgets what was not recorded lately, or everything where all was.
func (r *recorded) makeRoom() {
	if len(r.calls) < maxRecorded {
		return
	}
	for call, at := range r.calls {
		if time.Since(at) >= refreshing {
			delete(r.calls, call)
		}
	}
	if len(r.calls) >= maxRecorded {
		clear(r.calls)
	}
}

func callOf(e *service.AuditEntry) string {
	return fmt.Sprintf("%q", []any{e.KeyID, e.Details.From, e.Operation, e.Details.Resources})
}

// record has a call recorded, and remembers that it was.
func (d *Dashboard) record(ctx context.Context, e *service.AuditEntry) error {
	if err := d.service.RecordAuditEntry(ctx, e); err != nil {
		return err
	}
	if e.OrganizationID != "" && e.Status < 300 {
		d.recorded.add(e)
	}
	return nil
}
