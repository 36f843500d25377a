package caselog

import (
	"errors"
	"strings"

	"github.com/casehook/casehook/caseupdate"
)

// CreateCase begins a case. ID, OrganizationID and ShortID are given by the
// service; the rest is what the caller asks for.
type CreateCase struct {
	ID             string
	OrganizationID string
	ShortID        string

	Type          string
	Title         string
	Submitter     caseupdate.Submitter // an empty ID is given one
	ReferralCode  *string
	ProductBundle *caseupdate.ProductBundle
	HRRep         *caseupdate.Person
}

func (cmd CreateCase) check(f *faults) {
	f.required("type", cmd.Type, MaxName)
	f.required("title", cmd.Title, MaxLine)
	f.optional("referralCode", cmd.ReferralCode, MaxName)
	if b := cmd.ProductBundle; b != nil {
		f.required("productBundle.id", b.ID, MaxName)
		f.required("productBundle.name", b.Name, MaxName)
	}
	if p := cmd.HRRep; p != nil {
		f.required("hrRep.id", p.ID, MaxName)
		f.line("hrRep.firstName", p.FirstName, MaxName)
		f.line("hrRep.lastName", p.LastName, MaxName)
	}
	s := cmd.Submitter
	f.defaulted("submitter.id", s.ID, MaxName)
	for _, part := range []struct {
		field    string
		value    *string
		required bool
		limit    int
	}{
		{"firstName", s.FirstName, true, MaxName},
		{"lastName", s.LastName, true, MaxName},
		{"email", s.Email, true, MaxLine},
		{"phoneNumber", s.PhoneNumber, false, MaxName},
		{"gender", s.Gender, false, MaxName},
		{"address", s.Address, false, MaxLine},
		{"city", s.City, false, MaxName},
		{"state", s.State, false, MaxName},
		{"country", s.Country, false, MaxName},
		{"postalCode", s.PostalCode, false, MaxName},
	} {
		field := "submitter." + part.field
		f.optional(field, part.value, part.limit)
		if part.required {
			f.filled(field, text(part.value))
		}
	}
	if s.Email != nil && !strings.Contains(*s.Email, "@") {
		f.add("submitter.email", "must be an e-mail address")
	}
	f.date("submitter.dob", s.DOB)
}

func (cmd CreateCase) decide(_ *Case, act Act) ([]Data, error) {
	if cmd.ID == "" || cmd.OrganizationID == "" || cmd.ShortID == "" {
		return nil, errors.New("create a case without its id, organisation or short id")
	}
	if cmd.Submitter.ID == "" {
		cmd.Submitter.ID = act.NewID()
	}
	return []Data{&Created{
		OrganizationID: cmd.OrganizationID,
		ShortID:        cmd.ShortID,
		CaseType:       cmd.Type,
		Title:          cmd.Title,
		Submitter:      cmd.Submitter,
		ReferralCode:   cmd.ReferralCode,
		ProductBundle:  cmd.ProductBundle,
		HRRep:          cmd.HRRep,
	}}, nil
}

// Created is the data of CREATE_CASE.
type Created struct {
	OrganizationID string                    `json:"organizationId"`
	ShortID        string                    `json:"shortId"`
	CaseType       string                    `json:"type"`
	Title          string                    `json:"title"`
	Submitter      caseupdate.Submitter      `json:"submitter"`
	ReferralCode   *string                   `json:"referralCode,omitempty"`
	ProductBundle  *caseupdate.ProductBundle `json:"productBundle,omitempty"`
	HRRep          *caseupdate.Person        `json:"hrRep,omitempty"`
	Imported       bool                      `json:"imported,omitempty"` // the case is kept elsewhere
}

// Type is CREATE_CASE.
func (*Created) Type() caseupdate.Event { return caseupdate.EventCreateCase }

func (d *Created) apply(c *Case, e Event) error {
	c.OrganizationID = d.OrganizationID
	c.ShortID = d.ShortID
	c.Type = d.CaseType
	c.Title = d.Title
	c.Status = caseupdate.StatusOpen
	c.CreatedAt = e.At
	c.Submitter = d.Submitter
	c.ReferralCode = d.ReferralCode
	c.ProductBundle = d.ProductBundle
	c.HRRep = d.HRRep
	c.IsImported = d.Imported
	return nil
}

func (*Created) describe(*caseupdate.Activity) {}

// text returns what s points to, or "" for nil.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
