package service_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

// An endpoint that was paused is sent, later, what another was sent at the time: the case
// as of each event, whatever came after it.
func TestAFullCaseThatIsSentLateIsTheOneAsOfItsEvent(t *testing.T) {
	onBoth(t, func(t *testing.T, dir, database string) {
		w, prompt, late := newWorldOn(t, dir, database), newReceiver(t), newReceiver(t)
		full := func(e *subscription.Endpoint) { e.Payload = subscription.PayloadFull }
		w.endpoint(t, prompt.URL, full)
		paused := w.endpoint(t, late.URL, full)
		_, err := w.PauseEndpoint(t.Context(), w.caller, paused.ID, nil)
		require.NoError(t, err)

		caseID := w.newCase(t)
		const comments = 70 // more than are loaded at once
		for i := range comments {
			w.comment(t, caseID, fmt.Sprintf("comment %d", i))
		}
		state, err := w.Case(t.Context(), w.caller, caseID, 0)
		require.NoError(t, err)
		for _, cmd := range []caselog.Command{
			caselog.DeleteComment{CommentID: state.Comments[0].ID},
			caselog.CreateOrder{},
			caselog.Archive{Reason: "RESOLVED"},
		} {
			_, err := w.Change(t.Context(), w.caller, caseID, cmd, nil)
			require.NoError(t, err)
		}
		const all = 1 + comments + 3
		bodies := make(map[string]string)
		for _, m := range prompt.wait(t, all) {
			bodies[m.id] = string(m.body)
		}
		_, err = w.ResumeEndpoint(t.Context(), w.caller, paused.ID, nil)
		require.NoError(t, err)
		sent := late.wait(t, all)
		require.Equal(t, oneTo(all), sequences(sent, caseID))
		for _, m := range sent {
			require.Equal(t, bodies[m.id], string(m.body), "message %d", m.sequence)
		}

		replay, err := w.Replay(t.Context(), w.caller, paused.ID, service.ReplayFilter{}, nil)
		require.NoError(t, err)
		w.replayed(t, replay.ID)
		for _, m := range late.wait(t, 2*all)[all:] {
			require.Equal(t, bodies[m.id], string(m.body), "message %d, replayed", m.sequence)
		}
	})
}
