package service

import (
	"context"

	"github.com/casehook/casehook/internal/store"
)

// Receipt says who was told what of whom.
type Receipt = store.Receipt

// CaseReceipts lists what was told of a case, to whom and under which clearance, the
// oldest first: an accounting of disclosures. Those of restricted events are left out for a
// caller who is not cleared for them, so that a page may have fewer than asked for. Of a case
// that was erased they are there for an admin only.
func (s *Service) CaseReceipts(ctx context.Context, caller Caller, caseID string, page Page) ([]Receipt, string, error) {
	var after int64
	if err := page.decode(&after); err != nil {
		return nil, "", err
	}
	limit, err := page.limit()
	if err != nil {
		return nil, "", err
	}
	receipts, err := s.Store.CaseReceipts(ctx, caller.OrganizationID, caseID, caller.Role.Includes(Admin), after, limit+1)
	if err != nil {
		return nil, "", refused("case", err)
	}
	var next string
	if len(receipts) > limit {
		receipts = receipts[:limit]
		next = encode(receipts[limit-1].Position)
	}
	receipts, err = visible(ctx, s, caller, receipts, func(r Receipt) string { return r.EventID })
	return receipts, next, err
}
