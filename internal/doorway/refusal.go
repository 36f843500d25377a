package doorway

import (
	"net/http"

	"github.com/casehook/casehook/internal/refusal"
)

// statuses is the answer to each kind of refusal. Every other error is internal.
var statuses = map[refusal.Kind]int{
	refusal.Invalid:      http.StatusUnprocessableEntity,
	refusal.Unauthorized: http.StatusUnauthorized,
	refusal.Forbidden:    http.StatusForbidden,
	refusal.NotFound:     http.StatusNotFound,
	refusal.Conflict:     http.StatusConflict,
	refusal.TooLarge:     http.StatusRequestEntityTooLarge,
}

// StatusOf returns the status of the answer to a kind of refusal.
func StatusOf(kind refusal.Kind) int {
	if status, ok := statuses[kind]; ok {
		return status
	}
	return http.StatusInternalServerError
}
