package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/webhook"
)

// listening is casehook listen while it runs.
type listening struct {
	url    string
	lines  *bufio.Scanner
	cancel context.CancelFunc
	status chan int
	failed *bytes.Buffer // what it says when it fails, once it has ended
}

// startListen runs casehook listen on a free port until it is stopped.
func startListen(t *testing.T, flags ...string) *listening {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, stdout := io.Pipe()
	l := &listening{lines: bufio.NewScanner(out), cancel: cancel, status: make(chan int, 1), failed: new(bytes.Buffer)}
	go func() {
		status := run(ctx, append([]string{"listen", "--listen", "127.0.0.1:0"}, flags...), stdout, l.failed)
		stdout.Close()
		l.status <- status
	}()
	t.Cleanup(func() {
		cancel()
		go io.Copy(io.Discard, out) // a line that nobody waits for must not hold it up
		require.Equal(t, 0, <-l.status, l.failed.String())
	})
	first := l.line(t)
	require.Contains(t, first, "Listening on http://")
	l.url = strings.TrimSuffix(strings.TrimPrefix(first, "Listening on "), " until Ctrl-C.")
	return l
}

func (l *listening) line(t *testing.T) string {
	t.Helper()
	require.True(t, l.lines.Scan(), "there is no line more")
	return l.lines.Text()
}

// trigger sends a sample to it by casehook trigger, and returns the status of that and the next line
// of casehook listen.
func (l *listening) trigger(t *testing.T, flags ...string) (status int, line string) {
	t.Helper()
	done := make(chan int, 1)
	go func() {
		done <- run(t.Context(), append([]string{"trigger", "ADD_CASE_COMMENT", "--url", l.url}, flags...), io.Discard, io.Discard)
	}()
	line = l.line(t)
	return <-done, line
}

func TestListenPrintsALineOfEachAndNothingOfTheBody(t *testing.T) {
	_, _, secret := startSound(t)
	l := startListen(t, "--secret-file", secret)
	ids := []string{"--secret-file", secret, "--set", "payload.activity.id=event-1", "--set", "payload.case.id=case-1", "--set", "payload.case.title=canary"}
	for _, test := range []struct {
		name   string
		flags  []string
		status int
		want   string
	}{
		{"what verifies is taken", nil, 0, `^\d\d:\d\d:\d\d\.\d{3}  ADD_CASE_COMMENT  event-1  case case-1, sequence 1, attempt 1  verified  204 in \d+\.\d ms$`},
		{"what comes again is named", nil, 0, `sequence 1, attempt 1 \(again, or late\)  verified  204 in`},
		{"so is a hole", []string{"--header", "casehook-sequence: 4"}, 0, `sequence 4, attempt 1 \(a hole: 2 was next\)  verified`},
		{"and not what follows it", []string{"--header", "casehook-sequence: 5"}, 0, `sequence 5, attempt 1  verified`},
		{"what was changed is refused", []string{"--tamper"}, 0, `NOT VERIFIED: .*  401 in`},
		{"what another signed is refused", []string{"--secret", newSecret(t)}, 1, ``},
		{"what has no body of the format is said to have none", []string{"--set", "payload.case=null"}, 1, `verified  400 in .*, caseupdate: .*case is missing$`},
		{"what would steer the screen is not shown", []string{"--set", "event=\x1b[31m", "--header", "casehook-attempt: \xc2\x9b31m"}, 0, `  no event  .*, attempt  31m .*  verified  204 in`},
	} {
		t.Run(test.name, func(t *testing.T) {
			flags := ids
			if test.want == "" {
				flags, test.want = nil, `NOT VERIFIED: .*  401 in`
			}
			status, line := l.trigger(t, append(flags[:len(flags):len(flags)], test.flags...)...)
			require.Equal(t, test.status, status)
			require.Regexp(t, test.want, line)
			require.NotContains(t, line, "canary")
		})
	}
}

func TestListenVerifiesByXCVSignatureWhereThatIsAll(t *testing.T) {
	_, _, file := startSound(t)
	secret := string(bytes.TrimSpace(readAll(t, file)))
	l := startListen(t, "--secret-file", file)
	body := `{"event":"ESCALATE_CASE","payload":{"case":{},"activity":{}}}`
	for _, test := range []struct {
		name, signature string
		status          int
		want            string
	}{
		{"a right one", webhook.SignCV(secret, []byte(body)), http.StatusNoContent, "  verified by x-cv-signature  204 in"},
		{"another body's", webhook.SignCV(secret, []byte("{}")), http.StatusUnauthorized, "NOT VERIFIED: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			request, err := http.NewRequest(http.MethodPost, l.url, strings.NewReader(body))
			require.NoError(t, err)
			request.Header.Set(webhook.HeaderCV, test.signature)
			answered := make(chan *http.Response, 1)
			go func() {
				response, err := http.DefaultClient.Do(request)
				if err == nil {
					response.Body.Close()
				}
				answered <- response
			}()
			require.Contains(t, l.line(t), test.want)
			require.Equal(t, test.status, (<-answered).StatusCode)
		})
	}
}

