package dashboard

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/service"
)

func TestEveryOperationIsToldInWords(t *testing.T) {
	for _, operation := range service.Operations() {
		require.Contains(t, deeds, operation)
	}
	for operation := range deeds {
		_, known := service.RoleFor(operation)
		require.True(t, known, operation)
	}
}
