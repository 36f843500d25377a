package dashboard

import (
	"context"
	"time"

	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

// maxPause is how long before an endpoint was paused a call may have begun that did it.
const maxPause = time.Minute

// pausedBy returns in words who paused an endpoint; "" where nobody did, the audit does not
// tell, or whoever looks may not read that.
func (d *Dashboard) pausedBy(ctx context.Context, who service.Caller, e *subscription.Endpoint) (string, error) {
	if e.State != subscription.Paused || e.StateAt == nil || !who.Role.Includes(service.Admin) {
		return "", nil
	}
	since, until := e.StateAt.Add(-maxPause), e.StateAt.Add(time.Millisecond)
	filter := service.AuditFilter{Operation: "pauseEndpoint", Since: &since, Until: &until}
	name, _, err := newNames(d.service, who).lastDone(ctx, filter, "endpointId", e.ID)
	if name == "" {
		return "", err
	}
	return "the key “" + name + "”", err
}