func TestListenForwardsTheSameBytesAndHeaders(t *testing.T) {
	_, _, secret := startSound(t)
	arrived := make(chan received, 1)
	answers := make(chan func(http.ResponseWriter), 1)
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- received{r.Header.Clone(), body}
		(<-answers)(w)
	}))
	t.Cleanup(target.Close)
	l := startListen(t, "--secret-file", secret, "--forward", target.URL+"/hooks")

	answers <- func(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted) }
	status, line := l.trigger(t, "--secret-file", secret, "--set", "payload.comment.text=<&\u2028>", "--header", "cv-api-key: canary")
	require.Equal(t, 0, status)
	require.Regexp(t, "  verified  202 in .*, by the receiver$", line)
	got := <-arrived
	require.Contains(t, string(got.body), "<&\u2028>")
	require.Equal(t, "canary", got.header.Get("Cv-Api-Key"))
	require.Contains(t, got.header.Get("User-Agent"), "casehook/")
	require.NotContains(t, got.header, "X-Forwarded-For")
	key, err := webhook.ParseSecret(string(bytes.TrimSpace(readAll(t, secret))))
	require.NoError(t, err)
	require.NoError(t, (&webhook.Verifier{Secrets: []webhook.Secret{key}}).Verify(got.header, got.body), "it verifies behind it too")

	answers <- func(w http.ResponseWriter) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	status, line = l.trigger(t, "--secret-file", secret)
	require.Equal(t, 1, status)
	require.Regexp(t, "  503 in .*, by the receiver$", line)
	<-arrived

	status, _ = l.trigger(t, "--secret-file", secret, "--tamper")
	require.Equal(t, 0, status)
	require.Empty(t, arrived, "what does not verify is not forwarded")

	target.Close()
	status, line = l.trigger(t, "--secret-file", secret)
	require.Equal(t, 1, status)
	require.Regexp(t, "  502 in .*, not forwarded: .*refused$", line, "it goes on while the receiver is gone")
}

func TestListenFailsAndDelaysOnPurpose(t *testing.T) {
	_, _, secret := startSound(t)
	l := startListen(t, "--secret-file", secret, "--fail", "100%", "--delay", "20ms")
	began := time.Now()
	status, line := l.trigger(t, "--secret-file", secret)
	require.GreaterOrEqual(t, time.Since(began), 20*time.Millisecond)
	require.Equal(t, 1, status)
	require.Regexp(t, "  verified  500 in .*, on purpose$", line)
}

func TestListenSaysThatTheSenderHadGone(t *testing.T) {
	_, _, secret := startSound(t)
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else it is not seen that the sender goes
		<-r.Context().Done()
	}))
	defer slow.Close()
	for _, test := range []struct {
		name, flag, value string
	}{
		{"while it is delayed", "--delay", "1h"},
		{"while the receiver works on it", "--forward", slow.URL},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := startListen(t, test.flag, test.value, "--secret-file", secret)
			status, line := l.trigger(t, "--secret-file", secret, "--timeout", "1s")
			require.Equal(t, 1, status)
			require.Regexp(t, `  verified  no answer in \d+\.\d ms, the sender had gone$`, line)
		})
	}
}

func TestListenFailsTheShareThatIsAskedFor(t *testing.T) {
	failed := 0
	l := &listener{fail: 0.3}
	for i := range 100 {
		l.chance = func() float64 { return float64(i) / 100 }
		if l.answer(&http.Request{}, []byte(`{"event":"NEW","payload":{}}`), "", true).status == http.StatusInternalServerError {
			failed++
		}
	}
	require.Equal(t, 30, failed)
}

func TestListenRecordsWhatVerifiesAndGoesOnAfterARestart(t *testing.T) {
	_, _, secret := startSound(t)
	dir := filepath.Join(t.TempDir(), "new")
	first := startListen(t, "--secret-file", secret, "--record", dir)
	first.trigger(t, "--secret-file", secret)
	second := startListen(t, "--secret-file", secret, "--record", dir, "--body")
	var printed string
	for _, test := range []struct {
		want  string
		flags []string
	}{
		{"NOT VERIFIED", []string{"--tamper"}},
		{"  verified", nil},
	} {
		sent := make(chan int, 1)
		go func() {
			sent <- run(t.Context(), append([]string{"trigger", "REOPEN_CASE", "--url", second.url, "--secret-file", secret}, test.flags...), io.Discard, io.Discard)
		}()
		require.Contains(t, second.line(t), test.want)
		printed = second.line(t)
		require.Equal(t, 0, <-sent)
	}

	for _, name := range []string{"000001.json", "000001.headers", "000002.json", "000002.headers"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode())
	}
	require.NoFileExists(t, filepath.Join(dir, "000003.headers"), "what does not verify is not kept")
	require.Equal(t, printed, string(readAll(t, filepath.Join(dir, "000002.json"))))
	require.Contains(t, string(readAll(t, filepath.Join(dir, "000001.headers"))), "Webhook-Signature: v1,")
	_, faults := inspect(readAll(t, filepath.Join(dir, "000001.json")))
	require.Empty(t, faults)
}

func TestARecorderKeepsNoMoreThanItsLimit(t *testing.T) {
	dir := t.TempDir()
	r, err := newRecorder(dir)
	require.NoError(t, err)
	r.limit = 10
	require.NoError(t, r.keep(http.Header{}, []byte("12345678")))
	require.ErrorIs(t, r.keep(http.Header{}, []byte("123")), errKeptAll)
	require.NoError(t, r.keep(http.Header{}, []byte("12")))
	require.ErrorIs(t, r.keep(http.Header{}, []byte("1")), errKeptAll)
	require.NoFileExists(t, filepath.Join(dir, "000003.headers"))
}

func TestListenWithoutASecretSaysSo(t *testing.T) {
	t.Setenv(secretVariable, "")
	l := startListen(t)
	require.Equal(t, "There is no secret (--secret-file, or CASEHOOK_SECRET): nothing is verified.", l.line(t))
	status, line := l.trigger(t, "--secret", newSecret(t))
	require.Equal(t, 0, status)
	require.Contains(t, line, "  not verified  204 in")

	response, err := http.Get(l.url)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
}
