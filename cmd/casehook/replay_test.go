package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
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

// keeper is a server that keeps a case of which an endpoint was told.
type keeper struct {
	client                   *client
	endpoint, paused, caseID string
}

// startKeeper starts a server whose endpoints are at a URL. Where that takes what comes, it waits until it has.
func startKeeper(t *testing.T, url string, takes bool) keeper {
	t.Helper()
	t.Setenv("CASEHOOK_ADMIN_KEY", adminKey)
	t.Setenv("CASEHOOK_DEV", "true")
	s := startServe(t, t.TempDir())
	t.Cleanup(func() { s.stop(t) })
	k := keeper{client: &client{url: s.started["address"].(string), key: adminKey}}
	create := func(path string, body object) string {
		made, _, err := k.client.call(t.Context(), http.MethodPost, path, "", body)
		require.NoError(t, err)
		return made["id"].(string)
	}
	endpoint := object{"url": url, "clearance": object{"phi": true, "restricted": true}}
	k.endpoint = create("/v1/endpoints", endpoint)
	k.paused = create("/v1/endpoints", endpoint)
	create("/v1/endpoints/"+k.paused+"/pause", nil)
	k.caseID = create("/v1/cases", object{
		"type": "INITIAL", "title": "A look", "submitter": object{"firstName": "Ada", "lastName": "L", "email": "ada@mail.example"},
	})
	for delivered := 0; takes && delivered == 0; {
		found, _, err := k.client.call(t.Context(), http.MethodGet, "/v1/deliveries?state=delivered&endpointId="+k.endpoint, "", nil)
		require.NoError(t, err)
		delivered = len(found["data"].([]any))
	}
	return k
}

func TestAReplayThatIsWaitedForSaysWhyItWaitsAndHowToStopIt(t *testing.T) {
	k := startKeeper(t, "http://127.0.0.1:1/hooks", false)
	keyFile := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(keyFile, []byte(k.client.key+"\n"), 0o600))
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	out, stdout := io.Pipe()
	var stderr bytes.Buffer
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, []string{"replay", "endpoint", k.paused, "--wait", "--server", k.client.url, "--key-file", keyFile}, stdout, &stderr)
		stdout.Close()
	}()
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	require.Regexp(t, `^Replay \S+ has begun\.$`, lines.Text())
	id := strings.Fields(lines.Text())[1]
	for lines.Scan() && !strings.HasSuffix(lines.Text(), "; it waits, as the endpoint is paused") {
	}
	interrupt()
	require.Equal(t, 1, <-status)
	require.Equal(t, "casehook: not waited for: the replay goes on, and casehook replay stop "+id+" stops it\n", stderr.String())

	var said bytes.Buffer
	require.Equal(t, 0, run(t.Context(), []string{"replay", "stop", id, "--server", k.client.url, "--key-file", keyFile}, &said, io.Discard))
	require.Equal(t, "Replay "+id+" is stopped.\n", said.String())
}

func TestAReplayThatWaitsForItsNextAttemptSaysWhyAndWhen(t *testing.T) {
	for _, test := range []struct {
		name, health, last, want string
	}{
		{"no answer", "open", `{"error":"connect: connection refused"}`,
			`; it waits, as what comes first fails: connect: connection refused; the next attempt is at \d\d:04:05`},
		{"another than 2xx", "open", `{"error":null,"statusCode":503}`, `fails: it answered 503; the next attempt is at`},
		{"a closed endpoint", "closed", `{"statusCode":500}`, `ten times in a row: it answered 500; the next attempt is at`},
	} {
		t.Run(test.name, func(t *testing.T) {
			answers := map[string]string{
				"/v1/endpoints/2":  `{"state":"active","health":{"state":"` + test.health + `"}}`,
				"/v1/deliveries":   `{"data":[{"id":"4","nextAttemptAt":"2026-11-23T14:07:00.000Z"},{"id":"3","nextAttemptAt":"2026-11-23T14:04:05.000Z"},{"id":"5","nextAttemptAt":null}]}`,
				"/v1/deliveries/3": `{"attempts":[{"statusCode":418},` + test.last + `]}`,
			}
			looks := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/v1/replays/1" {
					fmt.Fprint(w, answers[r.URL.Path])
					return
				}
				if looks++; looks < 3 {
					fmt.Fprint(w, `{"id":"1","state":"running","progress":1,"queued":1,"waiting":1}`)
					return
				}
				fmt.Fprint(w, `{"id":"1","state":"done","queued":1}`)
			}))
			defer server.Close()
			var out bytes.Buffer
			r := replay{ID: "1", EndpointID: "2"}
			require.NoError(t, r.follow(t.Context(), newScreen(&out), &client{url: server.URL, key: adminKey}))
			require.Regexp(t, `100 % looked through: 1 found so far, 1 of them not sent yet`+`.*`+test.want, out.String())
		})
	}
}

