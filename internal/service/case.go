package service

import (
	"context"
	"io"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/delivery"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/store"
)

// Case returns a case as of its event with the sequence at, or as it is now for 0.
func (s *Service) Case(ctx context.Context, caller Caller, caseID string, at int64) (*caselog.Case, error) {
	state, _, err := s.Store.Case(ctx, caller.OrganizationID, caseID, at)
	return state, refused("case, or it has no such event", err)
}

// ShortIDs returns the short ids of cases, by their ids. It leaves out what is no case of the
// caller's, or was erased.
func (s *Service) ShortIDs(ctx context.Context, caller Caller, ids []string) (map[string]string, error) {
	return s.Store.ShortIDs(ctx, caller.OrganizationID, ids)
}

// CaseFilter narrows a list of cases; zero values do not.
type CaseFilter = store.CaseFilter

// Cases lists cases, the newest first. To a caller who is cleared for PHI it shows their patients.
func (s *Service) Cases(ctx context.Context, caller Caller, filter CaseFilter, page Page) (cases []*caselog.Case, next string, err error) {
	var after store.CasePosition
	if err := page.decode(&after.CreatedAt, &after.ID); err != nil {
		return nil, "", err
	}
	limit, err := page.limit()
	if err != nil {
		return nil, "", err
	}
	cases, position, err := s.Store.Cases(ctx, caller.OrganizationID, filter, after, limit)
	if err != nil {
		return nil, "", err
	}
	if caller.Clearance.PHI {
		ids := make([]string, len(cases))
		for i, c := range cases {
			ids[i] = c.ID
		}
		if err := s.shows(ctx, ids...); err != nil {
			return nil, "", err
		}
	}
	if position == nil {
		return cases, "", nil
	}
	return cases, encode(position.CreatedAt, position.ID), nil
}

var noAttachment = refusal.Of(refusal.NotFound, "the case has no such attachment")

// MayRead refuses a document of the caller's organisation that they are not cleared for, or whose
// bytes are not there.
func (c Caller) MayRead(attachment caselog.Attachment) error {
	switch {
	case attachment.IsDeleted, attachment.SHA256 == nil, attachment.IsRestricted && !c.Clearance.Restricted:
		return noAttachment
	case attachment.IsPHI && !c.Clearance.PHI:
		return refusal.Of(refusal.Forbidden, "the document is PHI: this needs a key with clearance for that")
	}
	return nil
}

// Attachment returns a document and its bytes, which the caller closes. One that is
// restricted is not there for a caller without clearance, and one that is PHI is refused.
func (s *Service) Attachment(ctx context.Context, caller Caller, caseID, attachmentID string) (caselog.Attachment, io.ReadCloser, error) {
	state, key, err := s.Store.Case(ctx, caller.OrganizationID, caseID, 0)
	if err != nil {
		return caselog.Attachment{}, nil, refused("case", err)
	}
	attachment, ok := state.Attachment(attachmentID)
	if !ok {
		return caselog.Attachment{}, nil, noAttachment
	}
	if err := caller.MayRead(attachment); err != nil {
		return caselog.Attachment{}, nil, err
	}
	content, err := s.Blobs.Get(ctx, key, attachment.DocumentID())
	return attachment, content, err
}

// LinkedAttachment opens the document that a signed link leads to. The link is good
// also for one that was deleted after it was minted. A link that is not genuine, or
// has expired, is refused as not found. The digest of a good one is that of the
// document. Where the link is genuine the Caller is of the case's organisation, also where
// it has expired; else there is none: anybody can make up what is not genuine, and as much
// as they like.
func (s *Service) LinkedAttachment(ctx context.Context, caseID, attachmentID, digest, expires, signature string) (io.ReadCloser, Caller, error) {
	gone := refusal.Of(refusal.NotFound, "the link is not valid, or has expired")
	key, err := s.Store.CaseKey(ctx, caseID)
	if err != nil {
		return nil, Caller{}, refused("document", err)
	}
	if !delivery.IsGenuine(key, caseID, attachmentID, digest, expires, signature) {
		return nil, Caller{}, gone
	}
	owner, err := s.Store.CaseOwner(ctx, caseID)
	if err != nil {
		return nil, Caller{}, refused("document", err)
	}
	caller := Caller{OrganizationID: owner, KeyID: link}
	if !delivery.CheckLink(key, caseID, attachmentID, digest, expires, signature, now()) {
		return nil, caller, gone
	}
	document, err := s.Blobs.Get(ctx, key, attachmentID)
	return document, caller, err
}
