package caselog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
)

func TestAnOrderIsCreated(t *testing.T) {
	for _, test := range []struct {
		name string
		cmd  caselog.CreateOrder
		want caseupdate.Order
	}{
		{"as CREATED, where no status is named", caselog.CreateOrder{}, caseupdate.Order{Status: "CREATED"}},
		{
			"with the status and message that are named", caselog.CreateOrder{Status: "PACKED", Message: new("On Tuesday")},
			caseupdate.Order{Status: "PACKED", Message: new("On Tuesday")},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := tell(t)
			happened := s.do(test.cmd)
			test.want.ID, test.want.CreatedAt = s.now.Orders[0].ID, s.when()
			equal(t, "what happened", []caselog.Data{&caselog.OrderCreated{Order: test.want}}, happened)
			equal(t, "orders", []caseupdate.Order{test.want}, s.now.Orders)
		})
	}
}

func TestAnOrderGoesOn(t *testing.T) {
	s := tell(t, caselog.CreateOrder{Status: "OTHER"}, caselog.CreateOrder{Message: new("Packed")})
	other, order := s.now.Orders[0], s.now.Orders[1]

	happened := s.do(caselog.ChangeOrderStatus{OrderID: order.ID, Status: "SHIPPED"})
	order.Status = "SHIPPED"
	equal(t, "what happened", []caselog.Data{&caselog.OrderStatusChanged{Order: order, OldStatus: "CREATED"}}, happened)
	equal(t, "an order keeps its message", []caseupdate.Order{other, order}, s.now.Orders)
	require.Equal(t, "CREATED", *s.activity().ValueBefore)
	require.Equal(t, "SHIPPED", *s.activity().ValueAfter)

	happened = s.do(caselog.AddOrderTracking{OrderID: order.ID, TrackingID: "GB123456789"})
	order.TrackingID = new("GB123456789")
	equal(t, "what happened", []caselog.Data{&caselog.OrderTrackingAdded{Order: order}}, happened)
	equal(t, "an order keeps its message", []caseupdate.Order{other, order}, s.now.Orders)
	require.Nil(t, s.activity().ValueBefore)
	require.Nil(t, s.activity().ValueAfter)

	s.do(caselog.AddOrderTracking{OrderID: order.ID, TrackingID: "GB987654321", Message: new("Sent again")})
	order.TrackingID, order.Message = new("GB987654321"), new("Sent again")
	equal(t, "the last tracking id counts", []caseupdate.Order{other, order}, s.now.Orders)

	s.do(caselog.ChangeOrderStatus{OrderID: order.ID, Status: "DELIVERED", Message: new("To a neighbour")})
	order.Status, order.Message = "DELIVERED", new("To a neighbour")
	equal(t, "the last message counts", []caseupdate.Order{other, order}, s.now.Orders)
}

func TestImpossibleChangesOfOrders(t *testing.T) {
	ordered := []caselog.Command{caselog.CreateOrder{}}
	runImpossibilities(t, []impossibility{
		{
			"an order that never was does not go on", ordered,
			func(*caselog.Case) caselog.Command {
				return caselog.ChangeOrderStatus{OrderID: "order-1", Status: "SHIPPED"}
			},
			notFound("the case has no such order"),
		},
		{
			"an order that never was is not tracked", ordered,
			func(*caselog.Case) caselog.Command {
				return caselog.AddOrderTracking{OrderID: "order-1", TrackingID: "GB123456789"}
			},
			notFound("the case has no such order"),
		},
		{
			"an order does not go on to the status it has", ordered,
			func(c *caselog.Case) caselog.Command {
				return caselog.ChangeOrderStatus{OrderID: c.Orders[0].ID, Status: "CREATED", Message: new("Still")}
			},
			conflict("the order has that status already"),
		},
	})
}
