package screenshots_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/app"
	"github.com/casehook/casehook/internal/config"
	"github.com/casehook/casehook/internal/delivery/dnstest"
)

// object is a JSON object.
type object map[string]any

// clinic is a server of an organisation, whose partners are of all kinds.
type clinic struct {
	t        *testing.T
	url, key string
	port     string   // of all partners, with its colon; "" is that of https
	places   []string // such as {case}, each followed by what it stands for

	pharmacy, billing, insights, records string // endpoints
}

// open starts the server, and lets the day pass.
func open(t *testing.T) *clinic {
	certificate, port := startPartners(t)
	data := t.TempDir()
	t.Setenv("SSL_CERT_FILE", certificate)
	server, err := app.Open(t.Context(), config.Config{
		Listen: "127.0.0.1:0", Data: data, KeepDays: 30, MaxDocumentBytes: 1 << 20, Dev: true, OperatorKey: "operator-of-the-pictures",
	}, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})))
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Run(t.Context()) }) // a server that fails answers nothing
	t.Cleanup(serving.Wait)

	c := &clinic{t: t, url: "http://" + server.Addr(), key: "operator-of-the-pictures", port: port}
	c.key = c.call("POST /v1/organizations", object{"name": "Harbour Telehealth", "shortIdPrefix": "HBR"})["adminKey"].(string)
	c.key = c.call("POST /v1/api-keys", object{"name": "Ines, support", "role": "admin"})["key"].(string)
	c.work()
	c.passTime(data)
	return c
}

// call makes a request that succeeds, such as "POST /v1/cases".
func (c *clinic) call(call string, body any) object {
	encoded, err := json.Marshal(body)
	require.NoError(c.t, err)
	method, path, _ := strings.Cut(call, " ")
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, bytes.NewReader(encoded))
	require.NoError(c.t, err)
	request.Header.Set("Authorization", "Bearer "+c.key)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(c.t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(c.t, err)
	require.Equal(c.t, 2, response.StatusCode/100, "%s: %s", call, answer)
	var fields object
	require.NoError(c.t, json.Unmarshal(answer, &fields))
	return fields
}

// partners are who is sent webhooks, by the names of their hosts, and how they answer.
var partners = map[string]http.HandlerFunc{
	"pharmacy.example.com": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
	"billing.example.com": func(w http.ResponseWriter, _ *http.Request) {
		if !maintenance.Load() {
			w.WriteHeader(http.StatusOK)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		http.Error(w, `{"error":"upstream_unavailable","message":"The ledger is in maintenance."}`, http.StatusServiceUnavailable)
	},
	"insights.example.com": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"accepted":true}`) },
	"records.example.com":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) },
}

// maintenance is why one of them fails.
var maintenance atomic.Bool

// startPartners starts all of them, and has their names lead to them: to the port of https where
// this process may have it. Certificate is the file by which they are known.
func startPartners(t *testing.T) (certificate, port string) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // an attempt that is broken off is answered to nobody
		host, _, _ := strings.Cut(r.Host, ":")
		partners[host](w, r)
	}))
	if listener, err := net.Listen("tcp", "127.0.0.1:443"); err == nil {
		require.NoError(t, server.Listener.Close())
		server.Listener = listener
	} else {
		port = fmt.Sprintf(":%d", server.Listener.Addr().(*net.TCPAddr).Port)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	names := make(map[string][]string)
	for host := range partners {
		names[host+"."] = []string{"127.0.0.1"}
	}
	usual := net.DefaultResolver
	net.DefaultResolver = dnstest.Serve(t, names).Resolver()
	t.Cleanup(func() { net.DefaultResolver = usual })

	certificate = filepath.Join(t.TempDir(), "partners.pem")
	encoded := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(t, os.WriteFile(certificate, encoded, 0o600))
	return certificate, port
}

// subscribe makes an endpoint of a partner, and returns its id.
func (c *clinic) subscribe(host, path, description string, settings object) string {
	settings["url"], settings["description"] = "https://"+host+c.port+path, description
	return c.call("POST /v1/endpoints", settings)["id"].(string)
}

// settled waits until what is to be sent to an endpoint was sent.
func (c *clinic) settled(endpointID string) {
	require.Eventually(c.t, func() bool {
		waiting := c.call("GET /v1/deliveries?limit=1&state=pending&endpointId="+endpointID, nil)
		return len(waiting["data"].([]any)) == 0
	}, time.Minute, 100*time.Millisecond)
}
