package main

import (
	"bytes"
	"context"
	"flag"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"casehook": main})
}

// Each file under testdata/script is a scenario. $TAKEN is an address that another
// process listens on, $RECEIVER a receiver that trusts $SECRET, and $CREDULOUS one that takes
// everything.
func TestScripts(t *testing.T) {
	var lc net.ListenConfig
	taken, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	_, receiver, secret := startSound(t)
	credulous := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(credulous.Close)
	server := startKeeper(t, credulous.URL, true)
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Cmds:          receiptCommands(t),
		Setup: func(env *testscript.Env) error {
			env.Setenv("TAKEN", taken.Addr().String())
			env.Setenv("RECEIVER", receiver)
			env.Setenv("SECRET", string(bytes.TrimSpace(readAll(t, secret))))
			env.Setenv("CREDULOUS", credulous.URL)
			env.Setenv("SERVER", server.client.url)
			env.Setenv("KEY", server.client.key)
			env.Setenv("ENDPOINT", server.endpoint)
			env.Setenv("PAUSED", server.paused)
			env.Setenv("CASE", server.caseID)
			return nil
		},
	})
}
