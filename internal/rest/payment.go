package rest

import (
	"context"
	"net/http"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
)

func (d *door) registerPayments() {
	handle(d, call{
		id: "addPayment", pattern: "POST /v1/cases/{id}/payments", tag: tagCases, summary: "Ask for a payment",
		text: "Records PAYMENT_ADDED. The payment is UNPAID.", status: http.StatusCreated, events: true,
	}, d.addPayment)
	handle(d, call{
		id: "completePayment", pattern: "POST /v1/cases/{id}/payments/{paymentId}/complete", tag: tagCases, summary: "Record that a payment was made",
		text: "Records PAYMENT_COMPLETED. The payment is PAID.", events: true,
	}, d.completePayment)
}

// newPayment is the body of addPayment.
type newPayment struct {
	Description string     `json:"description" maxLength:"500"`
	Amount      amount     `json:"amount" doc:"In major units, of at most two decimal places."`
	DueDate     *timestamp `json:"dueDate,omitempty" nullable:"true"`
}

func (d *door) addPayment(ctx context.Context, in *struct {
	CasePath
	Body newPayment
}) (*reply[caseupdate.Payment], error) {
	return create[caseupdate.Payment](ctx, d, in.CaseID, caselog.AddPayment{
		Description: in.Body.Description,
		Amount:      in.Body.Amount.minor,
		DueDate:     in.Body.DueDate.time(),
	})
}

// paymentCompletion is the body of completePayment.
type paymentCompletion struct {
	PaymentDate *timestamp `json:"paymentDate,omitempty" doc:"When it was made; without it, now."`
}

func (d *door) completePayment(ctx context.Context, in *struct {
	CasePath
	PaymentID string `path:"paymentId" doc:"The payment."`
	Body      *paymentCompletion
}) (*reply[*caseupdate.Case], error) {
	return d.change(ctx, in.CaseID, caselog.CompletePayment{
		PaymentID:   in.PaymentID,
		PaymentDate: orZero(in.Body).PaymentDate.time(),
	})
}

// orZero returns what body points to: its zero value where no body was sent.
func orZero[T any](body *T) T {
	if body == nil {
		return *new(T)
	}
	return *body
}
