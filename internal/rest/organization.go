package rest

import (
	"context"
	"net/http"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/service"
)

func (d *door) registerOrganizations() {
	handle(d, call{
		id: "createOrganization", pattern: "POST /v1/organizations", tag: tagTenants, summary: "Make an organization",
		text: "The answer shows its first admin key, this once.", status: http.StatusCreated,
	}, d.createOrganization)
	handle(d, call{
		id: "listOrganizations", pattern: "GET /v1/organizations", tag: tagTenants, summary: "List organizations",
		text: "All there are, without what is in them.",
	}, d.listOrganizations)
}

// newOrganization is the body of createOrganization.
type newOrganization struct {
	Name          string `json:"name" maxLength:"200" doc:"No two have the same."`
	ShortIDPrefix string `json:"shortIdPrefix" doc:"Three letters from A to Z, with which the short ids of its cases begin."`
}

// shownOrganization is an organisation as it is answered.
type shownOrganization struct {
	ID            string          `json:"id"`
	Name          string          `json:"name"`
	ShortIDPrefix string          `json:"shortIdPrefix"`
	CreatedAt     caseupdate.Time `json:"createdAt"`
	AdminKey      string          `json:"adminKey,omitempty" doc:"An API key of the role admin, in the answer to its creation only."`
}

func showOrganization(org service.Organization) shownOrganization {
	return shownOrganization{ID: org.ID, Name: org.Name, ShortIDPrefix: org.ShortIDPrefix, CreatedAt: caseupdate.At(org.CreatedAt)}
}

func (d *door) createOrganization(ctx context.Context, in *struct{ Body newOrganization }) (*reply[shownOrganization], error) {
	answer := func(org service.NewOrganization) *reply[shownOrganization] {
		shown := showOrganization(org.Organization)
		shown.AdminKey = org.AdminKey
		return &reply[shownOrganization]{Status: http.StatusCreated, Body: shown}
	}
	return perform(ctx, answer, func(request *service.Repeatable) (service.NewOrganization, error) {
		draft := service.Organization{Name: in.Body.Name, ShortIDPrefix: in.Body.ShortIDPrefix}
		return d.service.CreateOrganization(ctx, caller(ctx), draft, request)
	})
}

func (d *door) listOrganizations(ctx context.Context, in *Paging) (*found[list[shownOrganization]], error) {
	all, next, err := d.service.Organizations(ctx, in.page())
	if err != nil {
		return nil, err
	}
	return listed(all, showOrganization, next), nil
}
