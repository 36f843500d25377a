package rest

import (
	"context"
	"net/http"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/service"
)

func (d *door) registerErasures() {
	handle(d, call{
		id: "eraseCase", pattern: "DELETE /v1/cases/{id}", tag: tagCases, summary: "Erase a case",
		text: "For good: its key and its documents are destroyed, so that backups of the database do not open it either, and what was not delivered yet is canceled. " +
			"From now on it is answered as if it had never been.",
		status: http.StatusNoContent,
	}, d.eraseCase)
	handle(d, call{
		id: "listErasures", pattern: "GET /v1/erasures", tag: tagCases, summary: "List what was erased",
		text: "By whom and when, the newest first.",
	}, d.listErasures)
}

// erasure is what is left of a case that was erased.
type erasure struct {
	ID         string           `json:"id"`
	CaseID     string           `json:"caseId"`
	ActorID    string           `json:"actorId" doc:"Who did it: a user, or the key's own service user."`
	KeyID      string           `json:"keyId" doc:"The API key that was used."`
	ErasedAt   caseupdate.Time  `json:"erasedAt"`
	FinishedAt *caseupdate.Time `json:"finishedAt" doc:"When its key and its documents were destroyed. Null while they are being."`
}

func shownErasure(e service.Erasure) erasure {
	return erasure{
		ID:         e.ID,
		CaseID:     e.CaseID,
		ActorID:    e.ActorID,
		KeyID:      e.KeyID,
		ErasedAt:   caseupdate.At(e.At),
		FinishedAt: at(e.FinishedAt),
	}
}

func (d *door) eraseCase(ctx context.Context, in *CasePath) (*struct{}, error) {
	return nil, d.service.EraseCase(ctx, caller(ctx), in.CaseID)
}

func (d *door) listErasures(ctx context.Context, in *Paging) (*found[list[erasure]], error) {
	erasures, next, err := d.service.Erasures(ctx, caller(ctx), in.page())
	if err != nil {
		return nil, err
	}
	return listed(erasures, shownErasure, next), nil
}
