// Package app builds casehook and runs it: the only place that knows everyone.
//
// [Open] makes an [App] of a configuration, and [App.Run] serves until it is told
// to stop.
package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/casehook/casehook/internal/blob"
	"github.com/casehook/casehook/internal/bucket"
	"github.com/casehook/casehook/internal/config"
	"github.com/casehook/casehook/internal/dashboard"
	"github.com/casehook/casehook/internal/delivery"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/rest"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/share"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/telemetry"
	"github.com/casehook/casehook/internal/upkeep"
	"github.com/casehook/casehook/internal/vault"
)

const (
	// defaultOrganization is the one that is there from the start.
	defaultOrganization = "default"
	// defaultPrefix begins the short ids of its cases.
	defaultPrefix = "CSE"

	// keepAnswers is how long the answer to an idempotency key is given again.
	keepAnswers = 24 * time.Hour

	// requestGrace is how long requests that are under way may take when the server
	// stops, and attemptGrace how long attempts may.
	requestGrace = 10 * time.Second
	attemptGrace = 20 * time.Second
)

// App is a casehook that listens.
type App struct {
	log      *slog.Logger
	listener net.Listener
	server   *http.Server
	engine   *delivery.Engine
	keep     store.Retention
	store    *store.Store
	shares   *share.Store
	blobs    *blob.Store
	hasKeys  bool
}

// Open builds the server from cfg. It listens when Open returns, and answers once
// [App.Run] is called. What is opened is closed by Run, or by [App.Close].
func Open(ctx context.Context, cfg config.Config, log *slog.Logger) (*App, error) {
	a := &App{log: log}
	if err := a.open(ctx, cfg, usualPatience); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) open(ctx context.Context, cfg config.Config, p patience) (err error) {
	var organization store.Organization
	if a.store, a.shares, organization, err = openStore(ctx, cfg, a.log); err != nil {
		return err
	}
	keys, err := a.store.Keys(ctx, organization.ID, "", service.MaxLimit)
	if err != nil {
		return err
	}
	a.hasKeys = cfg.AdminKey != "" || slices.ContainsFunc(keys, store.Key.Usable)
	if a.blobs, err = openBlobs(ctx, cfg, a.log); err != nil {
		return err
	}
	if a.listener, err = net.Listen("tcp", cfg.Listen); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	publicURL := cfg.PublicURL
	if publicURL == "" {
		publicURL = "http://" + a.Addr()
	}

	kept := time.Duration(cfg.KeepDays) * 24 * time.Hour
	a.keep = store.Retention{Deliveries: kept, Failed: 3 * kept, Answers: keepAnswers}
	metrics := telemetry.NewMetrics()
	metrics.WatchAudit(a.store.UnwrittenEntries)
	renderer := render.New(a.blobs)
	guard := delivery.NewGuard(cfg.AllowCIDRs, cfg.Dev)
	a.engine = delivery.NewEngine(a.store, &delivery.Sender{
		Renderer:  renderer,
		Client:    guard.Client(),
		PublicURL: publicURL,
		UserAgent: "casehook/" + Version(),
		Log:       a.log,
	}, metrics, a.log)
	s := service.New(service.Options{
		Store:               a.store,
		Blobs:               a.blobs,
		Engine:              a.engine,
		Renderer:            renderer,
		Metrics:             metrics,
		Log:                 a.log,
		Guard:               guard,
		AdminKey:            string(cfg.AdminKey),
		AdminOrganizationID: organization.ID,
		OperatorKey:         string(cfg.OperatorKey),
		MaxDocument:         int64(cfg.MaxDocumentBytes),
	})
	pages := dashboard.New(s, dashboard.Options{Log: a.log, Metrics: metrics, PublicURL: publicURL})
	a.server = newServer(proxies(cfg.TrustedProxies).behind(doors{
		rest:      rest.New(s, rest.Options{Version: Version(), Log: a.log, Metrics: metrics, PublicURL: publicURL}),
		dashboard: pages,
	}), p, a.log)
	a.server.RegisterOnShutdown(pages.EndStreams)
	return nil
}

// Addr returns the address that the server listens on, with the real port.
func (a *App) Addr() string { return a.listener.Addr().String() }

// HasKeys reports whether anybody can get in: there is an API key.
func (a *App) HasKeys() bool { return a.hasKeys }

// Run serves until ctx is done. Then it finishes the requests and the attempts that
// are under way, and closes everything.
func (a *App) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- a.server.Serve(a.listener) }()
	sending, stopSending := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSending()
	sent := make(chan error, 1)
	go func() { sent <- a.engine.Run(sending, attemptGrace) }()
	var upkeeping sync.WaitGroup
	upkeeping.Go(func() { upkeep.Run(sending, a.store, a.blobs, a.keep, a.engine.Leads, a.log) })

	var errs []error
	select {
	case <-ctx.Done():
	case err := <-served:
		errs = append(errs, fmt.Errorf("serve: %w", err))
	}
	// No change comes in any more when the engine leaves its lanes to the table.
	a.log.Info("stopping")
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestGrace)
	defer cancel()
	if err := a.server.Shutdown(grace); err != nil {
		errs = append(errs, fmt.Errorf("finish the requests: %w", err), a.server.Close())
	}
	stopSending()
	errs = append(errs, <-sent)
	upkeeping.Wait()
	return errors.Join(append(errs, a.Close())...)
}

