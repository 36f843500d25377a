package webhook_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/casehook/casehook/internal/npmtest"
	"github.com/casehook/casehook/webhook"
)

// question is what testdata/node/oracle.mjs reads: without a signature, to sign; with one, to verify.
type question struct {
	Scheme    string `json:"scheme"`
	Secret    string `json:"secret"`
	ID        string `json:"id"`
	Timestamp int64  `json:"timestamp"`
	Body      []byte `json:"body"`
	Signature string `json:"signature,omitempty"`
}

// answer has Signature or Accepted, after the question.
type answer struct {
	Signature string `json:"signature"`
	Accepted  bool   `json:"accepted"`
}

// oracle is a Node process that signs and verifies with other people's code.
type oracle struct {
	questions *json.Encoder
	answers   *json.Decoder
}

// startOracle installs the oracle's packages where they are absent, and ends the process with t.
func startOracle(t *testing.T) *oracle {
	t.Helper()
	const dir = "testdata/node"
	require.NoError(t, npmtest.Install(dir))

	node := exec.Command("node", "oracle.mjs")
	node.Dir = dir
	node.Stderr = t.Output()
	stdin, err := node.StdinPipe()
	require.NoError(t, err)
	stdout, err := node.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, node.Start())
	t.Cleanup(func() {
		stdin.Close()
		io.Copy(io.Discard, stdout)
		if err := node.Wait(); err != nil {
			t.Errorf("oracle: %v", err)
		}
	})
	return &oracle{json.NewEncoder(stdin), json.NewDecoder(stdout)}
}

func (o *oracle) ask(t require.TestingT, q question) answer {
	require.NoError(t, o.questions.Encode(q))
	var a answer
	require.NoError(t, o.answers.Decode(&a))
	return a
}

func TestJavaScript(t *testing.T) {
	node := startOracle(t)

	t.Run("standardwebhooks and this package sign alike and accept each other's messages", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			m := drawMessage(t, drawJSON)
			secret := drawSymmetric(t)
			q := question{"v1", secret, m.id, m.time.Unix(), m.body, ""}

			theirs := node.ask(t, q).Signature
			require.NoError(t, m.verify(theirs, parse(t, secret)))

			ours := m.sign(t, parse(t, drawSymmetric(t)), parse(t, secret))
			require.Contains(t, ours, theirs)
			q.Signature = ours
			require.True(t, node.ask(t, q).Accepted)

			q.Body = append([]byte(" "), m.body...)
			require.False(t, node.ask(t, q).Accepted, "a changed body")
		})
	})

	t.Run("node:crypto and this package agree on ed25519 signatures", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			m := drawMessage(t, drawBytes)
			private, public := drawKeyPair(t)
			q := question{"v1a", private, m.id, m.time.Unix(), m.body, ""}

			theirs := node.ask(t, q).Signature
			require.NoError(t, m.verify(theirs, parse(t, public)))

			ours := m.sign(t, parse(t, drawSymmetric(t)), parse(t, private))
			require.Contains(t, ours, theirs)
			q.Secret, q.Signature = public, ours
			require.True(t, node.ask(t, q).Accepted)

			q.Body = append([]byte(" "), m.body...)
			require.False(t, node.ask(t, q).Accepted, "a changed body")
		})
	})

	t.Run("node:crypto and this package agree on x-cv-signature", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			m := drawMessage(t, drawBytes)
			secret := drawSymmetric(t)

			theirs := node.ask(t, question{Scheme: "cv", Secret: secret, Body: m.body}).Signature
			require.Equal(t, theirs, webhook.SignCV(secret, m.body))
			require.NoError(t, webhook.VerifyCV(cvHeader(theirs), m.body, secret))
		})
	})
}

// message is one delivery, as the tests draw it.
type message struct {
	id   string
	time time.Time // whole seconds
	body []byte
}

func drawMessage(t *rapid.T, body func(*rapid.T) []byte) message {
	return message{
		id:   rapid.StringMatching(`[!-\-/-~]{1,40}`).Draw(t, "id"), // visible ASCII, no full stop
		time: time.Unix(rapid.Int64Range(0, 4_000_000_000).Draw(t, "time"), 0),
		body: body(t),
	}
}

func (m message) header(signature string) http.Header {
	h := http.Header{}
	h.Set(webhook.HeaderID, m.id)
	h.Set(webhook.HeaderTimestamp, strconv.FormatInt(m.time.Unix(), 10))
	h.Set(webhook.HeaderSignature, signature)
	return h
}

func (m message) sign(t require.TestingT, secrets ...webhook.Secret) string {
	signature, err := webhook.Sign(secrets, m.id, m.time, m.body)
	require.NoError(t, err)
	return signature
}

// verify asks a Verifier whose clock shows the message's own time.
func (m message) verify(signature string, secrets ...webhook.Secret) error {
	v := webhook.Verifier{Secrets: secrets, Now: func() time.Time { return m.time }}
	return v.Verify(m.header(signature), m.body)
}

func drawBytes(t *rapid.T) []byte {
	return rapid.SliceOf(rapid.Byte()).Draw(t, "body")
}

func drawJSON(t *rapid.T) []byte {
	object := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "body")
	body, err := json.Marshal(object)
	require.NoError(t, err)
	return body
}
