package service

import (
	"context"

	"github.com/casehook/casehook/internal/store"
)

// Erasure is what is left of a case that was erased.
type Erasure = store.Erasure

// EraseCase erases a case for good: its key and its documents are destroyed, and what
// waits to be sent of it is canceled. An attempt that is under way is finished.
func (s *Service) EraseCase(ctx context.Context, caller Caller, caseID string) error {
	err := s.Store.Erase(context.WithoutCancel(ctx), Erasure{ // what is begun is finished, also where the client hangs up
		ID:             newID(),
		OrganizationID: caller.OrganizationID,
		CaseID:         caseID,
		ActorID:        caller.Actor.ID,
		KeyID:          caller.KeyID,
		At:             now(),
	}, s.Blobs, func() { s.Engine.CaseErased(caseID) })
	return refused("case", err)
}

// Erasures lists what was erased, the newest first.
func (s *Service) Erasures(ctx context.Context, caller Caller, page Page) ([]Erasure, string, error) {
	return byID(page, func(e Erasure) string { return e.ID }, func(before string, limit int) ([]Erasure, error) {
		return s.Store.Erasures(ctx, caller.OrganizationID, before, limit)
	})
}
