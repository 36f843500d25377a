package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/service"
)

func (d *door) registerCases() {
	handle(d, call{
		id: "createCase", pattern: "POST /v1/cases", tag: tagCases, summary: "Create a case",
		text: "Records CREATE_CASE and answers with the full case.", status: http.StatusCreated, events: true, located: true,
	}, d.createCase)
	handle(d, call{
		id: "listCases", pattern: "GET /v1/cases", tag: tagCases, summary: "List cases",
		text: "Basic cases, the newest first.",
	}, d.listCases)
	handle(d, call{
		id: "getCase", pattern: "GET /v1/cases/{id}", tag: tagCases, summary: "Show a case",
		text: "The full case, as it is now or as it was after one of its events.",
	}, d.getCase)
}

// CasePath names a case.
type CasePath struct {
	CaseID string `path:"id" doc:"The case."`
}

// newCase is the body of createCase.
type newCase struct {
	Type          string            `json:"type" maxLength:"200" doc:"What kind of case it is, in the caller's words, for lists and filters. It is kept in the clear, and blanked for nobody: say nothing of the patient here." example:"INITIAL_CONSULTATION"`
	Title         string            `json:"title" maxLength:"500"`
	Submitter     newSubmitter      `json:"submitter"`
	ReferralCode  *string           `json:"referralCode,omitempty" maxLength:"200" nullable:"true"`
	ProductBundle *newProductBundle `json:"productBundle,omitempty" orNull:"true"`
	HRRep         *newPerson        `json:"hrRep,omitempty" orNull:"true"`
}

// newProductBundle is what the patient asked for.
type newProductBundle struct {
	ID   string `json:"id" maxLength:"200"`
	Name string `json:"name" maxLength:"200"`
}

// newPerson is one who need not be registered.
type newPerson struct {
	ID        string `json:"id" maxLength:"200"`
	FirstName string `json:"firstName" maxLength:"200"`
	LastName  string `json:"lastName" maxLength:"200"`
}

// newSubmitter is the patient, as the caller tells of them.
type newSubmitter struct {
	ID          string  `json:"id,omitempty" maxLength:"200" doc:"As the caller knows the patient; without it, a new one."`
	FirstName   *string `json:"firstName" maxLength:"200" nullable:"false"`
	LastName    *string `json:"lastName" maxLength:"200" nullable:"false"`
	Email       *string `json:"email" maxLength:"500" nullable:"false"`
	PhoneNumber *string `json:"phoneNumber,omitempty" maxLength:"200" nullable:"true"`
	DOB         *string `json:"dob,omitempty" format:"date" nullable:"true" doc:"A date." example:"1984-07-12"`
	Gender      *string `json:"gender,omitempty" maxLength:"200" nullable:"true"`
	Address     *string `json:"address,omitempty" maxLength:"500" nullable:"true"`
	City        *string `json:"city,omitempty" maxLength:"200" nullable:"true"`
	State       *string `json:"state,omitempty" maxLength:"200" nullable:"true"`
	Country     *string `json:"country,omitempty" maxLength:"200" nullable:"true"`
	PostalCode  *string `json:"postalCode,omitempty" maxLength:"200" nullable:"true"`
}

func (n newCase) command() caselog.CreateCase {
	return caselog.CreateCase{
		Type:          n.Type,
		Title:         n.Title,
		Submitter:     caseupdate.Submitter(n.Submitter),
		ReferralCode:  n.ReferralCode,
		ProductBundle: (*caseupdate.ProductBundle)(n.ProductBundle),
		HRRep:         (*caseupdate.Person)(n.HRRep),
	}
}

func (d *door) createCase(ctx context.Context, in *struct{ Body newCase }) (*reply[*fullCase], error) {
	answer := func(changed service.Changed) *reply[*fullCase] {
		return &reply[*fullCase]{
			Status:   http.StatusCreated,
			EventIDs: eventIDs(changed),
			Location: "/v1/cases/" + changed.Case.ID,
			Body:     full(ctx, changed.Case),
		}
	}
	return perform(ctx, answer, func(request *service.Repeatable) (service.Changed, error) {
		return d.service.CreateCase(ctx, caller(ctx), in.Body.command(), request)
	})
}

// caseFilter narrows a list of cases.
type caseFilter struct {
	Paging
	Status        caseupdate.Status `query:"status" doc:"Of this status."`
	Type          string            `query:"type" doc:"Of this type."`
	ShortID       string            `query:"shortId" doc:"The one of this short id." example:"ADA-7K2QX"`
	IsArchived    optional[bool]    `query:"isArchived" doc:"Whether they are archived; without it, both."`
	IsEscalated   optional[bool]    `query:"isEscalated" doc:"Whether they are escalated; without it, both."`
	CreatedAfter  time.Time         `query:"createdAfter" doc:"Created after it."`
	CreatedBefore time.Time         `query:"createdBefore" doc:"Created before it."`
}

func (f caseFilter) filter() service.CaseFilter {
	return service.CaseFilter{
		Status:        f.Status,
		Type:          f.Type,
		ShortID:       f.ShortID,
		IsArchived:    f.IsArchived.pointer(),
		IsEscalated:   f.IsEscalated.pointer(),
		CreatedAfter:  given(f.CreatedAfter),
		CreatedBefore: given(f.CreatedBefore),
	}
}

func (d *door) listCases(ctx context.Context, in *caseFilter) (*found[list[*caseupdate.Case]], error) {
	cases, next, err := d.service.Cases(ctx, caller(ctx), in.filter(), in.page())
	if err != nil {
		return nil, err
	}
	return listed(cases, func(c *caselog.Case) *caseupdate.Case { return render.Case(c, caller(ctx).Clearance) }, next), nil
}

func (d *door) getCase(ctx context.Context, in *struct {
	CasePath
	At int64 `query:"at" minimum:"1" maximum:"10000" doc:"The case as of its Nth event; without it, as it is now."`
}) (*found[*fullCase], error) {
	c, err := d.service.Case(ctx, caller(ctx), in.CaseID, in.At)
	if err != nil {
		return nil, err
	}
	return &found[*fullCase]{full(ctx, c)}, nil
}

// full is a case with all of it that who calls may know.
func full(ctx context.Context, c *caselog.Case) *fullCase {
	return (*fullCase)(render.FullCase(c, caller(ctx).Clearance))
}

// given returns a query's time, nil where it was left out.
func given(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
