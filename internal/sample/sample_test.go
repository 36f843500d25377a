package sample_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/sample"
	"github.com/casehook/casehook/internal/subscription"
)

func TestThereIsASampleOfEachEvent(t *testing.T) {
	for _, name := range caseupdate.Events() {
		t.Run(string(name), func(t *testing.T) {
			event, state, err := sample.Of(name, time.Now(), uuid.NewString)
			require.NoError(t, err)
			require.Equal(t, name, event.Type())
			require.Equal(t, event.Sequence, state.Version)
			body, err := render.New(nil).Body(event, state, nil, render.Options{Clearance: subscription.Clearance{PHI: true, Restricted: true}})
			require.NoError(t, err)
			whole, ok := body.Bytes()
			require.True(t, ok, "a sample has no document to stream")
			update, err := caseupdate.Parse(whole)
			require.NoError(t, err)
			require.Equal(t, name, update.Event)
		})
	}
}

func TestThereIsNoSampleOfWhatIsNoEvent(t *testing.T) {
	_, _, err := sample.Of("NO_EVENT", time.Now(), uuid.NewString)
	require.Error(t, err)
}
