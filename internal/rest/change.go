package rest

import (
	"context"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/service"
)

// change changes a case and answers with the basic case.
func (d *door) change(ctx context.Context, caseID string, cmd caselog.Command) (*reply[*caseupdate.Case], error) {
	return perform(ctx, basic(ctx), d.changing(ctx, caseID, cmd))
}

// create adds to a case and answers with what was added, a T.
func create[T any](ctx context.Context, d *door, caseID string, cmd caselog.Command) (*reply[T], error) {
	return perform(ctx, created[T], d.changing(ctx, caseID, cmd))
}

func (d *door) changing(ctx context.Context, caseID string, cmd caselog.Command) func(*service.Repeatable) (service.Changed, error) {
	return func(request *service.Repeatable) (service.Changed, error) {
		return d.service.Change(ctx, caller(ctx), caseID, cmd, request)
	}
}
