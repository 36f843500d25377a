package rest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/rest"
	"github.com/casehook/casehook/internal/sample"
	"github.com/casehook/casehook/internal/subscription"
)

func TestTheSchemaOfEachEventTakesItsBodyAndNoOther(t *testing.T) {
	for _, event := range caseupdate.Events() {
		t.Run(string(event), func(t *testing.T) {
			strict, open := compileSchema(t, event, false), compileSchema(t, event, true)
			for _, payload := range []subscription.Payload{subscription.PayloadEvent, subscription.PayloadFull} {
				body := sampleBody(t, event, payload)
				for _, test := range []struct {
					name         string
					body         string
					strict, open bool
				}{
					{"as it is sent", body, true, true},
					{"with a new field in the payload", strings.Replace(body, `"activity":{`, `"news":1,"activity":{`, 1), false, true},
					{"with a new field in the case", strings.Replace(body, `"case":{`, `"case":{"news":1,`, 1), false, true},
					{"without a field", strings.Replace(body, `"isArchived"`, `"isarchived"`, 1), false, false},
					{"with a value of another type", strings.Replace(body, `"isArchived":`, `"isArchived":0.5,"x":`, 1), false, false},
					{"with null where a value must be", strings.Replace(body, `"shortId":"TST-00000"`, `"shortId":null`, 1), false, false},
					{"with another event", strings.Replace(body, `{"event":"`, `{"event":"X`, 1), false, false},
				} {
					value, err := jsonschema.UnmarshalJSON(strings.NewReader(test.body))
					require.NoError(t, err)
					require.Equal(t, test.strict, strict.Validate(value) == nil, "strict, %s, %s", payload, test.name)
					require.Equal(t, test.open, open.Validate(value) == nil, "open, %s, %s", payload, test.name)
				}
			}
		})
	}
}

func TestThereIsNoSchemaOfWhatIsNoEvent(t *testing.T) {
	_, err := rest.Schema("NO_EVENT", false)
	require.Error(t, err)
}

func compileSchema(t *testing.T, event caseupdate.Event, open bool) *jsonschema.Schema {
	t.Helper()
	text, err := rest.Schema(string(event), open)
	require.NoError(t, err)
	return compile(t, text)
}

func sampleBody(t *testing.T, name caseupdate.Event, payload subscription.Payload) string {
	t.Helper()
	event, state, err := sample.Of(name, time.Now(), uuid.NewString)
	require.NoError(t, err)
	body, err := render.New(nil).Body(event, state, nil, render.Options{
		Payload: payload, Clearance: subscription.Clearance{PHI: true, Restricted: true},
	})
	require.NoError(t, err)
	whole, ok := body.Bytes()
	require.True(t, ok)
	return string(whole)
}