func TestAReplayIsFollowedWhileTheServerRestarts(t *testing.T) {
	answers := []string{"", `{"id":"1","state":"running"}`, "", `{"id":"1","state":"done","queued":7}`}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprint(w, `{"id":"1","endpointId":"2"}`)
		case !strings.HasPrefix(r.URL.Path, "/v1/replays/"):
			w.WriteHeader(http.StatusNotFound)
		case answers[0] == "":
			answers = answers[1:]
			w.WriteHeader(http.StatusBadGateway)
		default:
			fmt.Fprint(w, answers[0])
			answers = answers[1:]
		}
	}))
	defer server.Close()
	t.Setenv(keyVariable, adminKey)
	var stdout, stderr bytes.Buffer
	require.Equal(t, 0, run(t.Context(), []string{"replay", "endpoint", "2", "--wait", "--server", server.URL}, &stdout, &stderr), stderr.String())
	require.Equal(t, `Replay 1 has begun.
The server does not answer: it is asked again.
  0 % looked through: 0 found so far, 0 of them not sent yet
The server does not answer: it is asked again.
Done: 7 sent. What was not taken waits for its next attempt.
`, stdout.String())
}

func TestWhatWasRecordedIsSentAgainAsItCame(t *testing.T) {
	_, _, secret := startSound(t)
	dir := t.TempDir()
	l := startListen(t, "--record", dir, "--secret-file", secret)
	for _, title := range []string{"first", "second", "third"} {
		status, _ := l.trigger(t, "--secret-file", secret, "--header", "x-of-mine: canary", "--set", "payload.case.title="+title)
		require.Equal(t, 0, status)
	}
	var got []letter
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what is missing is seen below
		got = append(got, letter{r.Header, body})
		w.WriteHeader(http.StatusNoContent)
	}))
	defer receiver.Close()
	known, err := (&secretFlags{file: secret}).read(nil)
	require.NoError(t, err)
	verifier := webhook.Verifier{Secrets: known.keys}
	signatures := []string{webhook.HeaderTimestamp, webhook.HeaderSignature, webhook.HeaderCV}

	for _, test := range []struct {
		name  string
		flags []string
	}{
		{"signed anew", []string{"--secret-file", secret}},
		{"with the signatures that came", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got = nil
			var stdout, stderr bytes.Buffer
			status := run(t.Context(), append([]string{"replay", "files", dir, "--url", receiver.URL}, test.flags...), &stdout, &stderr)
			require.Equal(t, 0, status, stderr.String())
			require.NotContains(t, stdout.String(), "canary")
			require.Len(t, got, 3)
			for i, sent := range got {
				name := filepath.Join(dir, fmt.Sprintf("%06d", i+1))
				require.Equal(t, string(readAll(t, name+".json")), string(sent.body))
				came, err := readHeaders(nil, []string{"@" + name + ".headers"})
				require.NoError(t, err)
				require.NoError(t, verifier.Verify(sent.header, sent.body))
				require.NoError(t, webhook.VerifyCV(sent.header, sent.body, known.texts...))
				if test.flags != nil {
					for _, name := range signatures {
						came.Del(name)
						sent.header.Del(name)
					}
				}
				require.Equal(t, came, sent.header)
			}
		})
	}
}

func TestRecordingsAreSentInTheOrderInWhichTheyCame(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"1000000", "999999", "000002", "notes"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".json"), nil, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".headers"), nil, 0o600))
	}
	files, err := recordings([]string{dir})
	require.NoError(t, err)
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	require.Equal(t, []string{"000002.json", "999999.json", "1000000.json"}, files)
}

func TestASignatureThatCannotBeMadeAnewIsNotSent(t *testing.T) {
	_, _, file := startSound(t)
	symmetric, err := (&secretFlags{file: file}).read(nil)
	require.NoError(t, err)
	private, _, err := webhook.NewKeyPair(rand.Reader)
	require.NoError(t, err)
	ed25519, err := (&secretFlags{given: []string{private}}).read(nil)
	require.NoError(t, err)
	came := func(names ...string) letter {
		header := http.Header{}
		for _, name := range names {
			header.Set(name, "as it came")
		}
		return letter{header, []byte("{}")}
	}
	for _, test := range []struct {
		name string
		came letter
		by   secrets
		want []string // the signatures
		err  string
	}{
		{"only what was signed by x-cv-signature is", came(webhook.HeaderCV), symmetric, []string{webhook.HeaderCV}, ""},
		{"an ed25519 key makes no x-cv-signature", came(webhook.HeaderCV), ed25519, nil, "a webhook without webhook-id cannot be signed"},
		{"nor does nothing", came(), symmetric, nil, "a webhook without webhook-id cannot be signed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			signed, err := test.came.signAnew(test.by, time.Now())
			if test.err != "" {
				require.EqualError(t, err, test.err)
				return
			}
			require.NoError(t, err)
			for _, name := range test.want {
				require.NotEqual(t, "as it came", signed.header.Get(name))
			}
			require.Empty(t, signed.header.Get(webhook.HeaderSignature))
		})
	}
}
