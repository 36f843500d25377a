package dashboard

import (
	"context"
	"net/http"
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
	entries, _, err := d.service.Audit(ctx, who, service.AuditFilter{Operation: "cancelDelivery", Since: &since, Until: &until}, service.Page{Limit: service.MaxLimit})
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if e.Details.Resources["deliveryId"] == delivery.ID && e.Status < http.StatusBadRequest {
			name, err := newNames(d.service, who).key(ctx, e.KeyID)
			return "the key “" + name + "”", err
		}
	}
	return "", nil
}
