package typescript_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/webhook"
)

// question is what test/oracle.mjs reads.
type question struct {
	What    string            `json:"what"` // the function that is asked
	Body    []byte            `json:"body"`
	Headers map[string]string `json:"headers,omitempty"`
	Secrets []string          `json:"secrets"`
	ID      string            `json:"id,omitempty"`
	At      int64             `json:"at"` // Unix milliseconds
}

// answer has the headers of what was signed, or what is at fault: a code, or a text.
type answer struct {
	Headers map[string]string `json:"headers"`
	Fault   string            `json:"fault"`
}

// oracle is a Node process that has the package.
type oracle struct {
	questions *json.Encoder
	answers   *json.Decoder
}

// startOracle starts a process that ends with t.
func startOracle(t *testing.T) *oracle {
	t.Helper()
	build(t)
	node := exec.Command("node", "--no-warnings", "test/oracle.mjs")
	node.Stderr = t.Output()
	stdin, err := node.StdinPipe()
	require.NoError(t, err)
	stdout, err := node.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, node.Start())
	t.Cleanup(func() {
		stdin.Close()
		io.Copy(io.Discard, stdout)
		require.NoError(t, node.Wait())
	})
	return &oracle{json.NewEncoder(stdin), json.NewDecoder(stdout)}
}

func (o *oracle) ask(t require.TestingT, q question) answer {
	require.NoError(t, o.questions.Encode(q))
	var a answer
	require.NoError(t, o.answers.Decode(&a))
	return a
}

// codes are the words of the package for what is wrong.
var codes = map[error]string{
	webhook.ErrBadSecret:     "BAD_SECRET",
	webhook.ErrMissingHeader: "MISSING_HEADER",
	webhook.ErrBadID:         "BAD_ID",
	webhook.ErrBadTimestamp:  "BAD_TIMESTAMP",
	webhook.ErrTooOld:        "TOO_OLD",
	webhook.ErrTooNew:        "TOO_NEW",
	webhook.ErrBadSignature:  "BAD_SIGNATURE",
	webhook.ErrNoMatch:       "NO_MATCH",
}

// codeOf returns the code of an error of package webhook; "" for nil.
func codeOf(t require.TestingT, err error) string {
	for kind, code := range codes {
		if errors.Is(err, kind) {
			return code
		}
	}
	require.NoError(t, err)
	return ""
}

func TestBothSignAlikeAndTakeEachOthersMessages(t *testing.T) {
	node := startOracle(t)
	rapid.Check(t, func(t *rapid.T) {
		signing, trusted := drawSecrets(t)
		id := rapid.StringMatching(`[!-\-/-~]{1,40}`).Draw(t, "id")
		at := time.Unix(rapid.Int64Range(0, 4_000_000_000).Draw(t, "time"), 0)
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")

		ours, err := webhook.Sign(parse(t, signing), id, at, body)
		require.NoError(t, err)
		theirs := node.ask(t, question{What: "sign", Body: body, Secrets: signing, ID: id, At: at.UnixMilli()})
		require.Equal(t, ours, theirs.Headers["webhook-signature"])

		verifier := webhook.Verifier{Secrets: parse(t, trusted), Now: func() time.Time { return at }}
		require.NoError(t, verifier.Verify(header(theirs.Headers), body))
		require.Empty(t, node.ask(t, question{What: "verify", Body: body, Headers: theirs.Headers, Secrets: trusted, At: at.UnixMilli()}).Fault)

		cv := node.ask(t, question{What: "signCV", Body: body, Secrets: trusted[:1]})
		require.Equal(t, webhook.SignCV(trusted[0], body), cv.Headers["x-cv-signature"])
		require.Empty(t, node.ask(t, question{What: "verifyCV", Body: body, Headers: cv.Headers, Secrets: trusted}).Fault)
	})
}

func TestBothRefuseTheSameForTheSameReason(t *testing.T) {
	node := startOracle(t)
	rapid.Check(t, func(t *rapid.T) {
		signing, trusted := drawSecrets(t)
		at := time.Unix(1_800_000_000, 0)
		body := []byte(`{"event":"CREATE_CASE"}`)
		sent := node.ask(t, question{What: "sign", Body: body, Secrets: signing, ID: "event-1", At: at.UnixMilli()}).Headers
		maps.Copy(sent, node.ask(t, question{What: "signCV", Body: body, Secrets: signing}).Headers)
		for name := range sent {
			sent[name] = spoil(t, name, sent[name])
		}
		trusted[0] = spoil(t, "secret", trusted[0])
		body = []byte(spoil(t, "body", string(body)))
		now := at.Add(time.Duration(rapid.IntRange(-301, 301).Draw(t, "seconds later")) * time.Second)

		verifier := webhook.Verifier{Now: func() time.Time { return now }}
		var err error
		for _, text := range trusted {
			secret, bad := webhook.ParseSecret(text)
			err = errors.Join(err, bad)
			verifier.Secrets = append(verifier.Secrets, secret)
		}
		if err == nil {
			err = verifier.Verify(header(sent), body)
		}
		theirs := node.ask(t, question{What: "verify", Body: body, Headers: sent, Secrets: trusted, At: now.UnixMilli()})
		require.Equal(t, codeOf(t, err), theirs.Fault)

		err = webhook.VerifyCV(header(sent), body, trusted...)
		require.Equal(t, codeOf(t, err), node.ask(t, question{What: "verifyCV", Body: body, Headers: sent, Secrets: trusted}).Fault)
	})
}

