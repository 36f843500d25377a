package caselog_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
)

func TestACaseBeginsOpen(t *testing.T) {
	s := blank(t)
	create := creation()
	create.ReferralCode = new("SPRING")
	create.ProductBundle = &caseupdate.ProductBundle{ID: "bundle-1", Name: "Migraine"}
	create.HRRep = &caseupdate.Person{ID: "hr-1", FirstName: "Joan", LastName: "Clarke"}
	happened := s.as(patient, create)

	equal(t, "what happened", []caselog.Data{&caselog.Created{
		OrganizationID: "org-1",
		ShortID:        "ADA-7K2QX",
		CaseType:       "CONSULTATION",
		Title:          "Ada's migraine",
		Submitter:      create.Submitter,
		ReferralCode:   create.ReferralCode,
		ProductBundle:  create.ProductBundle,
		HRRep:          create.HRRep,
	}}, happened)
	equal(t, "the case", &caselog.Case{
		ID:             "case-1",
		OrganizationID: "org-1",
		ShortID:        "ADA-7K2QX",
		Version:        1,
		Type:           "CONSULTATION",
		Title:          "Ada's migraine",
		Status:         caseupdate.StatusOpen,
		CreatedAt:      s.when(),
		UpdatedAt:      s.when(),
		ReferralCode:   create.ReferralCode,
		ProductBundle:  create.ProductBundle,
		HRRep:          create.HRRep,
		Submitter:      create.Submitter,
		Activity: []caseupdate.Activity{{
			ID: s.events[0].ID, Type: caseupdate.EventCreateCase, Timestamp: s.when(), Actor: patient,
		}},
	}, s.now)
}

func TestASubmitterWithoutAnIDIsGivenOne(t *testing.T) {
	s := blank(t)
	create := creation()
	create.Submitter.ID = ""
	s.do(create)
	require.NotEmpty(t, s.now.Submitter.ID)
	require.NotEqual(t, s.events[0].ID, s.now.Submitter.ID)
	require.Empty(t, create.Submitter.ID, "the command is as it was")
}

func TestACaseIsCreatedOnceAndFirst(t *testing.T) {
	for _, test := range []struct {
		name string
		c    *caselog.Case
		cmd  caselog.Command
	}{
		{"a case that is there is not created", tell(t).now, creation()},
		{"a case that is archived is not created", tell(t, caselog.Archive{Reason: "SPAM"}).now, creation()},
		{"nothing happens to a case that is not there", nil, caselog.Escalate{}},
		{"a case that is not there is not reopened", nil, caselog.Reopen{}},
		{"a case has an id", nil, caselog.CreateCase{
			OrganizationID: "org-1", ShortID: "ADA-7K2QX", Type: "T", Title: "T", Submitter: creation().Submitter,
		}},
		{"a case has an organisation", nil, caselog.CreateCase{
			ID: "case-1", ShortID: "ADA-7K2QX", Type: "T", Title: "T", Submitter: creation().Submitter,
		}},
		{"a case has a short id", nil, caselog.CreateCase{
			ID: "case-1", OrganizationID: "org-1", Type: "T", Title: "T", Submitter: creation().Submitter,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			happened, err := caselog.Decide(test.c, test.cmd, blank(t).act())
			require.Error(t, err)
			require.Empty(t, happened)
			_, refused := errors.AsType[*refusal.Error](err)
			require.False(t, refused, "it is the service that is wrong, not the user")
		})
	}
}

func TestASubmitterIsWhoCanBeReached(t *testing.T) {
	const (
		empty  = "must not be empty"
		date   = "must be a date, such as 1984-07-12"
		eMail  = "must be an e-mail address"
		prefix = "submitter."
	)
	for _, test := range []struct {
		name  string
		spoil func(*caseupdate.Submitter)
		want  []refusal.Fault
	}{
		{"without a first name", func(s *caseupdate.Submitter) { s.FirstName = nil }, []refusal.Fault{{Field: prefix + "firstName", Allowed: empty}}},
		{"without a last name", func(s *caseupdate.Submitter) { s.LastName = nil }, []refusal.Fault{{Field: prefix + "lastName", Allowed: empty}}},
		{"without an e-mail address", func(s *caseupdate.Submitter) { s.Email = nil }, []refusal.Fault{{Field: prefix + "email", Allowed: empty}}},
		{"with an e-mail address that is none", func(s *caseupdate.Submitter) { s.Email = new("ada") }, []refusal.Fault{{Field: prefix + "email", Allowed: eMail}}},
		{"born on no day of the calendar", func(s *caseupdate.Submitter) { s.DOB = new("1984-02-30") }, []refusal.Fault{{Field: prefix + "dob", Allowed: date}}},
		{"born in another notation", func(s *caseupdate.Submitter) { s.DOB = new("12.07.1984") }, []refusal.Fault{{Field: prefix + "dob", Allowed: date}}},
		{"born at a time of day", func(s *caseupdate.Submitter) { s.DOB = new("1984-07-12T00:00:00Z") }, []refusal.Fault{{Field: prefix + "dob", Allowed: date}}},
		{"born on an empty day", func(s *caseupdate.Submitter) { s.DOB = new("") }, []refusal.Fault{{Field: prefix + "dob", Allowed: date}}},
		{"every fault is told", func(s *caseupdate.Submitter) { *s = caseupdate.Submitter{DOB: new("?")} }, []refusal.Fault{
			{Field: prefix + "firstName", Allowed: empty},
			{Field: prefix + "lastName", Allowed: empty},
			{Field: prefix + "email", Allowed: empty},
			{Field: prefix + "dob", Allowed: date},
		}},
		{"born on a leap day", func(s *caseupdate.Submitter) { s.DOB = new("1984-02-29") }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			create := creation()
			test.spoil(&create.Submitter)
			if s := blank(t); test.want != nil {
				s.refuses(create, refusal.Fields(test.want...))
			} else {
				s.do(create)
			}
		})
	}
}
