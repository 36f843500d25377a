package caselog_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
)

// Any sequence of commands, some of which cannot be done, makes a case that can be,
// and a log from which that case, and every one before it, can be had again.
func TestAnyHistoryIsThatOfACase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &history{story: blank(t)}
		h.do(t, drawCreation(t))
		actions := map[string]func(*rapid.T){"": h.check, "go back": h.goBack}
		for name, draw := range drawn {
			actions[name] = func(t *rapid.T) {
				if h.now.IsArchived && rapid.Bool().Draw(t, "reopen") {
					h.do(t, caselog.Reopen{})
				}
				h.do(t, draw(t, h.now))
			}
		}
		t.Repeat(actions)
		h.conclude(t)
	})
}

// history is a story of any commands, which may go back to an earlier state of the
// case and take another turn from there.
type history struct {
	*story
	states []*caselog.Case // states[i] is the case that was live after events[i]
	turns  []int           // how many events there were after each command
	seen   []seen          // every case that ever was live
}

// seen is a case, and what it looked like when it was new.
type seen struct {
	c    *caselog.Case
	then string
}

// portrait shows all of c.
func portrait(t failing, c *caselog.Case) string {
	t.Helper()
	b, err := json.Marshal(c)
	require.NoError(t, err)
	return string(b)
}

// do decides cmd and, where it can be done, folds what happens.
func (h *history) do(t *rapid.T, cmd caselog.Command) {
	h.at = h.at.Add(time.Duration(rapid.Int64Range(-int64(time.Second), int64(time.Minute)).Draw(t, "pause")))
	h.actor = rapid.SampledFrom(people).Draw(t, "actor")
	ids := h.ids
	happened, err := caselog.Decide(h.now, cmd, h.act())

	h.ids = ids
	again, errAgain := caselog.Decide(h.now, cmd, h.act())
	equal(t, "the same question, asked again", happened, again)
	require.Equal(t, err, errAgain)

	if err != nil {
		require.Empty(t, happened)
		refused, ok := errors.AsType[*refusal.Error](err)
		require.True(t, ok, "%T is not a refusal", err)
		require.Contains(t, []refusal.Kind{refusal.Invalid, refusal.NotFound, refusal.Conflict}, refused.Kind)
		require.Equal(t, refused.Kind == refusal.Invalid, len(refused.Faults) > 0)
		return
	}
	require.NotEmpty(t, happened)
	for _, e := range happened {
		next, err := caselog.Fold(h.now, e)
		require.NoError(t, err)
		h.now, h.events, h.states = next, append(h.events, e), append(h.states, next)
		h.seen = append(h.seen, seen{next, portrait(t, next)})
	}
	h.turns = append(h.turns, len(h.events))
}

// goBack returns to where an earlier command was done: what comes now is another
// future of that case.
func (h *history) goBack(t *rapid.T) {
	i := rapid.IntRange(0, len(h.turns)-1).Draw(t, "turn")
	n := h.turns[i]
	h.now, h.turns = h.states[n-1], h.turns[:i+1]
	h.events, h.states = h.events[:n], h.states[:n]
}

// check holds before and after each command.
func (h *history) check(t *rapid.T) {
	require.NoError(t, impossible(h.now))
	require.Equal(t, int64(len(h.events)), h.now.Version)
}

// conclude holds for the history as a whole.
func (h *history) conclude(t *rapid.T) {
	for _, seen := range h.seen {
		require.Equal(t, seen.then, portrait(t, seen.c), "a case never changes, whatever is decided of it or folded from it")
	}

	once, err := caselog.Fold(nil, h.events...)
	require.NoError(t, err)
	twice, err := caselog.Fold(nil, h.events...)
	require.NoError(t, err)
	equal(t, "the log, folded again", once, twice)
	equal(t, "the log, folded at once and not step by step", h.now, once)

	for i, state := range h.states {
		then, err := caselog.Fold(nil, h.events[:i+1]...)
		require.NoError(t, err)
		require.Equal(t, portrait(t, state), portrait(t, then), "the case as of event %d", i+1)
	}
	i := rapid.IntRange(0, len(h.states)-1).Draw(t, "part")
	parted, err := caselog.Fold(h.states[i], h.events[i+1:]...)
	require.NoError(t, err)
	require.Equal(t, portrait(t, h.now), portrait(t, parted), "the log, folded from event %d on", i+1)

	stored := make([]caselog.Event, len(h.events))
	for i, e := range h.events {
		body, err := e.EncodeBody()
		require.NoError(t, err)
		stored[i] = caselog.Event{ID: e.ID, CaseID: e.CaseID, Sequence: e.Sequence, At: e.At}
		require.NoError(t, stored[i].DecodeBody(e.Type(), body))
	}
	equal(t, "the log, stored and read again", h.events, stored)
}
