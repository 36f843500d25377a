package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/casehook/casehook/internal/app"
	"github.com/casehook/casehook/internal/config"
	"github.com/casehook/casehook/internal/share"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/vault"
)

// receiptCommands are what scenarios about receipts can do beside casehook:
//
//	disclose DIR N       makes N more receipts in a data directory, and chains them
//	sql DIR STATEMENT    changes its database behind casehook's back
func receiptCommands(t *testing.T) map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(partner.Close)
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"disclose": func(ts *testscript.TestScript, _ bool, args []string) {
			n, err := strconv.Atoi(args[1])
			ts.Check(err)
			data := ts.MkAbs(args[0])
			ts.Check(disclose(data, partner.URL, n))
			ts.Check(chainReceipts(data))
		},
		"sql": func(ts *testscript.TestScript, _ bool, args []string) {
			db, err := sql.Open("sqlite", filepath.Join(ts.MkAbs(args[0]), "casehook.db"))
			ts.Check(err)
			_, err = db.ExecContext(context.Background(), args[1])
			ts.Check(errors.Join(err, db.Close()))
		},
	}
}

// disclose has n new cases delivered to an endpoint at url, by a casehook on a data directory
// that ends when they are.
func disclose(data, url string, n int) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	server, err := app.Open(ctx, config.Config{Listen: "127.0.0.1:0", Data: data, AdminKey: adminKey, KeepDays: 30, Dev: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ran := make(chan error, 1)
	go func() { ran <- server.Run(running) }()
	defer func() {
		stop()
		err = errors.Join(err, <-ran)
	}()
	c := &client{url: "http://" + server.Addr(), key: adminKey}
	known, _, err := c.call(ctx, http.MethodGet, "/v1/endpoints", "", nil)
	if err == nil && len(known["data"].([]any)) == 0 {
		_, _, err = c.call(ctx, http.MethodPost, "/v1/endpoints", "", object{"url": url, "clearance": object{"phi": true, "restricted": true}})
	}
	for range n {
		if err != nil {
			return err
		}
		_, _, err = c.call(ctx, http.MethodPost, "/v1/cases", "", object{
			"type": "INITIAL", "title": "A look", "submitter": object{"firstName": "Ada", "lastName": "L", "email": "ada@mail.example"},
		})
	}
	if err != nil {
		return err
	}
	cases, _, err := c.call(ctx, http.MethodGet, "/v1/cases?limit=100", "", nil)
	for err == nil {
		var delivered object
		delivered, _, err = c.call(ctx, http.MethodGet, "/v1/deliveries?state=delivered&limit=100", "", nil)
		if err == nil && len(delivered["data"].([]any)) == len(cases["data"].([]any)) {
			return nil
		}
	}
	return err
}

// chainReceipts does at once what a server does every few seconds.
func chainReceipts(data string) (err error) {
	keyring, err := vault.LoadOrCreateKeyring(filepath.Join(data, "master.key"))
	if err != nil {
		return err
	}
	shares, err := share.Open(filepath.Join(data, "shares"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shares.Close()) }()
	s, err := store.Open(context.Background(), "sqlite:"+filepath.Join(data, "casehook.db"), store.Options{Vault: vault.New(keyring), Shares: shares})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	more, err := s.ChainReceipts(context.Background())
	if more {
		err = fmt.Errorf("there are more receipts than one block takes")
	}
	return err
}