func TestBothReadAndRefuseTheSameBodies(t *testing.T) {
	node := startOracle(t)
	files, err := filepath.Glob("../../caseupdate/testdata/golden/*.json")
	require.NoError(t, err)
	require.Len(t, files, len(caseupdate.Events()))
	var bodies []string
	for _, file := range files {
		body, err := os.ReadFile(file)
		require.NoError(t, err)
		bodies = append(bodies, string(body))
	}
	rapid.Check(t, func(t *rapid.T) {
		var update any
		require.NoError(t, json.Unmarshal([]byte(rapid.SampledFrom(bodies).Draw(t, "body")), &update))
		body, err := json.Marshal(misshape(t, update))
		require.NoError(t, err)
		_, ours := caseupdate.Parse(body)
		theirs := node.ask(t, question{What: "parse", Body: body}).Fault
		require.Equal(t, ours == nil, theirs == "", "%v, and for TypeScript %s: %s", ours, theirs, body)
	})
}

// drawSecrets draws what signs a message, and what a receiver trusts: at least one is in both.
func drawSecrets(t *rapid.T) (signing, trusted []string) {
	random := strings.NewReader(string(rapid.SliceOfN(rapid.Byte(), 128, 128).Draw(t, "random")))
	var symmetric [2]string
	for i := range symmetric {
		var err error
		symmetric[i], err = webhook.NewSecret(random)
		require.NoError(t, err)
	}
	private, public, err := webhook.NewKeyPair(random)
	require.NoError(t, err)
	type pair struct{ signing, trusted []string }
	drawn := rapid.SampledFrom([]pair{
		{symmetric[:1], symmetric[:1]},
		{symmetric[:1], []string{symmetric[1], symmetric[0]}},
		{symmetric[:], symmetric[1:]},
		{[]string{private}, []string{public}},
		{[]string{symmetric[0], private}, []string{public, symmetric[1]}},
		{[]string{private}, []string{private}},
	}).Draw(t, "secrets")
	return drawn.signing, slices.Clone(drawn.trusted)
}

// spoil returns a text as it is, mostly, or changed.
func spoil(t *rapid.T, what, text string) string {
	switch rapid.IntRange(0, 24).Draw(t, "how the "+what+" is spoilt") {
	case 0:
		return ""
	case 1:
		return text[1:]
	case 2:
		return text[:len(text)-1]
	case 3:
		return text + rapid.SampledFrom([]string{".", "0", "A", "=", "é"}).Draw(t, "added")
	case 4:
		return text + " " + text
	case 5:
		return strings.Repeat(text+" ", 16) + text
	case 6:
		at := rapid.IntRange(0, len(text)-1).Draw(t, "place")
		return text[:at] + rapid.SampledFrom([]string{"0", "A", "a", ",", "+"}).Draw(t, "put") + text[at+1:]
	}
	return text
}

// misshape returns a value of JSON in which one value is another, or absent.
func misshape(t *rapid.T, value any) any {
	if rapid.IntRange(0, 9).Draw(t, "here") > 0 {
		switch value := value.(type) {
		case map[string]any:
			key := rapid.SampledFrom(slices.Sorted(maps.Keys(value))).Draw(t, "key")
			if rapid.IntRange(0, 19).Draw(t, "absent") == 0 {
				delete(value, key)
			} else {
				value[key] = misshape(t, value[key])
			}
			return value
		case []any:
			if len(value) > 0 {
				at := rapid.IntRange(0, len(value)-1).Draw(t, "index")
				value[at] = misshape(t, value[at])
				return value
			}
		}
	}
	return rapid.SampledFrom([]any{
		nil, true, 17, 0.5, 0.015, 1e12, -1e300, "", "text", "2026-11-23T14:05:06.789Z", "2026-11-23T14:05:06+01:00", "2026-13-23T14:05:06Z",
		[]any{}, []any{"text"}, []any{nil}, map[string]any{}, map[string]any{"id": 1},
	}).Draw(t, "value")
}

func parse(t require.TestingT, texts []string) []webhook.Secret {
	var secrets []webhook.Secret
	for _, text := range texts {
		secret, err := webhook.ParseSecret(text)
		require.NoError(t, err)
		secrets = append(secrets, secret)
	}
	return secrets
}

func header(headers map[string]string) http.Header {
	h := http.Header{}
	for name, value := range headers {
		h.Set(name, value)
	}
	return h
}
