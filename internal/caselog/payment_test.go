package caselog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
)

func TestAPaymentIsUnpaidUntilItIsCompleted(t *testing.T) {
	paidOn := caseupdate.At(begin.AddDate(0, 0, -3))
	for _, test := range []struct {
		name string
		date *caseupdate.Time
		want func(completed caseupdate.Time) caseupdate.Time
	}{
		{"on a day that is named", &paidOn, func(caseupdate.Time) caseupdate.Time { return paidOn }},
		{"now, where no day is named", nil, func(completed caseupdate.Time) caseupdate.Time { return completed }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := tell(t, caselog.AddPayment{Description: "Medicine", Amount: 1})
			other := s.now.Payments[0]

			due := caseupdate.At(begin.AddDate(0, 1, 0))
			happened := s.as(nurse, caselog.AddPayment{Description: "Consultation", Amount: 15950, DueDate: &due})
			payment := caseupdate.Payment{
				ID:          s.now.Payments[1].ID,
				Description: "Consultation",
				Amount:      15950,
				Status:      "UNPAID",
				DueDate:     &due,
				CreatedAt:   s.when(),
				UpdatedAt:   s.when(),
				CreatedBy:   nurse,
			}
			equal(t, "what happened", []caselog.Data{&caselog.PaymentAdded{Payment: payment}}, happened)
			equal(t, "payments", []caseupdate.Payment{other, payment}, s.now.Payments)
			require.Nil(t, s.activity().ValueBefore)
			require.Nil(t, s.activity().ValueAfter)

			happened = s.as(robot, caselog.CompletePayment{PaymentID: payment.ID, PaymentDate: test.date})
			payment.Status, payment.UpdatedAt, payment.PaymentDate = "PAID", s.when(), new(test.want(s.when()))
			equal(t, "what happened", []caselog.Data{&caselog.PaymentCompleted{Payment: payment}}, happened)
			equal(t, "payments", []caseupdate.Payment{other, payment}, s.now.Payments)
			require.Equal(t, "UNPAID", *s.activity().ValueBefore)
			require.Equal(t, "PAID", *s.activity().ValueAfter)
		})
	}
}

func TestAnAmountIsBounded(t *testing.T) {
	outside := refusal.Field("amount", "must be a number from 0 to 999999999999.99")
	for _, test := range []struct {
		name   string
		amount caseupdate.Amount
		want   *refusal.Error // nil where it can be
	}{
		{"less than nothing", -1, outside},
		{"nothing", 0, nil},
		{"the most", caseupdate.MaxAmount, nil},
		{"more than the most", caseupdate.MaxAmount + 1, outside},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := caselog.AddPayment{Description: "Consultation", Amount: test.amount}
			if s := tell(t); test.want != nil {
				s.refuses(cmd, test.want)
			} else {
				s.do(cmd)
			}
		})
	}
}

func TestImpossibleChangesOfPayments(t *testing.T) {
	runImpossibilities(t, []impossibility{
		{
			"a payment that never was is not found", []caselog.Command{caselog.AddPayment{Description: "Consultation", Amount: 1}},
			func(*caselog.Case) caselog.Command { return caselog.CompletePayment{PaymentID: "payment-1"} },
			notFound("the case has no such payment"),
		},
		{
			"an order is no payment", []caselog.Command{caselog.CreateOrder{}},
			func(c *caselog.Case) caselog.Command { return caselog.CompletePayment{PaymentID: c.Orders[0].ID} },
			notFound("the case has no such payment"),
		},
	})
}

func TestAPaymentIsCompletedOnce(t *testing.T) {
	s := tell(t, caselog.AddPayment{Description: "Consultation", Amount: 1})
	completion := caselog.CompletePayment{PaymentID: s.now.Payments[0].ID}
	s.do(completion)
	s.refuses(completion, conflict("the payment is paid already"))
}
