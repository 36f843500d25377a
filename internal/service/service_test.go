package service_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/blob"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/delivery"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/internal/vault"
	"github.com/casehook/casehook/webhook"
)

// world is a casehook without doors.
type world struct {
	*service.Service
	caller service.Caller
	stop   func()
}

// newWorld starts a casehook in dir, which ends with the test.
func newWorld(t *testing.T, dir string) *world {
	t.Helper()
	ctx := t.Context()
	keyring, err := vault.LoadOrCreateKeyring(filepath.Join(dir, "master.key"))
	require.NoError(t, err)
	s, err := store.Open(ctx, "sqlite:"+filepath.Join(dir, "casehook.db"), store.Options{Vault: vault.New(keyring)})
	require.NoError(t, err)
	organization, err := s.EnsureOrganization(ctx, "default", "CSE")
	require.NoError(t, err)
	blobs, err := blob.Open(filepath.Join(dir, "blobs"))
	require.NoError(t, err)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	renderer := render.New(blobs)
	engine := delivery.NewEngine(s, &delivery.Sender{Renderer: renderer, Client: delivery.NewClient(true), UserAgent: "casehook", Log: log}, quiet{}, log)
	w := &world{
		Service: service.New(service.Options{
			Store: s, Blobs: blobs, Engine: engine, Renderer: renderer, Metrics: quiet{}, Log: log, Insecure: true,
		}),
		caller: service.Caller{
			OrganizationID: organization.ID,
			Role:           service.Admin,
			Actor:          caseupdate.User{ID: "u-1", FirstName: "Ada", LastName: "Nurse"},
		},
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ran := make(chan error, 1)
	go func() { ran <- engine.Run(running, 10*time.Second) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ran)
		require.NoError(t, s.Close())
		require.NoError(t, blobs.Close())
	})
	t.Cleanup(w.stop)
	return w
}

// quiet measures nothing.
type quiet struct{}

func (quiet) AttemptFinished(string, time.Duration) {}
func (quiet) Delivered(time.Duration)               {}
func (quiet) EventsRecorded(int)                    {}

// receiver is a partner's endpoint, which keeps what it accepts.
type receiver struct {
	*httptest.Server
	// answer decides the status of a message; nil answers 204.
	answer func(message) int

	mu       sync.Mutex
	received []message // those that were answered with 2xx
	arrived  *sync.Cond
}

type message struct {
	id, caseID        string
	sequence, attempt int
	update            *caseupdate.Update
	header            http.Header
	body              []byte
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	r.arrived = sync.NewCond(&r.mu)
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		m := message{id: request.Header.Get(webhook.HeaderID), caseID: request.Header.Get(webhook.HeaderCaseID), header: request.Header, body: body}
		m.sequence, _ = strconv.Atoi(request.Header.Get(webhook.HeaderSequence))
		m.attempt, _ = strconv.Atoi(request.Header.Get(webhook.HeaderAttempt))
		if m.update, err = caseupdate.Parse(body); err != nil {
			t.Errorf("parse what was sent: %v", err)
		}
		status := http.StatusNoContent
		if r.answer != nil {
			status = r.answer(m)
		}
		if status/100 == 2 {
			r.mu.Lock()
			r.received = append(r.received, m)
			r.arrived.Broadcast()
			r.mu.Unlock()
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(r.Close)
	return r
}

// wait waits until n messages were accepted, and returns them.
func (r *receiver) wait(t *testing.T, n int) []message {
	t.Helper()
	stop := context.AfterFunc(t.Context(), func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.arrived.Broadcast()
	})
	defer stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.received) < n {
		if t.Context().Err() != nil {
			t.Fatalf("received %d of %d messages", len(r.received), n)
		}
		r.arrived.Wait()
	}
	return append([]message(nil), r.received...)
}

func (w *world) endpoint(t *testing.T, url string, change func(*subscription.Endpoint)) *subscription.Endpoint {
	t.Helper()
	draft := &subscription.Endpoint{
		URL: url, Events: []string{"*"}, Payload: subscription.PayloadEvent, Documents: subscription.DocumentsBase64,
		Clearance: subscription.Clearance{PHI: true, Restricted: true}, Ordering: subscription.OrderingCase,
		Signing: []subscription.Signing{subscription.SigningStandard, subscription.SigningCV},
		Timeout: 5 * time.Second, MaxInFlight: 32,
	}
	if change != nil {
		change(draft)
	}
	endpoint, err := w.CreateEndpoint(t.Context(), w.caller, draft, nil)
	require.NoError(t, err)
	return endpoint
}

func (w *world) newCase(t *testing.T) string {
	t.Helper()
	changed, err := w.CreateCase(t.Context(), w.caller, newCase(), nil)
	require.NoError(t, err)
	return changed.Case.ID
}

func newCase() caselog.CreateCase {
	first, last, email := "Grace", "Patient", "grace@example.com"
	return caselog.CreateCase{Type: "dermatology", Title: "A rash", Submitter: caseupdate.Submitter{FirstName: &first, LastName: &last, Email: &email}}
}

func TestChangesAreReceivedInTheOrderOfTheirCase(t *testing.T) {
	w, r := newWorld(t, t.TempDir()), newReceiver(t)
	w.endpoint(t, r.URL, nil)
	const cases, comments = 20, 30
	var changing sync.WaitGroup
	for range cases {
		changing.Go(func() {
			changed, err := w.CreateCase(t.Context(), w.caller, newCase(), nil)
			if err != nil {
				t.Error(err)
				return
			}
			for range comments {
				if _, err := w.Change(t.Context(), w.caller, changed.Case.ID, caselog.AddComment{Text: "still itching"}, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	changing.Wait()
	last := make(map[string]int)
	for _, m := range r.wait(t, cases*(comments+1)) {
		require.Equal(t, last[m.caseID]+1, m.sequence)
		last[m.caseID] = m.sequence
	}
}
