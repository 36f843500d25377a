package webhook_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/casehook/casehook/webhook"
)

var sentinels = []error{
	webhook.ErrBadSecret, webhook.ErrMissingHeader, webhook.ErrBadID, webhook.ErrBadTimestamp,
	webhook.ErrTooOld, webhook.ErrTooNew, webhook.ErrBadSignature, webhook.ErrNoMatch,
}

// shaped is a well-formed signature of the given version and size that nobody made.
func shaped(version string, size int) string {
	return version + "," + base64.StdEncoding.EncodeToString(make([]byte, size))
}

func TestVerify(t *testing.T) {
	secret, other := parse(t, vectorSecret), parse(t, encoded("whsec_", 32))
	private, public := parse(t, encoded("whsk_", 32)), publicOf(t)
	v1, v1a := vectorSignature, vector.sign(t, private)

	for _, tt := range []struct {
		name    string
		change  func(h http.Header)
		body    string // where it is not the vector's
		secrets []webhook.Secret
		want    error
	}{
		{name: "a message as it was signed is accepted"},
		{name: "any of several secrets suffices", secrets: []webhook.Secret{other, public, secret}},
		{name: "any of several signatures suffices", change: signature(shaped("v1", 32) + " " + v1a + " " + v1)},
		{name: "an ed25519 signature is accepted with the public key", change: signature(v1 + " " + v1a), secrets: []webhook.Secret{public}},
		{name: "an ed25519 signature is accepted with the private key", change: signature(v1a), secrets: []webhook.Secret{private}},
		{name: "entries of other versions are passed over", change: signature("v2,abc v1b,abc x " + v1)},
		{name: "malformed entries are passed over", change: signature("v1 v1, v1,abc v1,,, , v1a,abc " + v1)},
		{name: "spaces more than needed are passed over", change: signature("  " + v1 + "   ")},
		{name: "sixteen signatures are read", change: signature(strings.Repeat("v1,x ", 15) + v1)},

		{name: "a changed body is refused", body: `{"test": 2432232315}`, want: webhook.ErrNoMatch},
		{name: "a body written again by a JSON library is refused", body: `{"test":2432232314}`, want: webhook.ErrNoMatch},
		{name: "a changed body is refused under an ed25519 key", change: signature(v1a), body: `{}`, secrets: []webhook.Secret{public}, want: webhook.ErrNoMatch},
		{name: "a changed id is refused", change: set(webhook.HeaderID, "msg_other"), want: webhook.ErrNoMatch},
		{name: "a changed timestamp is refused", change: set(webhook.HeaderTimestamp, "1614265331"), want: webhook.ErrNoMatch},
		{name: "another secret is refused", secrets: []webhook.Secret{other}, want: webhook.ErrNoMatch},
		{name: "another ed25519 key is refused", change: signature(v1a), secrets: []webhook.Secret{secret, parse(t, encoded("whpk_", 32))}, want: webhook.ErrNoMatch},
		{name: "a symmetric signature called v1a is refused", change: signature("v1a," + strings.TrimPrefix(v1, "v1,")), want: webhook.ErrBadSignature},
		{name: "a symmetric signature alone is refused under an ed25519 key", secrets: []webhook.Secret{public}, want: webhook.ErrNoMatch},

		{name: "a missing id is refused", change: del(webhook.HeaderID), want: webhook.ErrMissingHeader},
		{name: "a missing timestamp is refused", change: del(webhook.HeaderTimestamp), want: webhook.ErrMissingHeader},
		{name: "a missing signature is refused", change: del(webhook.HeaderSignature), want: webhook.ErrMissingHeader},
		{name: "an empty id is refused", change: set(webhook.HeaderID, ""), want: webhook.ErrMissingHeader},
		{name: "an id with a full stop is refused", change: set(webhook.HeaderID, "msg.1"), want: webhook.ErrBadID},
		{name: "an id with a control character is refused", change: set(webhook.HeaderID, "msg\x00"), want: webhook.ErrBadID},

		{name: "a timestamp that is a date is refused", change: set(webhook.HeaderTimestamp, "2021-02-25T15:02:10Z"), want: webhook.ErrBadTimestamp},
		{name: "a timestamp in milliseconds is refused", change: set(webhook.HeaderTimestamp, "1614265330000"), want: webhook.ErrBadTimestamp},
		{name: "a timestamp beyond 64 bits is refused", change: set(webhook.HeaderTimestamp, strings.Repeat("9", 30)), want: webhook.ErrBadTimestamp},
		{name: "a timestamp with a fraction is refused", change: set(webhook.HeaderTimestamp, "1614265330.5"), want: webhook.ErrBadTimestamp},
		{name: "a timestamp with a sign is refused", change: set(webhook.HeaderTimestamp, "+1614265330"), want: webhook.ErrBadTimestamp},
		{name: "a timestamp with a leading zero is refused", change: set(webhook.HeaderTimestamp, "01614265330"), want: webhook.ErrBadTimestamp},
		{name: "a negative timestamp is refused", change: set(webhook.HeaderTimestamp, "-1"), want: webhook.ErrBadTimestamp},

		{name: "a signature without a version is refused", change: signature(strings.TrimPrefix(v1, "v1,")), want: webhook.ErrBadSignature},
		{name: "a version without a signature is refused", change: signature("v1,"), want: webhook.ErrBadSignature},
		{name: "a list of unknown versions is refused", change: signature("v2,abc v3,def"), want: webhook.ErrBadSignature},
		{name: "a list of spaces is refused", change: signature("   "), want: webhook.ErrBadSignature},
		{name: "a list of commas is refused", change: signature(strings.Repeat(",", 1000)), want: webhook.ErrBadSignature},
		{name: "a signature cut short is refused", change: signature(v1[:len(v1)-1]), want: webhook.ErrBadSignature},
		{name: "a signature in the URL's base64 is refused", change: signature(strings.NewReplacer("+", "-", "/", "_").Replace(v1)), want: webhook.ErrBadSignature},
		{name: "a signature with a line end inside is refused", change: signature(v1[:10] + "\n" + v1[10:]), want: webhook.ErrBadSignature},
		{name: "a signature in hex is refused", change: signature("v1," + strings.Repeat("ab", 32)), want: webhook.ErrBadSignature},
		{name: "more than sixteen signatures are refused", change: signature(strings.Repeat("v1,x ", 16) + v1), want: webhook.ErrBadSignature},

		{name: "a verifier without secrets refuses", secrets: []webhook.Secret{}, want: webhook.ErrBadSecret},
		{name: "a verifier with a secret never parsed refuses", secrets: []webhook.Secret{secret, {}}, want: webhook.ErrBadSecret},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := vector.header(v1)
			if tt.change != nil {
				tt.change(h)
			}
			body := vector.body
			if tt.body != "" {
				body = []byte(tt.body)
			}
			secrets := tt.secrets
			if secrets == nil {
				secrets = []webhook.Secret{secret}
			}
			v := webhook.Verifier{Secrets: secrets, Now: func() time.Time { return vector.time }}
			requireOnly(t, tt.want, v.Verify(h, body))
		})
	}
}

