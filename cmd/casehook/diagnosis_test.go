package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/webhook"
)

func TestDiagnoseSaysWhyASignatureFails(t *testing.T) {
	text := newSecret(t)
	key, err := webhook.ParseSecret(text)
	require.NoError(t, err)
	known := secrets{texts: []string{text}, keys: []webhook.Secret{key}}
	other, err := known.another()
	require.NoError(t, err)
	at := time.Now()
	m, err := newSample(caseupdate.EventPaymentAdded, "event", at)
	require.NoError(t, err)
	m, err = m.with("payload.payment.description", "canary <b> & é \u2028 / 1.50")
	require.NoError(t, err)

	var sorted any
	require.NoError(t, json.Unmarshal(m.body, &sorted))
	python := func(body []byte) []byte {
		body = bytes.ReplaceAll(body, []byte("é"), []byte(`\u00e9`))
		body = bytes.ReplaceAll(body, []byte("\u2028"), []byte(`\u2028`))
		return bytes.ReplaceAll(body, []byte(`159.5,`), []byte(`159.50,`))
	}
	without := func(names ...string) func(*suspect) {
		return func(s *suspect) {
			for _, name := range names {
				s.header.Del(name)
			}
		}
	}
	bodyIs := func(body []byte) func(*suspect) { return func(s *suspect) { s.body = body } }
	headerIs := func(name, value string) func(*suspect) {
		return func(s *suspect) { s.header.Set(name, value) }
	}
	replaced := func(old, new string) []byte { return bytes.Replace(m.body, []byte(old), []byte(new), 1) }
	var indented, escaped bytes.Buffer
	require.NoError(t, json.Indent(&indented, m.body, "", "  "))
	json.HTMLEscape(&escaped, m.body)
	standard := func(key string) string {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(m.id + "." + jsonNumber(at.Unix()) + "."))
		mac.Write(m.body)
		return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	cvBy := func(key []byte) string {
		mac := hmac.New(sha256.New, key)
		mac.Write(m.body)
		return hex.EncodeToString(mac.Sum(nil))
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
	require.NoError(t, err)

	for _, test := range []struct {
		name    string
		by      secrets
		change  func(*suspect)
		after   time.Duration
		genuine bool
		want    string
	}{
		{"it does not fail", known, without(), 0, true, "^verified$"},
		{"by x-cv-signature alone", known, without(webhook.HeaderSignature, webhook.HeaderID, webhook.HeaderTimestamp), 0, true, "^verified by x-cv-signature$"},
		{"a header is absent", known, without(webhook.HeaderTimestamp), 0, false, "^missing header: webhook-timestamp$"},
		{"no header is there", known, without(webhook.HeaderSignature, webhook.HeaderCV), 0, false, "^missing header: webhook-signature$"},
		{"the timestamp is in milliseconds", known, headerIs(webhook.HeaderTimestamp, "1700000000000"), 0, false, "^malformed timestamp: not Unix seconds$"},
		{"it is old", known, without(), 3 * time.Hour, false, "^an old timestamp: the signature is right, but was made 3h0m[01]s ago"},
		{"it is of the future", known, without(), -time.Hour, false, "^a timestamp from the future: the signature is right"},
		{"it is old, and was changed", known, bodyIs(replaced("159.5", "1")), time.Hour, false, "^a wrong secret"},
		{"another secret", other, without(), 0, false, "^a wrong secret, as it seems: the body is just as casehook prints it"},
		{"the text of the secret as the key", known, headerIs(webhook.HeaderSignature, standard(text)), 0, false, "^a wrong secret: webhook-signature is keyed with the bytes"},
		{"so without the prefix", known, headerIs(webhook.HeaderSignature, standard(strings.TrimPrefix(text, "whsec_"))), 0, false, "^a wrong secret: webhook-signature is keyed with the bytes"},
		{"x-cv-signature by the bytes of the secret", known, func(s *suspect) {
			without(webhook.HeaderSignature)(s)
			headerIs(webhook.HeaderCV, cvBy(raw))(s)
		}, 0, false, "^a wrong secret: webhook-signature is keyed"},
		{"a newline after the body", known, bodyIs(append(bytes.Clone(m.body), '\n')), 0, false, "^a changed body: white space was put around it"},
		{"white space between its parts", known, bodyIs(indented.Bytes()), 0, false, "^a re-serialised body: .* changed its white space"},
		{"printed by Python", known, bodyIs(python(m.body)), 0, false, "^a re-serialised body: .* changed how it writes characters or numbers"},
		{"escaped for HTML", known, bodyIs(escaped.Bytes()), 0, false, "^a re-serialised body: .* changed how it writes"},
		{"with sorted keys", known, func(s *suspect) { s.body, _ = json.Marshal(sorted) }, 0, false, "^a re-serialised body: .* changed the order of its keys"},
		{"a key was taken out that was null", known, bodyIs(replaced(`"archiveNote":null,`, "")), 0, false, "^a changed body: keys were taken out or put in: payload.case.archiveNote must be given$"},
		{"a key was put in", known, bodyIs(replaced(`"archiveNote":null,`, `"archiveNote":null,"new":"canary",`)), 0, false, "^a changed body: keys were taken out or put in: payload.case.new is not in the format$"},
		{"a key was taken out, and the length is known", known, func(s *suspect) {
			headerIs("Content-Length", jsonNumber(int64(len(s.body))))(s)
			s.body = replaced(`"type":"sample",`, "")
		}, 0, false, `^a changed body: content-length says \d+ bytes, and it has \d+; payload.case.type must be given$`},
		{"a byte order mark", known, bodyIs(append([]byte("\ufeff"), m.body...)), 0, false, "^a changed body: a byte order mark was put before it; without that it verifies$"},
		{"so by x-cv-signature", known, func(s *suspect) {
			without(webhook.HeaderSignature)(s)
			s.body = indented.Bytes()
		}, 0, false, "^a re-serialised body: .* changed its white space"},
		{"another id", known, headerIs(webhook.HeaderID, "another"), 0, false, "^a changed header: x-cv-signature is right"},
		{"a body that was cut", known, bodyIs(m.body[:len(m.body)-9]), 0, false, "^a changed body, as it seems: it is not as the format has it: must be JSON, see casehook validate"},
		{"a body that was cut, with its length", known, func(s *suspect) {
			headerIs("Content-Length", jsonNumber(int64(len(s.body))))(s)
			s.body = s.body[:90]
		}, 0, false, `^a changed body: content-length says \d+ bytes, and it has 90: its end was cut off$`},
		{"a body that was changed, with its length", known, func(s *suspect) {
			headerIs("Content-Length", jsonNumber(int64(len(s.body))))(s)
			s.body = replaced("159.5", "1")
		}, 0, false, `^a changed body: content-length says \d+ bytes, and it has \d+$`},
		{"a body of another type", known, bodyIs(replaced("159.5", `"canary"`)), 0, false, "^a changed body, as it seems: it is not as the format has it: payload.payment.amount must be"},
		{"a body with another event", known, bodyIs(replaced(m.id, "another")), 0, false, "^a changed body or a changed header, as it seems: webhook-id is not the id"},
		{"a body with another value", known, bodyIs(replaced("159.5", "1")), 0, false, "Else a value in the body was changed$"},
		{"a body of nobody", known, bodyIs([]byte(`{"event":"NEW","payload":{}}`)), 0, false, "^a wrong secret or a changed body$"},
	} {
		t.Run(test.name, func(t *testing.T) {
			header, err := m.sign(known, at)
			require.NoError(t, err)
			s := suspect{header, m.body}
			test.change(&s)
			genuine, says := diagnose(s, test.by, at.Add(test.after))
			require.Equal(t, test.genuine, genuine)
			require.Regexp(t, test.want, says)
			require.NotContains(t, says, "canary")
			require.NotContains(t, says, text)
		})
	}
}

func jsonNumber(n int64) string {
	text, _ := json.Marshal(n)
	return string(text)
}

func FuzzAsJavaScript(f *testing.F) {
	for _, seed := range []string{`{"a":[1.50,-0,1e3,1E400,{"b":null}],"":"\u00e9\/\u2028\ud834\udd1e\ud834"}`, `[]`, `{}`, `"x"`, `tru`, `[1,`, "\"\\u0000<&>\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		once, err := asJavaScript(body)
		if !json.Valid(body) {
			return
		}
		require.NoError(t, err)
		require.True(t, json.Valid(once), "%q", once)
		again, err := asJavaScript(once)
		require.NoError(t, err)
		require.Equal(t, string(once), string(again))
	})
}

func TestDiagnoseKnowsASenderOfEd25519(t *testing.T) {
	private, public, err := webhook.NewKeyPair(zeros{})
	require.NoError(t, err)
	signing, err := webhook.ParseSecret(private)
	require.NoError(t, err)
	verifying, err := webhook.ParseSecret(public)
	require.NoError(t, err)
	m, err := newSample(caseupdate.EventReopenCase, "event", time.Now())
	require.NoError(t, err)
	header, err := m.sign(secrets{texts: []string{private}, keys: []webhook.Secret{signing}}, time.Now())
	require.NoError(t, err)
	require.Empty(t, header.Get(webhook.HeaderCV))
	known := secrets{texts: []string{public}, keys: []webhook.Secret{verifying}}
	genuine, says := diagnose(suspect{header, m.body}, known, time.Now())
	require.True(t, genuine, says)
	genuine, says = diagnose(suspect{header, append([]byte(" "), m.body...)}, known, time.Now())
	require.False(t, genuine)
	require.Contains(t, says, "white space was put around it")
}

// zeros is a source of nothing but zeros.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
