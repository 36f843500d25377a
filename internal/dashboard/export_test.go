package dashboard

import (
	"context"
	"errors"
	"time"

	"github.com/casehook/casehook/internal/service"
)

// RefuseEntries has no call be recorded any more.
func (d *Dashboard) RefuseEntries() {
	d.doorway.Record = func(context.Context, *service.AuditEntry) error { return errors.New("there is no room") }
}

// StopClock has no time go by for who is refused.
func (d *Dashboard) StopClock() {
	now := time.Now()
	d.failures.now = func() time.Time { return now }
}

// LeaveUnused has a session be one that was used long ago.
func (d *Dashboard) LeaveUnused(ctx context.Context, token string) error {
	ctx, err := d.sessions.Load(ctx, token)
	if err != nil {
		return err
	}
	d.sessions.Put(ctx, sessionUsed, int64(0))
	_, _, err = d.sessions.Commit(ctx)
	return err
}

// Patterns returns those of all routes.
func (d *Dashboard) Patterns() (patterns []string) {
	for _, route := range d.routes() {
		patterns = append(patterns, route.pattern)
	}
	return patterns
}

// Deadline returns when a session ends, however much it is used.
func (d *Dashboard) Deadline(ctx context.Context, token string) (time.Time, error) {
	ctx, err := d.sessions.Load(ctx, token)
	if err != nil {
		return time.Time{}, err
	}
	return d.sessions.Deadline(ctx), nil
}
