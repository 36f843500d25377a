package rest

import (
	"context"
	"net/http"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
)

func (d *door) registerDeliveries() {
	handle(d, call{
		id: "listDeliveries", pattern: "GET /v1/deliveries", tag: tagDeliveries, summary: "List deliveries",
		text: "The newest first.",
	}, d.listDeliveries)
	handle(d, call{
		id: "getDelivery", pattern: "GET /v1/deliveries/{id}", tag: tagDeliveries, summary: "Show a delivery and its attempts",
		text: "Of a case that was erased, without its attempts.",
	}, d.getDelivery)
	handle(d, call{
		id: "retryDelivery", pattern: "POST /v1/deliveries/{id}/retry", tag: tagDeliveries, summary: "Send a delivery again",
		text: "Now, whatever its state.",
	}, d.retryDelivery)
	handle(d, call{
		id: "cancelDelivery", pattern: "POST /v1/deliveries/{id}/cancel", tag: tagDeliveries, summary: "Give a delivery up",
		text: "Its lane goes on. An attempt that is under way is finished, and where it succeeds the delivery was delivered.",
	}, d.cancelDelivery)
}

// delivery is one message to one endpoint.
type delivery struct {
	ID            string           `json:"id"`
	EventID       string           `json:"eventId"`
	Event         caseupdate.Event `json:"event"`
	EndpointID    string           `json:"endpointId"`
	CaseID        string           `json:"caseId"`
	Sequence      int64            `json:"sequence" doc:"1, 2, 3 … for this endpoint and case: casehook-sequence. 0 where it was withheld before it was sent, and so has none."`
	State         store.State      `json:"state" enum:"pending,sending,delivered,failed,canceled"`
	Tries         int              `json:"tries" doc:"How many attempts were made. A delivery that is pending and has none waits for another of its case."`
	LastStatus    *int             `json:"lastStatusCode" doc:"Of the last attempt; null where there was none, or no answer."`
	CreatedAt     caseupdate.Time  `json:"createdAt"`
	NextAttemptAt *caseupdate.Time `json:"nextAttemptAt" doc:"Null where none is to come, or the endpoint is paused or disabled. Where it is closed, when it is probed next."`
	FinishedAt    *caseupdate.Time `json:"finishedAt" doc:"Null where it is not."`
}

// deliveryDetails is a delivery with its attempts.
type deliveryDetails struct {
	Delivery
	Attempts []attempt `json:"attempts" doc:"Oldest first; the last 200 of them."`
}

// Delivery is a delivery, under a name that can be embedded.
type Delivery = delivery

// attempt is one try of a delivery.
type attempt struct {
	Number       int             `json:"number"`
	StartedAt    caseupdate.Time `json:"startedAt"`
	Milliseconds int64           `json:"milliseconds"`
	StatusCode   *int            `json:"statusCode" doc:"Null where there was no answer."`
	Error        *string         `json:"error" doc:"Why there was no answer; null where there was one."`
	Answer       string          `json:"answer" doc:"The first 1 KiB of the answer; empty where the key is not cleared for everything."`
}

func shownDelivery(d service.Delivery) delivery {
	shown := delivery{
		ID:            d.ID,
		EventID:       d.EventID,
		Event:         d.EventType,
		EndpointID:    d.EndpointID,
		CaseID:        d.CaseID,
		Sequence:      d.Sequence,
		State:         d.State,
		Tries:         d.Tries,
		CreatedAt:     caseupdate.At(d.CreatedAt),
		NextAttemptAt: at(d.NextAttemptAt),
		FinishedAt:    at(d.FinishedAt),
	}
	if d.LastStatusCode != 0 {
		shown.LastStatus = &d.LastStatusCode
	}
	return shown
}

func shownAttempt(a service.Attempt) attempt {
	shown := attempt{
		Number:       a.Number,
		StartedAt:    caseupdate.At(a.StartedAt),
		Milliseconds: a.Duration.Milliseconds(),
		Answer:       string(a.Answer),
	}
	if a.StatusCode != 0 {
		shown.StatusCode = &a.StatusCode
	}
	if a.Error != "" {
		shown.Error = &a.Error
	}
	return shown
}

// deliveryFilter narrows a list of deliveries.
type deliveryFilter struct {
	Paging
	EndpointID string           `query:"endpointId" doc:"To this endpoint."`
	CaseID     string           `query:"caseId" doc:"Of this case."`
	EventID    string           `query:"eventId" doc:"Of this event."`
	Event      caseupdate.Event `query:"event" doc:"Of events of this name. They are looked for among some thousands of others at a time: a page may have fewer than limit, or none, where nextCursor goes on."`
	State      store.State      `query:"state" enum:"pending,sending,delivered,failed,canceled" doc:"In this state."`
	Tried      bool             `query:"tried" doc:"Only those that were attempted. With state=pending: those that fail, and hold up others of their case."`
}

func (d *door) listDeliveries(ctx context.Context, in *deliveryFilter) (*found[list[delivery]], error) {
	filter := service.DeliveryFilter{EndpointID: in.EndpointID, CaseID: in.CaseID, EventID: in.EventID, Event: in.Event, State: in.State, Tried: in.Tried}
	deliveries, next, err := d.service.Deliveries(ctx, caller(ctx), filter, in.page())
	if err != nil {
		return nil, err
	}
	return listed(deliveries, shownDelivery, next), nil
}

// DeliveryPath names a delivery.
type DeliveryPath struct {
	DeliveryID string `path:"id" doc:"The delivery."`
}

func (d *door) getDelivery(ctx context.Context, in *DeliveryPath) (*found[deliveryDetails], error) {
	sent, attempts, err := d.service.Delivery(ctx, caller(ctx), in.DeliveryID)
	if err != nil {
		return nil, err
	}
	return &found[deliveryDetails]{deliveryDetails{
		Delivery: shownDelivery(sent),
		Attempts: listed(attempts, shownAttempt, "").Body.Data,
	}}, nil
}

func (d *door) retryDelivery(ctx context.Context, in *DeliveryPath) (*reply[delivery], error) {
	return perform(ctx, changedDelivery, func(request *service.Repeatable) (service.Delivery, error) {
		return d.service.RetryDelivery(ctx, caller(ctx), in.DeliveryID, request)
	})
}

func (d *door) cancelDelivery(ctx context.Context, in *DeliveryPath) (*reply[delivery], error) {
	return perform(ctx, changedDelivery, func(request *service.Repeatable) (service.Delivery, error) {
		return d.service.CancelDelivery(ctx, caller(ctx), in.DeliveryID, request)
	})
}

func changedDelivery(changed service.Delivery) *reply[delivery] {
	return &reply[delivery]{Status: http.StatusOK, Body: shownDelivery(changed)}
}
