package delivery_test

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/delivery"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/sample"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/webhook"
)

// The secrets of an endpoint whose secret is being rotated.
const (
	newSecret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	oldSecret = "whsec_HwAeAR0CHAMbBBoFGQYYBxcIFgkVChQLEwwSDRENEA4="
)

// try has a sample sent to a URL, once.
func try(t *testing.T, client *http.Client, url string, change func(*subscription.Endpoint)) *store.Attempt {
	t.Helper()
	event, state, err := sample.Of(caseupdate.EventAddCaseDecision, time.Now(), uuid.NewString)
	require.NoError(t, err)
	endpoint := &subscription.Endpoint{
		ID: "endpoint", URL: url, Clearance: subscription.Clearance{PHI: true, Restricted: true}, Timeout: 5 * time.Second,
		Signing: []subscription.Signing{subscription.SigningStandard, subscription.SigningCV},
		Headers: map[string]string{"cv-api-key": "of the partner"},
		Secrets: []subscription.Secret{{Value: newSecret}, {Value: oldSecret}},
	}
	if change != nil {
		change(endpoint)
	}
	sender := &delivery.Sender{Renderer: render.New(nil), Client: client, UserAgent: "casehook/test", Log: slog.New(slog.DiscardHandler)}
	return sender.Send(t.Context(), endpoint, store.Message{DeliveryID: "d", EndpointID: "endpoint", Sequence: 7, Tries: 2, Event: event, Case: state})
}

func TestAnAttemptCarriesWhatTheReceiverNeeds(t *testing.T) {
	var header http.Header
	var body []byte
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "thank you")
	}))
	t.Cleanup(receiver.Close)

	attempt := try(t, delivery.NewGuard(nil, true).Client(), receiver.URL, nil)

	require.Equal(t, http.StatusAccepted, attempt.StatusCode)
	require.Empty(t, attempt.Error)
	require.Equal(t, "thank you", string(attempt.Answer))
	require.Equal(t, 3, attempt.Number)

	update, err := caseupdate.Parse(body)
	require.NoError(t, err)
	require.Equal(t, update.Activity().ID, header.Get(webhook.HeaderID))
	require.Equal(t, update.Case().ID, header.Get(webhook.HeaderCaseID))
	require.Equal(t, "7", header.Get(webhook.HeaderSequence))
	require.Equal(t, "3", header.Get(webhook.HeaderAttempt))
	require.Equal(t, "application/json", header.Get("Content-Type"))
	require.Equal(t, "casehook/test", header.Get("User-Agent"))
	require.Equal(t, "of the partner", header.Get("cv-api-key"))
	for _, secret := range []string{newSecret, oldSecret} {
		parsed, err := webhook.ParseSecret(secret)
		require.NoError(t, err)
		require.NoError(t, (&webhook.Verifier{Secrets: []webhook.Secret{parsed}}).Verify(header, body))
	}
	require.NoError(t, webhook.VerifyCV(header, body, newSecret))
}

func TestAnAttemptKeepsTheStartOfTheAnswer(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, strings.Repeat("a", 5000))
	}))
	t.Cleanup(receiver.Close)
	attempt := try(t, delivery.NewGuard(nil, true).Client(), receiver.URL, nil)
	require.Equal(t, http.StatusBadGateway, attempt.StatusCode)
	require.Equal(t, strings.Repeat("a", 1024), string(attempt.Answer))
}

func TestAnAnswerThatIsLargeIsReadUpTo1KiBAndThenClosed(t *testing.T) {
	closed := make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(closed)
		_, _ = io.Copy(io.Discard, r.Body)
		for err := error(nil); err == nil; { // as long as it is read
			_, err = io.WriteString(w, strings.Repeat("a", 4096))
		}
	}))
	t.Cleanup(receiver.Close)
	attempt := try(t, delivery.NewGuard(nil, true).Client(), receiver.URL, func(e *subscription.Endpoint) { e.Timeout = time.Minute })
	<-closed
	require.Empty(t, attempt.Error)
	require.Equal(t, http.StatusOK, attempt.StatusCode)
	require.Equal(t, strings.Repeat("a", 1024), string(attempt.Answer))
}