func TestAMissingHeaderIsNamed(t *testing.T) {
	for _, name := range []string{webhook.HeaderID, webhook.HeaderTimestamp, webhook.HeaderSignature} {
		h := vector.header(vectorSignature)
		h.Del(name)
		v := webhook.Verifier{Secrets: []webhook.Secret{parse(t, vectorSecret)}}
		require.EqualError(t, v.Verify(h, vector.body), "webhook: missing header: "+name)
	}
}

func TestTolerance(t *testing.T) {
	for _, tt := range []struct {
		name      string
		tolerance time.Duration
		age       time.Duration // of the message, when it comes
		want      error
	}{
		{"five minutes old is accepted by default", 0, 5 * time.Minute, nil},
		{"more than five minutes old is refused by default", 0, 5*time.Minute + 1, webhook.ErrTooOld},
		{"five minutes ahead is accepted by default", 0, -5 * time.Minute, nil},
		{"more than five minutes ahead is refused by default", 0, -5*time.Minute - 1, webhook.ErrTooNew},
		{"a minute old is accepted within a minute", time.Minute, time.Minute, nil},
		{"more than a minute old is refused within a minute", time.Minute, time.Minute + 1, webhook.ErrTooOld},
		{"more than a minute ahead is refused within a minute", time.Minute, -time.Minute - 1, webhook.ErrTooNew},
		{"any age is accepted within the longest duration", math.MaxInt64, 200 * 365 * 24 * time.Hour, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := webhook.Verifier{
				Secrets:   []webhook.Secret{parse(t, vectorSecret)},
				Tolerance: tt.tolerance,
				Now:       func() time.Time { return vector.time.Add(tt.age) },
			}
			requireOnly(t, tt.want, v.Verify(vector.header(vectorSignature), vector.body))
		})
	}
}

