package caselog_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
)

// growing returns the log of a case with n events, each of which adds something to it.
func growing(t testing.TB, n int) []caselog.Event {
	t.Helper()
	s := blank(t)
	s.do(creation())
	for i := len(s.events); i < n; i++ {
		var cmd caselog.Command
		switch i % 5 {
		case 0:
			cmd = caselog.AddComment{Text: "Worse in the morning"}
		case 1:
			cmd = caselog.AddAttachment{File: file(fmt.Sprint("scan-", i))}
		case 2:
			cmd = caselog.AddPayment{Description: "Consultation", Amount: 15950}
		case 3:
			cmd = caselog.CreateOrder{}
		case 4:
			cmd = caselog.AnswerForm{
				Form:    caseupdate.Form{Name: "Diary"},
				Answers: []caselog.Answer{{Question: caseupdate.Question{Type: "text", Text: "Pain?"}, Text: "Less"}},
			}
		}
		happened, err := caselog.Decide(s.now, cmd, s.act())
		require.NoError(t, err)
		s.now, err = caselog.Fold(s.now, happened...)
		require.NoError(t, err)
		s.events = append(s.events, happened...)
	}
	require.Len(t, s.events, n)
	return s.events
}

// steps returns the case after each of the events.
func steps(t testing.TB, events []caselog.Event) []*caselog.Case {
	t.Helper()
	states := make([]*caselog.Case, len(events))
	var state *caselog.Case
	for i, e := range events {
		var err error
		state, err = caselog.Fold(state, e)
		require.NoError(t, err)
		states[i] = state
	}
	return states
}

// allocated returns how many bytes do allocates.
func allocated(do func()) uint64 {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestAStateTakesNoMoreMemoryTheLongerTheLogIs(t *testing.T) {
	perEvent := make(map[int]uint64)
	for _, n := range []int{100, 2_000} {
		events := growing(t, n)
		var states []*caselog.Case
		perEvent[n] = allocated(func() { states = steps(t, events) }) / uint64(n)
		require.Equal(t, int64(n), states[n-1].Version)
	}
	require.LessOrEqual(t, perEvent[2_000], 2*perEvent[100])
}

func TestAnEventIsFoldedWithoutCopyingTheLog(t *testing.T) {
	events := growing(t, 2_010)
	state, err := caselog.Fold(nil, events[:2_000]...)
	require.NoError(t, err)
	state, err = caselog.Fold(state, events[2_000:2_005]...) // each list has place for more from here on
	require.NoError(t, err)
	for _, e := range events[2_005:] {
		var next *caselog.Case
		taken := allocated(func() { next, err = caselog.Fold(state, e) })
		require.NoError(t, err)
		require.Less(t, taken, uint64(4<<10), "bytes for event %d, %s", e.Sequence, e.Type())
		state = next
	}
}

func TestTwoFuturesOfOneStateDoNotSeeEachOther(t *testing.T) {
	common := growing(t, 50)
	state, err := caselog.Fold(nil, common...)
	require.NoError(t, err)
	before := portrait(t, state)

	const futures = 8
	var want, got [futures]string
	events := make([][]caselog.Event, futures)
	for i := range futures {
		s := &story{t: t, at: begin.AddDate(0, 1, i), actor: nurse, ids: 1000 * (i + 1), now: state, events: nil}
		for j := range 20 {
			s.do(caselog.AddComment{Text: fmt.Sprintf("future %d, step %d", i, j)})
			s.do(caselog.CreateOrder{Message: new(fmt.Sprintf("future %d, order %d", i, j))})
		}
		events[i], want[i] = s.events, portrait(t, s.now)
	}
	fresh, err := caselog.Fold(nil, common...) // behind which nobody has taken a place
	require.NoError(t, err)
	var folding sync.WaitGroup
	for i := range futures {
		folding.Go(func() {
			next := fresh
			for _, e := range events[i] {
				var err error
				if next, err = caselog.Fold(next, e); err != nil {
					t.Error(err)
					return
				}
			}
			got[i] = portrait(t, next)
		})
	}
	folding.Wait()
	require.Equal(t, want, got)
	require.Equal(t, before, portrait(t, state))
	require.Equal(t, before, portrait(t, fresh), "what follows a state leaves it as it is")
}

func BenchmarkStates(b *testing.B) {
	for _, n := range []int{20, 200, 2_000} {
		events := growing(b, n)
		b.Run(fmt.Sprintf("events=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var state *caselog.Case
				for _, e := range events {
					var err error
					if state, err = caselog.Fold(state, e); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/event")
		})
	}
}
