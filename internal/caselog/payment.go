package caselog

import (
	"slices"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
)

// The statuses of a payment.
const (
	Unpaid = "UNPAID"
	Paid   = "PAID"
)

// AddPayment asks for money.
type AddPayment struct {
	Description string
	Amount      caseupdate.Amount
	DueDate     *caseupdate.Time
}

func (cmd AddPayment) check(f *faults) {
	f.required("description", cmd.Description, MaxLine)
	if cmd.Amount < 0 || cmd.Amount > caseupdate.MaxAmount {
		f.add("amount", "must be a number from 0 to "+caseupdate.MaxAmount.String())
	}
	f.moment("dueDate", cmd.DueDate)
}

func (cmd AddPayment) decide(_ *Case, act Act) ([]Data, error) {
	return []Data{&PaymentAdded{caseupdate.Payment{
		ID:          act.NewID(),
		Description: cmd.Description,
		Amount:      cmd.Amount,
		Status:      Unpaid,
		DueDate:     cmd.DueDate,
		CreatedAt:   caseupdate.At(act.At),
		UpdatedAt:   caseupdate.At(act.At),
		CreatedBy:   act.Actor,
	}}}, nil
}

// PaymentAdded is the data of PAYMENT_ADDED.
type PaymentAdded struct {
	Payment caseupdate.Payment `json:"payment"`
}

// Type is PAYMENT_ADDED.
func (*PaymentAdded) Type() caseupdate.Event { return caseupdate.EventPaymentAdded }

func (d *PaymentAdded) apply(c *Case, _ Event) error {
	c.Payments = extend(&c.rooms.payments, c.Payments, d.Payment)
	return nil
}

func (*PaymentAdded) describe(*caseupdate.Activity) {}

// CompletePayment records that a payment was made.
type CompletePayment struct {
	PaymentID   string
	PaymentDate *caseupdate.Time // nil: now
}

func (cmd CompletePayment) check(f *faults) { f.moment("paymentDate", cmd.PaymentDate) }

func (cmd CompletePayment) decide(c *Case, act Act) ([]Data, error) {
	i := slices.IndexFunc(c.Payments, func(p caseupdate.Payment) bool { return p.ID == cmd.PaymentID })
	switch {
	case i < 0:
		return nil, refusal.Of(refusal.NotFound, "the case has no such payment")
	case c.Payments[i].Status == Paid:
		return nil, refusal.Of(refusal.Conflict, "the payment is paid already")
	}
	at := caseupdate.At(act.At)
	payment := c.Payments[i]
	payment.Status, payment.UpdatedAt, payment.PaymentDate = Paid, at, cmd.PaymentDate
	if payment.PaymentDate == nil {
		payment.PaymentDate = &at
	}
	return []Data{&PaymentCompleted{payment}}, nil
}

// PaymentCompleted is the data of PAYMENT_COMPLETED: the payment as it is then.
type PaymentCompleted struct {
	Payment caseupdate.Payment `json:"payment"`
}

// Type is PAYMENT_COMPLETED.
func (*PaymentCompleted) Type() caseupdate.Event { return caseupdate.EventPaymentCompleted }

func (d *PaymentCompleted) apply(c *Case, _ Event) error {
	i := slices.IndexFunc(c.Payments, func(p caseupdate.Payment) bool { return p.ID == d.Payment.ID })
	if i < 0 {
		return errMissing
	}
	c.Payments = slices.Clone(c.Payments)
	c.Payments[i] = d.Payment
	return nil
}

func (d *PaymentCompleted) describe(a *caseupdate.Activity) {
	before, after := Unpaid, d.Payment.Status
	a.ValueBefore, a.ValueAfter = &before, &after
}
