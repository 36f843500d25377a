package caselog

import (
	"slices"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
)

// OrderStatusCreated is the status of an order that was made without one.
const OrderStatusCreated = "CREATED"

// CreateOrder orders what was prescribed.
type CreateOrder struct {
	Status  string // empty: CREATED
	Message *string
}

func (cmd CreateOrder) check(f *faults) {
	f.defaulted("status", cmd.Status, MaxName)
	f.optional("message", cmd.Message, MaxLine)
}

func (cmd CreateOrder) decide(_ *Case, act Act) ([]Data, error) {
	if cmd.Status == "" {
		cmd.Status = OrderStatusCreated
	}
	return []Data{&OrderCreated{caseupdate.Order{
		ID:        act.NewID(),
		Status:    cmd.Status,
		Message:   cmd.Message,
		CreatedAt: caseupdate.At(act.At),
	}}}, nil
}

// OrderCreated is the data of ORDER_CREATED.
type OrderCreated struct {
	Order caseupdate.Order `json:"order"`
}

// Type is ORDER_CREATED.
func (*OrderCreated) Type() caseupdate.Event { return caseupdate.EventOrderCreated }

func (d *OrderCreated) apply(c *Case, _ Event) error {
	c.Orders = extend(&c.rooms.orders, c.Orders, d.Order)
	return nil
}

func (*OrderCreated) describe(*caseupdate.Activity) {}

// ChangeOrderStatus moves an order on.
type ChangeOrderStatus struct {
	OrderID string
	Status  string
	Message *string // nil: the order keeps the one it has
}

func (cmd ChangeOrderStatus) check(f *faults) {
	f.required("status", cmd.Status, MaxName)
	f.optional("message", cmd.Message, MaxLine)
}

func (cmd ChangeOrderStatus) decide(c *Case, _ Act) ([]Data, error) {
	order, err := c.order(cmd.OrderID)
	if err != nil {
		return nil, err
	}
	old := order.Status
	if old == cmd.Status {
		return nil, refusal.Of(refusal.Conflict, "the order has that status already")
	}
	order.Status = cmd.Status
	if cmd.Message != nil {
		order.Message = cmd.Message
	}
	return []Data{&OrderStatusChanged{order, old}}, nil
}

// OrderStatusChanged is the data of ORDER_STATUS_CHANGED: the order as it is then,
// and the status that it had before.
type OrderStatusChanged struct {
	Order     caseupdate.Order `json:"order"`
	OldStatus string           `json:"oldStatus"`
}

// Type is ORDER_STATUS_CHANGED.
func (*OrderStatusChanged) Type() caseupdate.Event { return caseupdate.EventOrderStatusChanged }

func (d *OrderStatusChanged) apply(c *Case, _ Event) error { return c.setOrder(d.Order) }

func (d *OrderStatusChanged) describe(a *caseupdate.Activity) {
	a.ValueBefore, a.ValueAfter = &d.OldStatus, &d.Order.Status
}

// AddOrderTracking records the carrier's number of an order.
type AddOrderTracking struct {
	OrderID    string
	TrackingID string
	Message    *string // nil: the order keeps the one it has
}

func (cmd AddOrderTracking) check(f *faults) {
	f.required("trackingId", cmd.TrackingID, MaxName)
	f.optional("message", cmd.Message, MaxLine)
}

func (cmd AddOrderTracking) decide(c *Case, _ Act) ([]Data, error) {
	order, err := c.order(cmd.OrderID)
	if err != nil {
		return nil, err
	}
	order.TrackingID = &cmd.TrackingID
	if cmd.Message != nil {
		order.Message = cmd.Message
	}
	return []Data{&OrderTrackingAdded{order}}, nil
}

// OrderTrackingAdded is the data of ORDER_TRACKING_ADDED: the order as it is then.
type OrderTrackingAdded struct {
	Order caseupdate.Order `json:"order"`
}

// Type is ORDER_TRACKING_ADDED.
func (*OrderTrackingAdded) Type() caseupdate.Event { return caseupdate.EventOrderTrackingAdded }

func (d *OrderTrackingAdded) apply(c *Case, _ Event) error { return c.setOrder(d.Order) }

func (*OrderTrackingAdded) describe(*caseupdate.Activity) {}

func (c *Case) order(id string) (caseupdate.Order, error) {
	for _, order := range c.Orders {
		if order.ID == id {
			return order, nil
		}
	}
	return caseupdate.Order{}, refusal.Of(refusal.NotFound, "the case has no such order")
}

func (c *Case) setOrder(order caseupdate.Order) error {
	i := slices.IndexFunc(c.Orders, func(o caseupdate.Order) bool { return o.ID == order.ID })
	if i < 0 {
		return errMissing
	}
	c.Orders = slices.Clone(c.Orders)
	c.Orders[i] = order
	return nil
}