func TestAReceiverThatTricklesIsCutAtTheTimeLimit(t *testing.T) {
	for _, test := range []struct{ name, begin string }{
		{"its header", "HTTP/1.1 200 OK\r\nX-Filler: "},
		{"its answer", "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"},
		{"its answer, in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var trickled atomic.Int64
			closed := make(chan struct{})
			receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(closed)
				_, _ = io.Copy(io.Discard, r.Body)
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				tick := time.NewTicker(5 * time.Millisecond)
				defer tick.Stop()
				for _, err = io.WriteString(conn, test.begin); err == nil; _, err = io.WriteString(conn, "a") {
					trickled.Add(1)
					<-tick.C
				}
			}))
			t.Cleanup(receiver.Close)
			const limit = 250 * time.Millisecond
			attempt := try(t, delivery.NewGuard(nil, true).Client(), receiver.URL, func(e *subscription.Endpoint) { e.Timeout = limit })
			<-closed
			require.Equal(t, "no answer within 250ms", attempt.Error)
			require.Zero(t, attempt.StatusCode)
			require.GreaterOrEqual(t, attempt.Duration, limit)
			require.Less(t, attempt.Duration, limit+2*time.Second)
			require.Greater(t, trickled.Load(), int64(1), "it was not silent")
		})
	}
}

func TestAnAttemptFollowsNoRedirect(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	t.Cleanup(target.Close)
	receiver := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusTemporaryRedirect))
	t.Cleanup(receiver.Close)
	require.Equal(t, http.StatusTemporaryRedirect, try(t, delivery.NewGuard(nil, true).Client(), receiver.URL, nil).StatusCode)
}

func TestAnAttemptThatGetsNoAnswerSaysWhyAndNotWhere(t *testing.T) {
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(hanging.Close)
	silent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	gone := httptest.NewServer(nil)
	gone.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	public := delivery.NewGuard(nil, false).Client()
	for _, test := range []struct {
		name   string
		client *http.Client
		url    string
		want   string
	}{
		{"hangs", delivery.NewGuard(nil, true).Client(), hanging.URL, "no answer within 200ms"},
		{"says nothing after its header", delivery.NewGuard(nil, true).Client(), silent.URL, "no answer within 200ms"},
		{"is not there", delivery.NewGuard(nil, true).Client(), gone.URL, "connection refused"},
		{"has a certificate of nobody", delivery.NewGuard(nil, true).Client(), secure.URL, "certificate"},
		{"is on this machine", public, gone.URL, "not a public one"},
		{"is on this machine, in other words", public, strings.Replace(gone.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1), "not a public one"},
		{"is in the cloud's metadata", public, "http://169.254.169.254/latest", "not a public one"},
	} {
		t.Run(test.name, func(t *testing.T) {
			attempt := try(t, test.client, test.url+"?token=canary", func(e *subscription.Endpoint) {
				if strings.HasPrefix(test.want, "no answer") {
					e.Timeout = 200 * time.Millisecond
				}
			})
			require.Zero(t, attempt.StatusCode)
			require.Contains(t, attempt.Error, test.want)
			require.NotContains(t, attempt.Error, "canary")
		})
	}
}

func TestAttemptsShareAConnectionWhateverIsAnswered(t *testing.T) {
	var connections atomic.Int64
	receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, "out of order")
	}))
	receiver.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	receiver.Start()
	t.Cleanup(receiver.Close)
	client := delivery.NewGuard(nil, true).Client()
	for range 5 {
		require.Equal(t, http.StatusInternalServerError, try(t, client, receiver.URL, nil).StatusCode)
	}
	require.Equal(t, int64(1), connections.Load())
}

func TestAnAttemptSpeaksNoOldTLS(t *testing.T) {
	receiver := httptest.NewUnstartedServer(http.NotFoundHandler())
	receiver.TLS = &tls.Config{MaxVersion: tls.VersionTLS11} // what it offers at most
	receiver.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	receiver.StartTLS()
	t.Cleanup(receiver.Close)
	attempt := try(t, delivery.NewGuard(nil, true).Client(), receiver.URL, nil)
	require.Zero(t, attempt.StatusCode)
	require.Contains(t, attempt.Error, "protocol version not supported")
}

func TestAnAttemptIsCutOffWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	}))
	t.Cleanup(receiver.Close)
	event, state, err := sample.Of(caseupdate.EventCreateCase, time.Now(), uuid.NewString)
	require.NoError(t, err)
	sender := &delivery.Sender{Renderer: render.New(nil), Client: delivery.NewGuard(nil, true).Client(), Log: slog.New(slog.DiscardHandler)}
	endpoint := &subscription.Endpoint{URL: receiver.URL, Timeout: time.Minute, Secrets: []subscription.Secret{{Value: newSecret}}}
	attempt := sender.Send(ctx, endpoint, store.Message{Event: event, Case: state, Sequence: 1})
	require.Contains(t, attempt.Error, "canceled")
}
