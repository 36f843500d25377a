package caselog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
)

func TestACaseIsEscalatedAndDeescalatedByTurns(t *testing.T) {
	s := tell(t)
	for range 2 {
		s.refuses(caselog.Deescalate{}, conflict("the case is not escalated"))

		equal(t, "what happened", []caselog.Data{&caselog.Escalated{}}, s.do(caselog.Escalate{}))
		require.True(t, s.now.IsEscalated)
		require.Equal(t, caseupdate.EventEscalateCase, s.activity().Type)
		s.refuses(caselog.Escalate{}, conflict("the case is escalated already"))

		equal(t, "what happened", []caselog.Data{&caselog.Deescalated{}}, s.do(caselog.Deescalate{}))
		require.False(t, s.now.IsEscalated)
		require.Equal(t, caseupdate.EventDeescalateCase, s.activity().Type)
	}
}
