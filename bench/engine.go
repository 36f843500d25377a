package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/blob"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/delivery"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/share"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/internal/telemetry"
	"github.com/casehook/casehook/internal/vault"
)

// measureEngine measures casehook without its door, in this process: with empty
// tables, and with many messages that wait.
func (r *results) measureEngine(ctx context.Context, sink *sinkClient, data string) (err error) {
	url, err := r.database.create(ctx, data)
	if err != nil {
		return err
	}
	h, err := open(ctx, data, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	if _, err := h.subscribe(ctx, sink.url+"/fast", caseupdate.EventAddCaseComment); err != nil {
		return err
	}
	burst := func() (float64, error) {
		ids, err := h.openCases(ctx, cases) // fresh ones, as in any burst
		if err != nil {
			return 0, err
		}
		return r.rush(ctx, sink, func(ctx context.Context, i int) error {
			return h.change(ctx, ids[i%cases], caselog.AddComment{Text: text()})
		})
	}

	r.progress("a burst of the engine alone")
	err = profiled(r.profile("engine"), func() error {
		r.engine, err = burst()
		return err
	})
	if err != nil || r.waiting == 0 {
		return err
	}
	r.progress("%d messages that wait", r.waiting)
	if err := h.fill(ctx, r.waiting); err != nil {
		return err
	}
	r.progress("a burst beside them")
	return profiled(r.profile("engine-waiting"), func() error {
		r.crowded, err = burst()
		return err
	})
}

// house is casehook without its door.
type house struct {
	*service.Service
	caller service.Caller
	store  *store.Store
	shares *share.Store
	blobs  *blob.Store
	stop   context.CancelFunc
	ran    chan error
}

func open(ctx context.Context, data, url string) (*house, error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	keyring, err := vault.LoadOrCreateKeyring(filepath.Join(data, "master.key"))
	if err != nil {
		return nil, err
	}
	shares, err := share.Open(filepath.Join(data, "shares"))
	if err != nil {
		return nil, err
	}
	st, err := store.Open(ctx, url, store.Options{Vault: vault.New(keyring), Shares: shares})
	if err != nil {
		return nil, errors.Join(err, shares.Close())
	}
	organization, err := st.EnsureOrganization(ctx, "default", "CSE")
	if err != nil {
		return nil, errors.Join(err, st.Close(), shares.Close())
	}
	blobs, err := blob.Open(filepath.Join(data, "blobs"))
	if err != nil {
		return nil, errors.Join(err, st.Close(), shares.Close())
	}
	renderer, metrics := render.New(blobs), telemetry.NewMetrics()
	guard := delivery.NewGuard(nil, true)
	engine := delivery.NewEngine(st, &delivery.Sender{Renderer: renderer, Client: guard.Client(), UserAgent: "casehook", Log: discard}, metrics, discard)
	h := &house{
		Service: service.New(service.Options{Store: st, Blobs: blobs, Engine: engine, Renderer: renderer, Metrics: metrics, Log: discard, Guard: guard}),
		caller:  service.Caller{OrganizationID: organization.ID, Role: service.Admin, Actor: caseupdate.User{ID: "bench", FirstName: "Bench"}},
		store:   st,
		shares:  shares,
		blobs:   blobs,
		ran:     make(chan error, 1),
	}
	running, stop := context.WithCancel(ctx)
	h.stop = stop
	go func() { h.ran <- engine.Run(running, time.Second) }()
	return h, nil
}

func (h *house) close() error {
	h.stop()
	return errors.Join(<-h.ran, h.blobs.Close(), h.store.Close(), h.shares.Close())
}

func (h *house) subscribe(ctx context.Context, url string, event caseupdate.Event) (id string, err error) {
	endpoint, err := h.CreateEndpoint(ctx, h.caller, &subscription.Endpoint{
		URL: url, Events: []string{string(event)}, Payload: subscription.PayloadEvent,
		Documents: subscription.DocumentsBase64, Clearance: subscription.Clearance{PHI: true, Restricted: true},
		Ordering: subscription.OrderingCase, Signing: []subscription.Signing{subscription.SigningStandard, subscription.SigningCV},
		Timeout: subscription.DefaultTimeout, MaxInFlight: 64,
	}, nil)
	if err != nil {
		return "", err
	}
	return endpoint.ID, nil
}

func (h *house) openCases(ctx context.Context, n int) ([]string, error) {
	ids := make([]string, n)
	first, last, email := "Sam", "Sample", "sam@mail.example"
	return ids, together(ctx, n, func(ctx context.Context, i int) error {
		changed, err := h.CreateCase(ctx, h.caller, caselog.CreateCase{
			Type: "benchmark", Title: "A case to be measured",
			Submitter: caseupdate.Submitter{FirstName: &first, LastName: &last, Email: &email},
		}, nil)
		if err == nil {
			ids[i] = changed.Case.ID
		}
		return err
	})
}

func (h *house) change(ctx context.Context, caseID string, command caselog.Command) error {
	_, err := h.Change(ctx, h.caller, caseID, command, nil)
	return err
}

// fill has messages wait for endpoints that are paused: ten endpoints, and ten
// messages in each lane.
func (h *house) fill(ctx context.Context, messages int) error {
	const endpoints, perLane = 10, 10
	for range endpoints {
		id, err := h.subscribe(ctx, "http://127.0.0.1:1/", caseupdate.EventPaymentAdded)
		if err != nil {
			return err
		}
		if _, err := h.PauseEndpoint(ctx, h.caller, id, nil); err != nil {
			return err
		}
	}
	n := messages / endpoints
	ids, err := h.openCases(ctx, max(n/perLane, 1))
	if err != nil {
		return err
	}
	return together(ctx, n, func(ctx context.Context, i int) error {
		return h.change(ctx, ids[i%len(ids)], caselog.AddPayment{Description: "A visit", Amount: 4900})
	})
}
