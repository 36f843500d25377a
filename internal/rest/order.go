package rest

import (
	"context"
	"net/http"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
)

func (d *door) registerOrders() {
	handle(d, call{
		id: "createOrder", pattern: "POST /v1/cases/{id}/orders", tag: tagCases, summary: "Order what was prescribed",
		text: "Records ORDER_CREATED.", status: http.StatusCreated, events: true,
	}, d.createOrder)
	handle(d, call{
		id: "changeOrderStatus", pattern: "POST /v1/cases/{id}/orders/{orderId}/status", tag: tagCases, summary: "Move an order on",
		text: "Records ORDER_STATUS_CHANGED.", events: true,
	}, d.changeOrderStatus)
	handle(d, call{
		id: "addOrderTracking", pattern: "POST /v1/cases/{id}/orders/{orderId}/tracking", tag: tagCases, summary: "Add the carrier's number of an order",
		text: "Records ORDER_TRACKING_ADDED.", events: true,
	}, d.addOrderTracking)
}

// newOrder is the body of createOrder.
type newOrder struct {
	Status  string  `json:"status,omitempty" maxLength:"200" doc:"In the caller's words; without it, CREATED."`
	Message *string `json:"message,omitempty" maxLength:"500" nullable:"true"`
}

func (d *door) createOrder(ctx context.Context, in *struct {
	CasePath
	Body *newOrder
}) (*reply[caseupdate.Order], error) {
	order := orZero(in.Body)
	return create[caseupdate.Order](ctx, d, in.CaseID, caselog.CreateOrder{Status: order.Status, Message: order.Message})
}

// OrderPath names an order of a case.
type OrderPath struct {
	CasePath
	OrderID string `path:"orderId" doc:"The order."`
}

// orderStatus is the body of changeOrderStatus.
type orderStatus struct {
	Status  string  `json:"status" maxLength:"200" example:"SHIPPED"`
	Message *string `json:"message,omitempty" maxLength:"500" doc:"Without it, the order keeps the one that it has."`
}

func (d *door) changeOrderStatus(ctx context.Context, in *struct {
	OrderPath
	Body orderStatus
}) (*reply[*caseupdate.Case], error) {
	return d.change(ctx, in.CaseID, caselog.ChangeOrderStatus{
		OrderID: in.OrderID,
		Status:  in.Body.Status,
		Message: in.Body.Message,
	})
}

// orderTracking is the body of addOrderTracking.
type orderTracking struct {
	TrackingID string  `json:"trackingId" maxLength:"200"`
	Message    *string `json:"message,omitempty" maxLength:"500" doc:"Without it, the order keeps the one that it has."`
}

func (d *door) addOrderTracking(ctx context.Context, in *struct {
	OrderPath
	Body orderTracking
}) (*reply[*caseupdate.Case], error) {
	return d.change(ctx, in.CaseID, caselog.AddOrderTracking{
		OrderID:    in.OrderID,
		TrackingID: in.Body.TrackingID,
		Message:    in.Body.Message,
	})
}
