package render_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/internal/vault"
)

// goldenBody returns a body of the format.
func goldenBody(t *testing.T, event caseupdate.Event) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("..", "..", "caseupdate", "testdata", "golden", string(event)+".json"))
	require.NoError(t, err)
	return bytes.TrimSpace(body)
}

// toldAt is later than all that the golden bodies tell.
var toldAt = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

// told returns what comes of a body that is told, and the case as of it.
func told(t *testing.T, body []byte) (caselog.Event, *caselog.Case, *render.Renderer, *vault.Key) {
	t.Helper()
	var envelope struct {
		Event   string
		Payload json.RawMessage
	}
	require.NoError(t, json.Unmarshal(body, &envelope))
	parsed, err := caseupdate.Parse(body)
	require.NoError(t, err)
	told, faults := caselog.ReadTold("", caselog.Telling{CaseID: parsed.Case().ID, Event: envelope.Event, Payload: envelope.Payload}, toldAt)
	require.Empty(t, faults)
	blobs := openBlobs(t)
	key := newStory(t, blobs).key
	for _, d := range told.Documents {
		id := uuid.NewString()
		info, err := blobs.Put(t.Context(), key, id, bytes.NewReader(d.Content))
		require.NoError(t, err)
		d.File = caselog.File{ID: id, Size: info.Size, SHA256: info.SHA256[:]}
	}
	newID := func() string { return uuid.Must(uuid.NewV7()).String() }
	events, err := caselog.Tell(nil, told, caselog.Opening{OrganizationID: "organization", ShortID: "ADA-00001"}, caselog.Act{At: toldAt, NewID: newID})
	require.NoError(t, err)
	c, err := caselog.Fold(nil, events...)
	require.NoError(t, err)
	return events[len(events)-1], c, render.New(blobs), key
}

func TestWhatIsToldIsSentAsItWasTold(t *testing.T) {
	for _, event := range caseupdate.Events() {
		t.Run(string(event), func(t *testing.T) {
			body := goldenBody(t, event)
			e, c, renderer, key := told(t, body)
			payload := subscription.PayloadEvent
			sent, err := renderer.Body(e, c, key, render.Options{Payload: payload, Clearance: subscription.Clearance{PHI: true, Restricted: true}})
			require.NoError(t, err)
			var got bytes.Buffer
			stream := sent.Open(t.Context())
			_, err = got.ReadFrom(stream)
			require.NoError(t, err)
			require.NoError(t, stream.Close())
			require.Equal(t, normal(t, body), normal(t, got.Bytes()))
		})
	}
}

// normal returns a body without what casehook says itself: the short id, the
// organisation, marks that it may add, and the history.
func normal(t *testing.T, body []byte) string {
	t.Helper()
	u, err := caseupdate.Parse(body)
	require.NoError(t, err)
	c := u.Case()
	c.ShortID, c.OrganizationID = "", ""
	if c.Details != nil {
		c.Activity = nil
	}
	activity := reflect.ValueOf(u.Payload).Elem().FieldByName("Activity").Addr().Interface().(*caseupdate.Activity)
	activity.IsPHI, activity.IsRestricted = false, false
	b, err := caseupdate.Marshal(u)
	require.NoError(t, err)
	return string(b)
}

func TestWhatIsToldToBePHIIsBlankedAtTheEventAndInTheFullCase(t *testing.T) {
	for event, secrets := range map[caseupdate.Event][]string{
		caseupdate.EventAddCaseComment:     {"headache"},
		caseupdate.EventAddCaseDecision:    {"Sumatriptan"},
		caseupdate.EventOrderTrackingAdded: {"1Z999"},
		caseupdate.EventPaymentAdded:       {"consultation"},
	} {
		t.Run(string(event), func(t *testing.T) {
			body := goldenBody(t, event)
			var secret string
			for _, key := range []string{`"text":"`, `"medicine":"`, `"trackingId":"`, `"description":"`} {
				if _, after, ok := strings.Cut(string(body), key); ok {
					secret, _, _ = strings.Cut(after, `"`)
					break
				}
			}
			require.NotEmpty(t, secret, "one of %v", secrets)
			marked := strings.Replace(string(body), `"isPHI":false`, `"isPHI":true`, 1)
			e, c, renderer, key := told(t, []byte(marked))
			for _, payload := range []subscription.Payload{subscription.PayloadEvent, subscription.PayloadFull} {
				sent, err := renderer.Body(e, c, key, render.Options{Payload: payload, Clearance: subscription.Clearance{Restricted: true}})
				require.NoError(t, err)
				text, whole := sent.Bytes()
				if !whole {
					stream := sent.Open(t.Context())
					var b bytes.Buffer
					_, err := b.ReadFrom(stream)
					require.NoError(t, err)
					require.NoError(t, stream.Close())
					text = b.Bytes()
				}
				require.NotContains(t, string(text), secret)
				require.Contains(t, string(text), `"redacted":[`)
			}
		})
	}
}

func TestWhatIsToldToBeRestrictedIsLeftOutOfTheFullCase(t *testing.T) {
	body := strings.Replace(string(goldenBody(t, caseupdate.EventAddCaseDecision)), `"isRestricted":false`, `"isRestricted":true`, 1)
	e, c, renderer, key := told(t, []byte(body))
	_, err := renderer.Body(e, c, key, render.Options{Clearance: subscription.Clearance{PHI: true}})
	require.ErrorIs(t, err, render.ErrWithheld)
	require.Empty(t, render.FullCase(c, subscription.Clearance{PHI: true}).Decisions)
	require.Len(t, render.FullCase(c, subscription.Clearance{PHI: true, Restricted: true}).Decisions, 1)
}
