//go:build unix

package e2e_test

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/postgrestest"
)

func TestNothingIsLostWhenTheDatabaseIsRestarted(t *testing.T) {
	for _, test := range []struct {
		name string
		stop func(*postgrestest.Cluster, testing.TB)
	}{
		{"in good order", (*postgrestest.Cluster).Stop},
		{"after a crash", (*postgrestest.Cluster).Kill},
	} {
		t.Run(test.name, func(t *testing.T) {
			cluster := postgrestest.Start(t)
			s := serve(t, t.TempDir(), "--dev", "--database", cluster.DSN(t))
			s.faulty = true
			admin := client{s.url, adminKey}
			r := startGo(t)
			admin.subscribe(t, r)
			l := newLoad(t, admin, 100, 2000)
			done := make(chan struct{})
			go func() {
				defer close(done)
				l.run(t, 16)
			}()
			<-l.half
			test.stop(cluster, t)
			cluster.Start(t)
			close(l.restarted)
			<-done
			if t.Failed() {
				t.FailNow()
			}
			l.checkLog(t)
			twice := l.checkReceived(t, r, s)
			require.LessOrEqual(t, twice, 2*maxInFlight, "more was sent twice than can have been under way")
		})
	}
}

func TestWhileTheDatabaseIsGoneChangesAreRefusedAndMadeOnceAfterwards(t *testing.T) {
	cluster := postgrestest.Start(t)
	s := serve(t, t.TempDir(), "--dev", "--database", cluster.DSN(t))
	s.faulty = true
	admin := client{s.url, adminKey}
	r := startGo(t)
	admin.subscribe(t, r)
	opened := admin.open(t)
	require.Equal(t, opened.events(), []string{r.next(t).header.Get("webhook-id")})

	cluster.Stop(t)
	call := "POST /v1/cases/" + opened.text("id") + "/comments"
	for n := range 10 {
		a, err := admin.do(call, fmt.Appendf(nil, `{"text":"comment %d"}`, n), "Idempotency-Key", fmt.Sprint("comment-", n))
		require.NoError(t, err)
		require.Equal(t, http.StatusServiceUnavailable, a.status)
		require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
		require.NotEmpty(t, a.header.Get("Retry-After"))
	}
	ready, err := admin.do("GET /readyz", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, ready.status)
	healthy, err := admin.do("GET /healthz", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, healthy.status)

	cluster.Start(t)
	require.Eventually(t, func() bool {
		ready, err := admin.do("GET /readyz", nil)
		return err == nil && ready.status == http.StatusOK
	}, patience, 100*time.Millisecond)
	for range 2 { // asked again, it is not done again
		for n := range 10 {
			a, err := admin.do(call, fmt.Appendf(nil, `{"text":"comment %d"}`, n), "Idempotency-Key", fmt.Sprint("comment-", n))
			require.NoError(t, err)
			require.Equal(t, http.StatusCreated, a.status)
		}
	}
	log, _ := admin.feed(t, "")
	require.Len(t, log, 11)
	for n := range 10 {
		require.Equal(t, fmt.Sprint(n+2), r.next(t).header.Get("casehook-sequence"))
	}
}

func TestAFullDiskIsToldAndWhatWasAnsweredIsThere(t *testing.T) {
	data := t.TempDir()
	prepared := serve(t, data, "--dev")
	admin := client{prepared.url, adminKey}
	opened := admin.open(t)
	require.Zero(t, prepared.terminate(t))

	// No file of the server may grow beyond 1,500 blocks of 1 KiB: what a full disk is to it.
	s := start(t, exec.Command("/bin/sh", "-c", `ulimit -f 1500; exec "$@"`, "sh", binary), data, "--dev")
	s.faulty = true
	admin = client{s.url, adminKey}
	answered := append([]string(nil), opened.events()...)
	call := "POST /v1/cases/" + opened.text("id") + "/comments"
	text := strings.Repeat("It itches. ", 900)
	full := false
	for n := 0; !full; n++ {
		require.Less(t, n, 1000, "the disk does not get full")
		a, err := admin.do(call, fmt.Appendf(nil, `{"text":%q}`, text), "Idempotency-Key", fmt.Sprint("comment-", n))
		require.NoError(t, err)
		if full = a.status == http.StatusServiceUnavailable; full {
			require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
			continue
		}
		require.Equal(t, http.StatusCreated, a.status)
		answered = append(answered, a.events()...)
	}
	got := admin.call(t, "GET /v1/cases/"+opened.text("id"), nil)
	require.Equal(t, opened.text("id"), got.text("id"), "it can still be read")
	s.terminate(t)

	again := serve(t, data, "--dev")
	log, _ := client{again.url, adminKey}.feed(t, "")
	var recorded []string
	for _, event := range log {
		recorded = append(recorded, idOf(t, event))
	}
	require.Equal(t, answered, recorded, "what was answered, and nothing else")
}
