package rest

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
)

// checkParameters refuses parameters that are given twice, or are no text. Nothing has such an id: in a
// path, and in a signed link, they lead nowhere. What the path of a PUT names need not
// be there yet, and the service says what it can be.
func (d *door) checkParameters(ctx huma.Context, next func(huma.Context)) {
	op := ctx.Operation()
	role, _ := service.RoleFor(op.OperationID)
	given := make(map[string]int)
	address := ctx.URL()
	for name, values := range address.Query() {
		given[name] = len(values)
	}
	for _, parameter := range op.Parameters {
		var value string
		switch parameter.In {
		case "path":
			value = ctx.Param(parameter.Name)
		case "query":
			value = ctx.Query(parameter.Name)
		}
		switch {
		case parameter.In == "query" && given[parameter.Name] > 1:
			d.refuse(ctx, refusal.Field(parameter.Name, "must not be given twice"))
			return
		case service.IsText(value), parameter.In == "path" && op.Method == http.MethodPut:
			continue
		case parameter.In == "path", role == service.Anybody:
			d.refuse(ctx, refusal.Of(refusal.NotFound, nothingHere))
		default:
			d.refuse(ctx, refusal.Field(parameter.Name, mustBeText))
		}
		return
	}
	next(ctx)
}
