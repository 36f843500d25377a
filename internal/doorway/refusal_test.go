package doorway_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/doorway"
	"github.com/casehook/casehook/internal/refusal"
)

func TestEveryKindOfRefusalHasItsStatus(t *testing.T) {
	for kind := refusal.Invalid; kind <= refusal.TooLarge; kind++ {
		require.NotEqual(t, http.StatusInternalServerError, doorway.StatusOf(kind))
	}
}
