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
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/internal/telemetry"
	"github.com/casehook/casehook/internal/vault"
)

// measureEngine measures casehook without its door, in this process.
func (r *results) measureEngine(ctx context.Context, sink *sinkClient, data string) (err error) {
	progress("a burst of the engine alone")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	keyring, err := vault.LoadOrCreateKeyring(filepath.Join(data, "master.key"))
	if err != nil {
		return err
	}
	st, err := store.Open(ctx, "sqlite:"+filepath.Join(data, "casehook.db"), store.Options{Vault: vault.New(keyring)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	organization, err := st.EnsureOrganization(ctx, "default", "CSE")
	if err != nil {
		return err
	}
	blobs, err := blob.Open(filepath.Join(data, "blobs"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, blobs.Close()) }()
	renderer, metrics := render.New(blobs), telemetry.NewMetrics()
	engine := delivery.NewEngine(st, &delivery.Sender{Renderer: renderer, Client: delivery.NewClient(true), UserAgent: "casehook", Log: discard}, metrics, discard)
	running, stop := context.WithCancel(ctx)
	ran := make(chan error, 1)
	go func() { ran <- engine.Run(running, time.Second) }()
	defer func() {
		stop()
		err = errors.Join(err, <-ran)
	}()

	s := service.New(service.Options{Store: st, Blobs: blobs, Engine: engine, Renderer: renderer, Metrics: metrics, Log: discard, Insecure: true})
	caller := service.Caller{OrganizationID: organization.ID, Role: service.Admin, Actor: caseupdate.User{ID: "bench", FirstName: "Bench"}}
	_, err = s.CreateEndpoint(ctx, caller, &subscription.Endpoint{
		URL: sink.url + "/fast", Events: []string{subscription.AllEvents}, Payload: subscription.PayloadEvent,
		Documents: subscription.DocumentsBase64, Clearance: subscription.Clearance{PHI: true, Restricted: true},
		Ordering: subscription.OrderingCase, Signing: []subscription.Signing{subscription.SigningStandard, subscription.SigningCV},
		Timeout: subscription.DefaultTimeout, MaxInFlight: 64,
	}, nil)
	if err != nil {
		return err
	}
	if err := sink.reset(ctx); err != nil {
		return err
	}
	ids := make([]string, cases)
	first, last, email := "Sam", "Sample", "sam@mail.example"
	for i := range ids {
		changed, err := s.CreateCase(ctx, caller, caselog.CreateCase{
			Type: "benchmark", Title: "A case to be measured",
			Submitter: caseupdate.Submitter{FirstName: &first, LastName: &last, Email: &email},
		}, nil)
		if err != nil {
			return err
		}
		ids[i] = changed.Case.ID
	}
	if _, err := sink.wait(ctx, cases); err != nil {
		return err
	}
	r.engine, err = r.rush(ctx, sink, func(ctx context.Context, i int) error {
		_, err := s.Change(ctx, caller, ids[i%cases], caselog.AddComment{Text: text()}, nil)
		return err
	})
	return err
}
