package dashboard

import (
	"context"
	"errors"

	"github.com/casehook/casehook/internal/service"
)

// RefuseEntries has no call be recorded any more.
func (d *Dashboard) RefuseEntries() {
	d.doorway.Record = func(context.Context, *service.AuditEntry) error { return errors.New("there is no room") }
}
