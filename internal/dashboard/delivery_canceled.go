package dashboard

import (
	"context"
	"time"

	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
)

// maxCancel is how long before the end of a delivery a call may have begun that gave it up.
const maxCancel = time.Minute

// givenUpBy returns in words who gave a delivery up; "" where nobody did, the audit does not
// tell, or whoever looks may not read that.
func (d *Dashboard) givenUpBy(ctx context.Context, who service.Caller, delivery service.Delivery) (string, error) {
	if delivery.State != store.Canceled || delivery.Withheld || !who.Role.Includes(service.Admin) {
		return "", nil
	}
	since, until := delivery.FinishedAt.Add(-maxCancel), delivery.FinishedAt.Add(time.Millisecond)
	filter := service.AuditFilter{Operation: "cancelDelivery", Since: &since, Until: &until}
	name, _, err := newNames(d.service, who).lastDone(ctx, filter, "deliveryId", delivery.ID)
	if name == "" {
		return "", err
	}
	return "the key “" + name + "”", err
}
