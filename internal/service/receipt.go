package service

import (
	"context"

	"github.com/casehook/casehook/internal/store"
)

// Receipt says who was told what of whom.
type Receipt = store.Receipt

// CaseReceipts lists what was told of a case, to whom and under which clearance, the
// oldest first: an accounting of disclosures.
func (s *Service) CaseReceipts(ctx context.Context, caller Caller, caseID string, page Page) ([]Receipt, string, error) {
	var after int64
	if err := page.decode(&after); err != nil {
		return nil, "", err
	}
	limit, err := page.limit()
	if err != nil {
		return nil, "", err
	}
	receipts, err := s.Store.CaseReceipts(ctx, caller.OrganizationID, caseID, after, limit+1)
	if err != nil || len(receipts) <= limit {
		return receipts, "", refused("case", err)
	}
	receipts = receipts[:limit]
	return receipts, encode(receipts[limit-1].Position), nil
}
