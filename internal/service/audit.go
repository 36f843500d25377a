package service

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/store"
)

// AuditEntry says who called what, when, from where and with which key.
type AuditEntry = store.AuditEntry

// AuditDetails are what is sealed of an AuditEntry.
type AuditDetails = store.AuditDetails

// Attribute says in the entry of a call who the caller is, and makes it ready to be
// recorded. Then it is not to be changed, but for its status, what the call shows and whether it repeats another.
func (s *Service) Attribute(ctx context.Context, e *AuditEntry, caller Caller) error {
	attributed := *e
	attributed.OrganizationID, attributed.KeyID, attributed.Role = caller.OrganizationID, caller.KeyID, string(caller.Role)
	if caller.Actor.ID != caller.KeyID { // somebody was named
		attributed.ActorID = caller.Actor.ID
	}
	if err := s.Store.SealAuditEntry(ctx, &attributed); err != nil {
		return err
	}
	*e = attributed
	return nil
}

// WithAuditEntry returns a context of a call by which what the call changes, and its
// entry, are recorded at once or not at all.
func WithAuditEntry(ctx context.Context, e *AuditEntry) context.Context {
	return store.WithAuditEntry(ctx, e)
}

type callKey struct{}

// WithCall returns a context of a call whose entry is attributed: it will say whose patients
// the call is shown, and whether it had been answered before.
func WithCall(ctx context.Context, e *AuditEntry) context.Context {
	return context.WithValue(ctx, callKey{}, e)
}

// shows puts into the entry of the call that ctx is of that it is shown the patients of cases.
// The error may be that a change of the call has carried the entry already: then they must not
// be shown.
func (s *Service) shows(ctx context.Context, caseIDs ...string) error {
	e, _ := ctx.Value(callKey{}).(*AuditEntry)
	if e == nil {
		return nil
	}
	shown := slices.Clone(e.Details.Shown)
	for _, id := range caseIDs {
		if id != e.CaseID && !slices.Contains(shown, id) {
			shown = append(shown, id)
		}
	}
	if len(shown) == len(e.Details.Shown) {
		return nil
	}
	if e.Written() {
		return errors.New("record whose patients are shown: the entry of the call was written before")
	}
	e.Details.Shown = shown
	return s.Store.SealAuditEntry(ctx, e)
}

// repeats puts into the entry of the call that ctx is of that it had been answered before.
func (s *Service) repeats(ctx context.Context) error {
	e, _ := ctx.Value(callKey{}).(*AuditEntry)
	if e == nil {
		return nil
	}
	e.Details.Repeated = true
	return s.Store.SealAuditEntry(ctx, e)
}

// RecordAuditEntry has an entry recorded soon, unless it is recorded already, or nobody
// is named in it: then there is no organisation that could read it. Where the error is not
// nil it is not recorded, and what was asked for must not be answered.
func (s *Service) RecordAuditEntry(ctx context.Context, e *AuditEntry) error {
	if e.OrganizationID == "" {
		return nil
	}
	return s.Store.RecordAuditEntry(ctx, e)
}

// AuditFilter narrows a list of entries. What is empty does not.
type AuditFilter = store.AuditFilter

// Audit lists who called what in the caller's organisation, the newest first.
func (s *Service) Audit(ctx context.Context, caller Caller, filter AuditFilter, page Page) ([]AuditEntry, string, error) {
	limit, err := page.limit()
	if err != nil {
		return nil, "", err
	}
	var before *store.AuditPosition
	if page.Cursor != "" {
		before = new(store.AuditPosition)
		if err := page.decode(&before.At, &before.Position); err != nil {
			return nil, "", err
		}
	}
	if filter.Since != nil && filter.Until != nil && !filter.Since.Before(*filter.Until) {
		return nil, "", refusal.Field("since", "must lie before until")
	}
	filter.Since, filter.Until = inMilliseconds(filter.Since), inMilliseconds(filter.Until)
	entries, err := s.Store.AuditEntries(ctx, caller.OrganizationID, filter, before, limit+1)
	if err != nil || len(entries) <= limit {
		return entries, "", err
	}
	entries = entries[:limit]
	last := entries[limit-1]
	return entries, encode(last.At.UnixMilli(), last.Position), nil
}

// inMilliseconds rounds a time up to what is kept of times, so that what is not before it
// is the same with it.
func inMilliseconds(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	rounded := t.Add(time.Millisecond - 1).Truncate(time.Millisecond)
	return &rounded
}