// Close releases what an App holds that was not run.
func (a *App) Close() error {
	var errs []error
	if a.listener != nil {
		if err := a.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if a.blobs != nil {
		errs = append(errs, a.blobs.Close())
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	if a.shares != nil {
		errs = append(errs, a.shares.Close())
	}
	return errors.Join(errs...)
}

// Migrate brings the schema of the database up to date and returns its version
// before and after.
func Migrate(ctx context.Context, cfg config.Config) (from, to int64, err error) {
	if err := makeData(cfg); err != nil {
		return 0, 0, err
	}
	if _, err := masterKeys(ctx, cfg); err != nil { // a database and its key are made together
		return 0, 0, err
	}
	return store.Migrate(ctx, databaseURL(cfg))
}

// VerifyReceipts checks the chains of receipts in the database, which may be in use; see
// [store.VerifyReceipts].
func VerifyReceipts(ctx context.Context, cfg config.Config, head string) ([]store.Chain, error) {
	return store.VerifyReceipts(ctx, databaseURL(cfg), head)
}

// VerifyAudit is VerifyReceipts for the entries of the audit.
func VerifyAudit(ctx context.Context, cfg config.Config, head string) ([]store.Chain, error) {
	return store.VerifyAudit(ctx, databaseURL(cfg), head)
}

// Version returns the version of this build, "devel" where it has none.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

// openShares opens the bucket that is set, or else the folder in the data directory.
func openShares(ctx context.Context, cfg config.Config) (*share.Store, error) {
	if cfg.Shares == "" {
		return share.Open(filepath.Join(cfg.Data, "shares"))
	}
	place, err := bucket.Parse(cfg.Shares)
	if err != nil {
		return nil, fmt.Errorf("shares: %w", err)
	}
	return share.OpenBucket(ctx, place)
}

// openStore opens the database with the operator's master keys and the shares in the
// data directory, and returns the organisation that is there from the start. Log may be nil.
func openStore(ctx context.Context, cfg config.Config, log *slog.Logger) (*store.Store, *share.Store, store.Organization, error) {
	if err := makeData(cfg); err != nil {
		return nil, nil, store.Organization{}, err
	}
	keyring, err := masterKeys(ctx, cfg)
	if err != nil {
		return nil, nil, store.Organization{}, err
	}
	shares, err := openShares(ctx, cfg)
	if err != nil {
		return nil, nil, store.Organization{}, err
	}
	s, err := store.Open(ctx, databaseURL(cfg), store.Options{Vault: vault.New(keyring), Shares: shares, Log: log})
	if err != nil {
		return nil, nil, store.Organization{}, errors.Join(err, shares.Close())
	}
	organization, err := s.EnsureOrganization(ctx, defaultOrganization, defaultPrefix)
	if err == nil {
		// This opens its key: with other master keys nothing else could be read either.
		organization, err = s.Organization(ctx, organization.ID)
	}
	if errors.Is(err, vault.ErrUnknownMasterKey) || errors.Is(err, vault.ErrTampered) {
		err = errors.New("this is not the master key that the database was sealed with: bring that one back, or set CASEHOOK_MASTER_KEY")
	}
	if err != nil {
		return nil, nil, store.Organization{}, errors.Join(err, s.Close(), shares.Close())
	}
	return s, shares, organization, nil
}

// openBlobs opens the bucket that is set, or else the folder in the data directory.
func openBlobs(ctx context.Context, cfg config.Config, log *slog.Logger) (*blob.Store, error) {
	if cfg.Documents == "" {
		return blob.Open(filepath.Join(cfg.Data, "blobs"))
	}
	place, err := bucket.Parse(cfg.Documents)
	if err != nil {
		return nil, fmt.Errorf("documents: %w", err)
	}
	return blob.OpenBucket(ctx, place, log)
}

// masterKeys returns the keys of the configuration, or else those in the data
// directory. They are made the first time, and never beside a database that was
// sealed with others. The first of them was tried: a KMS has answered.
func masterKeys(ctx context.Context, cfg config.Config) (masterKey, error) {
	if cfg.MasterKey != "" {
		keyring, err := vault.ParseKeyring(string(cfg.MasterKey))
		if err != nil {
			return nil, fmt.Errorf("read CASEHOOK_MASTER_KEY: %w", err)
		}
		if err := keyring.Check(); err != nil {
			return nil, fmt.Errorf("CASEHOOK_MASTER_KEY: %w", err)
		}
		return keyring, nil
	}
	path := filepath.Join(cfg.Data, "master.key")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		sealed, err := store.Exists(ctx, databaseURL(cfg))
		if err != nil {
			return nil, err
		}
		if sealed {
			return nil, fmt.Errorf("%s is missing, and without it the database cannot be read: bring it back, or set CASEHOOK_MASTER_KEY", path)
		}
	}
	return vault.OpenKeyFile(path)
}

// masterKey is a master whose keys are counted.
type masterKey interface {
	tink.AEAD
	Len() int
}

func makeData(cfg config.Config) error {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	return nil
}

// databaseURL returns the database that is meant.
func databaseURL(cfg config.Config) string {
	if cfg.Database == "" {
		return "sqlite:" + filepath.Join(cfg.Data, "casehook.db")
	}
	return cfg.Database
}