func TestWithoutAClockTheVerifierTakesTheMachines(t *testing.T) {
	secret := parse(t, vectorSecret)
	v := webhook.Verifier{Secrets: []webhook.Secret{secret}}
	now := message{vector.id, time.Now(), vector.body}
	require.NoError(t, v.Verify(now.header(now.sign(t, secret)), now.body))
	requireOnly(t, webhook.ErrTooOld, v.Verify(vector.header(vectorSignature), vector.body))
}

func TestBytesCannotMoveBetweenIDTimestampAndBody(t *testing.T) {
	secret := parse(t, vectorSecret)
	signed := message{"msg", time.Unix(1614265330, 0), []byte("1614265331.body")}
	forged := message{"msg.1614265330", time.Unix(1614265331, 0), []byte("body")}
	requireOnly(t, webhook.ErrBadID, forged.verify(signed.sign(t, secret), secret))
}

func TestOneFlippedBitIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t, drawBytes)
		private, public := drawKeyPair(t)
		symmetric := drawSymmetric(t)
		signature := m.sign(t, parse(t, symmetric), parse(t, private))
		key := rapid.SampledFrom([]string{symmetric, private, public}).Draw(t, "key")
		require.NoError(t, m.verify(signature, parse(t, key)))

		m.body = append(m.body, 0)
		at := rapid.IntRange(0, 8*len(m.body)-1).Draw(t, "bit")
		signature = m.sign(t, parse(t, symmetric), parse(t, private))
		m.body[at/8] ^= 1 << (at % 8)
		require.ErrorIs(t, m.verify(signature, parse(t, key)), webhook.ErrNoMatch)
	})
}

func FuzzVerify(f *testing.F) {
	timestamp := strconv.FormatInt(vector.time.Unix(), 10)
	f.Add(vector.id, timestamp, vectorSignature, vector.body)
	f.Add("a.b", "-1", "v1,", []byte{})
	f.Add(vector.id, timestamp, "v1a,abc v1,, ,,, v2,x "+shaped("v1a", 64)+" "+vectorSignature, vector.body)
	f.Add(vector.id, "0"+timestamp, strings.Repeat("v1,x ", 17), vector.body)

	secret := parse(f, vectorSecret)
	v := webhook.Verifier{
		Secrets: []webhook.Secret{publicOf(f), secret},
		Now:     func() time.Time { return vector.time },
	}
	f.Fuzz(func(t *testing.T, id, timestamp, signature string, body []byte) {
		h := http.Header{}
		h.Set(webhook.HeaderID, id)
		h.Set(webhook.HeaderTimestamp, timestamp)
		h.Set(webhook.HeaderSignature, signature)
		err := v.Verify(h, body)
		if err == nil {
			seconds, parseErr := strconv.ParseInt(timestamp, 10, 64)
			require.NoError(t, parseErr)
			want, signErr := webhook.Sign([]webhook.Secret{secret}, id, time.Unix(seconds, 0), body)
			require.NoError(t, signErr, "what is accepted could have been signed")
			require.Contains(t, strings.Split(signature, " "), want)
			return
		}
		require.True(t, slices.ContainsFunc(sentinels, func(s error) bool { return errors.Is(err, s) }), "%v is not a sentinel", err)
	})
}

// requireOnly asserts that err is want and no other sentinel; a nil want that there is no error.
func requireOnly(t require.TestingT, want, err error) {
	if want == nil {
		require.NoError(t, err)
	}
	for _, s := range sentinels {
		require.Equal(t, s == want, errors.Is(err, s), "%v: errors.Is %v", err, s)
	}
}

func signature(value string) func(http.Header) { return set(webhook.HeaderSignature, value) }

func set(name, value string) func(http.Header) {
	return func(h http.Header) { h.Set(name, value) }
}

func del(name string) func(http.Header) {
	return func(h http.Header) { h.Del(name) }
}

// publicOf is the public key of encoded("whsk_", 32).
func publicOf(t require.TestingT) webhook.Secret {
	_, public, err := webhook.NewKeyPair(bytes.NewReader(bytes.Repeat([]byte{0xa7}, 32)))
	require.NoError(t, err)
	return parse(t, public)
}
