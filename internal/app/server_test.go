package app

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/config"
)

// impatient is enough for who is on loopback and means it.
var impatient = patience{header: 300 * time.Millisecond, body: 600 * time.Millisecond, idle: 300 * time.Millisecond, answer: 300 * time.Millisecond}

const (
	testKey = "chk_key_of_the_tests_0123456789"
	planted = "PLANTED-4711"
)

func TestSlowClientsAreCutOff(t *testing.T) {
	const authorized = "POST /v1/cases HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + testKey + "\r\nContent-Type: application/json\r\n"
	for _, test := range []struct {
		name    string
		begin   string // is sent at once
		trickle string // is sent byte by byte after it, for ever
		status  int    // of the answer before the end; 0 for none
	}{
		{"who says nothing", "", "", 0},
		{"whose header never ends", "GET /v1/cases HTTP/1.1\r\nHost: a\r\nX-" + planted + ": ", "", 0},
		{"whose header comes byte by byte", "GET /v1/cases HTTP/1.1\r\nHost: a\r\nX-" + planted + ": ", "a", 0},
		{"whose request line comes byte by byte", "GET /v1/" + planted, "a", http.StatusBadRequest},
		{"whose body does not come", authorized + "Content-Length: 1000\r\n\r\n", "", http.StatusRequestTimeout},
		{"whose body stops", authorized + "Content-Length: 1000\r\n\r\n{\"title\":\"" + planted, "", http.StatusRequestTimeout},
		{"whose body comes byte by byte", authorized + "Content-Length: 1000000\r\n\r\n{\"title\":\"" + planted, "a", http.StatusRequestTimeout},
		{"whose chunks come byte by byte", authorized + "Transfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n", http.StatusRequestTimeout},
		{"whose header is too large", "GET /v1/cases HTTP/1.1\r\nHost: a\r\nX-A: " + strings.Repeat("a", 2*maxHeader) + "\r\n\r\n", "", http.StatusRequestHeaderFieldsTooLarge},
		{"who asks once and stays", "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "", http.StatusOK},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel() // each of them waits
			address, log := serveTo(t, impatient)
			connection, err := net.Dial("tcp", address)
			require.NoError(t, err)
			defer connection.Close()
			_, err = io.WriteString(connection, test.begin)
			require.NoError(t, err)

			status, rest := untilTheEnd(t, connection, test.trickle)
			require.Equal(t, test.status, status, rest)
			require.NotContains(t, rest, planted)

			healthy, err := http.Get("http://" + address + "/healthz")
			require.NoError(t, err)
			require.NoError(t, healthy.Body.Close())
			require.Equal(t, http.StatusOK, healthy.StatusCode)
			require.NotContains(t, log.String(), planted)
		})
	}
}

// untilTheEnd sends trickle byte by byte while the server has not hung up, and
// returns the status of its answer, 0 for none, and all that it said.
func untilTheEnd(t *testing.T, connection net.Conn, trickle string) (status int, said string) {
	t.Helper()
	var answer strings.Builder
	sent, buffer := 0, make([]byte, 4096)
	for deadline := time.Now().Add(30 * time.Second); ; {
		require.True(t, time.Now().Before(deadline), "the server waits and waits")
		require.NoError(t, connection.SetReadDeadline(time.Now().Add(5*time.Millisecond)))
		n, err := connection.Read(buffer)
		answer.Write(buffer[:n])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if trickle != "" {
				_, _ = connection.Write([]byte{trickle[sent%len(trickle)]}) // the end is seen by reading
				sent++
			}
			continue
		}
		if err != nil {
			break
		}
	}
	if answer.Len() == 0 {
		return 0, ""
	}
	response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer.String())), nil)
	require.NoError(t, err, answer.String())
	require.NoError(t, response.Body.Close())
	return response.StatusCode, answer.String()
}

// serveTo runs a casehook with that patience until t ends, and returns its address
// and what it logs.
func serveTo(t *testing.T, p patience) (address string, log *journal) {
	t.Helper()
	return serve(t, config.Config{Listen: "127.0.0.1:0", Data: t.TempDir(), AdminKey: testKey, KeepDays: 30, Dev: true}, p)
}

// serve is serveTo with a configuration.
func serve(t *testing.T, cfg config.Config, p patience) (address string, log *journal) {
	t.Helper()
	log = &journal{}
	a := &App{log: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	require.NoError(t, a.open(t.Context(), cfg, p))
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ran := make(chan error, 1)
	go func() { ran <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ran)
	})
	return a.Addr(), log
}
