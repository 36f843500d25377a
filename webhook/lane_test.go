package webhook

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// changed reports whether the lane of a place has said that its places look again, since moved.
func changed(moved <-chan struct{}) bool {
	select {
	case <-moved:
		return true
	default:
		return false
	}
}

func TestWhatHasWaitedLongEnoughLetsWhatIsBeforeItGoFirst(t *testing.T) {
	var l lanes
	seventh, sixth := l.enter("case", 7), l.enter("case", 6)
	other, late, unnumbered := l.enter("another case", 2), l.enter("case", 9), l.enter("case", 0)

	require.False(t, seventh.goesOn(), "it has not waited yet")
	moved := sixth.moved()
	seventh.goOn()
	require.False(t, seventh.goesOn(), "6 is before 7")
	require.True(t, changed(moved), "6 is told")
	require.True(t, sixth.goesOn(), "6 has not waited, but holds up 7")
	require.False(t, late.goesOn(), "9 holds up nothing")
	require.False(t, other.goesOn(), "nor does another case")

	moved = seventh.moved()
	require.False(t, seventh.goesOn())
	require.False(t, changed(moved), "nobody is told again of what is known")
	sixth.leave()
	require.True(t, changed(moved))
	require.True(t, seventh.goesOn())

	for _, p := range []*place{seventh, other, late, unnumbered} {
		p.leave()
	}
	require.Empty(t, l.byName, "a lane lives as long as something is in it")
}

func TestWhatEntersBeforeOneThatHasWaitedDoesNotMakeItWaitAgain(t *testing.T) {
	var l lanes
	third := l.enter("case", 3)
	third.goOn()
	require.True(t, third.goesOn())
	second := l.enter("case", 2)
	require.False(t, third.goesOn(), "2 goes first")
	require.True(t, second.goesOn(), "and at once")
}

func TestWhatFailsHoldsUpWhatIsBehindItInItsCase(t *testing.T) {
	var l lanes
	second, first, third := l.enter("case", 2), l.enter("case", 1), l.enter("case", 3)
	again, unnumbered, other := l.enter("case", 2), l.enter("case", 0), l.enter("another case", 3)
	unnumbered.fail()
	require.False(t, third.isBehind(), "nothing is behind what has no number")
	second.fail()
	require.True(t, third.isBehind())
	for _, p := range []*place{first, second, again, unnumbered, other} {
		require.False(t, p.isBehind())
	}
}
