package service_test

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
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
	"github.com/casehook/casehook/internal/postgrestest"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/share"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/internal/vault"
	"github.com/casehook/casehook/webhook"
)

func TestMain(m *testing.M) {
	// Each check of a property starts and ends nodes; -rapid.checks asks for more.
	if err := flag.Set("rapid.checks", "6"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// world is a casehook without doors.
type world struct {
	*service.Service
	caller service.Caller
	stop   func() // in good order
	kill   func() // as a crash does
}

// newWorld starts a casehook in dir, which ends with the test.
func newWorld(t *testing.T, dir string) *world {
	t.Helper()
	return newWorldOn(t, dir, "sqlite:"+filepath.Join(dir, "casehook.db"))
}

// onBoth runs a test on each engine, with an empty database.
func onBoth(t *testing.T, test func(t *testing.T, dir, database string)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		dir := t.TempDir()
		test(t, dir, "sqlite:"+filepath.Join(dir, "casehook.db"))
	})
	t.Run("PostgreSQL", func(t *testing.T) { test(t, t.TempDir(), postgrestest.DSN(t)) })
}

// newWorldOn is newWorld on a database that is given.
func newWorldOn(t *testing.T, dir, database string) *world {
	t.Helper()
	return newWorldWith(t, dir, database, delivery.NewGuard(nil, true).Client())
}

// newWorldWith is newWorldOn with a client of its own.
func newWorldWith(t *testing.T, dir, database string, client *http.Client) *world {
	t.Helper()
	return newWorldBehind(t, dir, database, delivery.NewGuard(nil, true), client)
}

// newWorldBehind is newWorldWith with a guard of its own, which is asked where endpoints are made.
func newWorldBehind(t *testing.T, dir, database string, guard *delivery.Guard, client *http.Client) *world {
	t.Helper()
	ctx := t.Context()
	keyring, err := vault.LoadOrCreateKeyring(filepath.Join(dir, "master.key"))
	require.NoError(t, err)
	shares, err := share.Open(filepath.Join(dir, "shares"))
	require.NoError(t, err)
	s, err := store.Open(ctx, database, store.Options{Vault: vault.New(keyring), Shares: shares})
	require.NoError(t, err)
	organization, err := s.EnsureOrganization(ctx, "default", "CSE")
	require.NoError(t, err)
	blobs, err := blob.Open(filepath.Join(dir, "blobs"))
	require.NoError(t, err)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	renderer := render.New(blobs)
	engine := delivery.NewEngine(s, &delivery.Sender{Renderer: renderer, Client: client, UserAgent: "casehook", Log: log}, quiet{}, log)
	w := &world{
		Service: service.New(service.Options{
			Store: s, Blobs: blobs, Engine: engine, Renderer: renderer, Metrics: quiet{}, Log: log, Guard: guard,
		}),
		caller: service.Caller{
			OrganizationID: organization.ID,
			Role:           service.Admin,
			Clearance:      service.FullClearance,
			Actor:          caseupdate.User{ID: "u-1", FirstName: "Ada", LastName: "Nurse"},
		},
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ran := make(chan error, 1)
	go func() { ran <- engine.Run(running, 10*time.Second) }()
	var ended sync.Once
	w.stop = func() {
		ended.Do(func() {
			cancel()
			require.NoError(t, <-ran)
			require.NoError(t, s.Close())
			require.NoError(t, blobs.Close())
			require.NoError(t, shares.Close())
		})
	}
	w.kill = func() {
		ended.Do(func() {
			require.NoError(t, s.Close()) // from here on nothing is recorded, and nobody says goodbye
			cancel()
			require.Error(t, <-ran)
			require.NoError(t, blobs.Close())
			require.NoError(t, shares.Close())
		})
	}
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
	answer     func(message) int
	retryAfter string // the header of answers that are no success; "" for none

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
		} else if r.retryAfter != "" {
			w.Header().Set("Retry-After", r.retryAfter)
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
	onBoth(t, func(t *testing.T, dir, database string) {
		w, r := newWorldOn(t, dir, database), newReceiver(t)
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
	})
}
