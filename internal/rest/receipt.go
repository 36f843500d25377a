package rest

import (
	"context"
	"encoding/hex"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
)

func (d *door) registerReceipts() {
	handle(d, call{
		id: "listReceipts", pattern: "GET /v1/cases/{id}/receipts", tag: tagCases, summary: "Account for who was told of a case",
		text: "The outcome of each delivery, oldest first: to whom, what, when, and under which clearance. Receipts are never removed, and chained by hashes. " +
			"Those of a case that was erased are there for an admin.",
	}, d.listReceipts)
}

// receipt is the outcome of a delivery.
type receipt struct {
	At         caseupdate.Time  `json:"at"`
	EndpointID string           `json:"endpointId"`
	Recipient  *string          `json:"recipient" doc:"The endpoint's URL at that time, without its query. Null where it is not known."`
	DeliveryID string           `json:"deliveryId"`
	EventID    string           `json:"eventId"`
	Event      caseupdate.Event `json:"event"`
	Outcome    store.State      `json:"outcome" enum:"delivered,failed,canceled" doc:"What failed, or was canceled after attempts, may have been received all the same."`
	Attempts   int              `json:"attempts"`
	StatusCode *int             `json:"statusCode" doc:"Of the last attempt; null where there was no answer."`
	Clearance  clearance        `json:"clearance" doc:"What the endpoint was cleared for."`
	BodySHA256 *string          `json:"bodySha256" doc:"Of the body that was sent last, in hex; null where none was."`
	Digest     string           `json:"digest" doc:"Of this receipt, as a block of the chain covers it, in hex."`
}

func shownReceipt(r service.Receipt) receipt {
	shown := receipt{
		At:         caseupdate.At(r.At),
		EndpointID: r.EndpointID,
		DeliveryID: r.DeliveryID,
		EventID:    r.EventID,
		Event:      r.EventType,
		Outcome:    r.Outcome,
		Attempts:   r.Attempts,
		Clearance:  clearance(r.Clearance),
		Digest:     hex.EncodeToString(r.Digest[:]),
	}
	if r.Recipient != "" {
		shown.Recipient = &r.Recipient
	}
	if r.StatusCode != 0 {
		shown.StatusCode = &r.StatusCode
	}
	if r.BodySHA256 != nil {
		digest := hex.EncodeToString(r.BodySHA256)
		shown.BodySHA256 = &digest
	}
	return shown
}

func (d *door) listReceipts(ctx context.Context, in *struct {
	CasePath
	Paging
}) (*found[list[receipt]], error) {
	receipts, next, err := d.service.CaseReceipts(ctx, caller(ctx), in.CaseID, in.page())
	if err != nil {
		return nil, err
	}
	return listed(receipts, shownReceipt, next), nil
}
