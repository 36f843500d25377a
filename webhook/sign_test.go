package webhook_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/casehook/casehook/webhook"
)

// The vector that the Standard Webhooks libraries publish in their own tests.
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

var vector = message{
	id:   "msg_p5jXN8AQM9LWM0D4loKWxJek",
	time: time.Unix(1614265330, 0),
	body: []byte(`{"test": 2432232314}`),
}

func TestThePublishedVector(t *testing.T) {
	require.Equal(t, vectorSignature, vector.sign(t, parse(t, vectorSecret)))
	require.NoError(t, vector.verify(vectorSignature, parse(t, vectorSecret)))
}

func TestTheGoLibraryAndThisPackageAcceptEachOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t, drawBytes)
		secret := drawSymmetric(t)
		library, err := standardwebhooks.NewWebhook(secret)
		require.NoError(t, err)

		theirs, err := library.Sign(m.id, m.time, m.body)
		require.NoError(t, err)
		require.NoError(t, m.verify(theirs, parse(t, secret)))

		ours := m.sign(t, parse(t, drawSymmetric(t)), parse(t, secret))
		require.Contains(t, ours, theirs)
		require.NoError(t, library.VerifyIgnoringTimestamp(m.body, m.header(ours)))
		require.Error(t, library.VerifyIgnoringTimestamp(append(m.body, ' '), m.header(ours)))

		now := message{m.id, time.Now(), m.body}
		require.NoError(t, library.Verify(now.body, now.header(now.sign(t, parse(t, secret)))))
	})
}

func TestABodyInPiecesIsSignedLikeTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t, drawBytes)
		private, _ := drawKeyPair(t)
		secrets := rapid.SliceOfN(rapid.SampledFrom([]webhook.Secret{
			parse(t, drawSymmetric(t)), parse(t, drawSymmetric(t)), parse(t, private),
		}), 1, 4).Draw(t, "secrets")
		cvSecret := drawSymmetric(t)

		signer, err := webhook.NewSigner(secrets, m.id, m.time)
		require.NoError(t, err)
		cv := webhook.NewCVSigner(cvSecret)
		both := io.MultiWriter(signer, cv)
		for rest := m.body; len(rest) > 0; {
			n := rapid.IntRange(0, len(rest)).Draw(t, "piece")
			_, err := both.Write(rest[:n])
			require.NoError(t, err)
			rest = rest[n:]
			if rapid.Bool().Draw(t, "look in between") {
				signer.Signature()
				cv.Signature()
			}
		}

		want := m.header(m.sign(t, secrets...))
		got := http.Header{}
		signer.SetHeader(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("header (-want +got):\n%s", diff)
		}
		require.Equal(t, webhook.SignCV(cvSecret, m.body), cv.Signature())
	})
}

func TestASymmetricSignerHoldsNothingOfTheBody(t *testing.T) {
	signer, err := webhook.NewSigner([]webhook.Secret{parse(t, vectorSecret)}, vector.id, vector.time)
	require.NoError(t, err)
	cv := webhook.NewCVSigner(vectorSecret)
	piece := make([]byte, 64<<10)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		signer.Write(piece)
		cv.Write(piece)
	}))
}

func TestSignaturesComeInTheOrderOfTheSecrets(t *testing.T) {
	symmetric, private := parse(t, vectorSecret), parse(t, encoded("whsk_", 32))
	v1, v1a := vector.sign(t, symmetric), vector.sign(t, private)
	require.True(t, strings.HasPrefix(v1a, "v1a,"))
	require.Equal(t, v1+" "+v1a, vector.sign(t, symmetric, private))
	require.Equal(t, v1a+" "+v1, vector.sign(t, private, symmetric))
}

func TestSixteenSecretsSignWhatAReceiverStillReads(t *testing.T) {
	secret := parse(t, vectorSecret)
	signature := vector.sign(t, slices.Repeat([]webhook.Secret{secret}, 16)...)
	require.Len(t, strings.Split(signature, " "), 16)
	require.NoError(t, vector.verify(signature, secret))
}

func TestSignRefuses(t *testing.T) {
	secret := parse(t, vectorSecret)
	one := []webhook.Secret{secret}
	now := time.Unix(1614265330, 0)
	for _, tt := range []struct {
		name    string
		secrets []webhook.Secret
		id      string
		time    time.Time
		want    error
	}{
		{"no secrets", nil, "id", now, webhook.ErrBadSecret},
		{"a secret that was never parsed", []webhook.Secret{secret, {}}, "id", now, webhook.ErrBadSecret},
		{"a public key", []webhook.Secret{parse(t, encoded("whpk_", 32))}, "id", now, webhook.ErrBadSecret},
		{"more secrets than a receiver reads", slices.Repeat(one, 17), "id", now, webhook.ErrBadSecret},
		{"an empty id", one, "", now, webhook.ErrBadID},
		{"an id with a full stop", one, "a.b", now, webhook.ErrBadID},
		{"an id with a space", one, "a b", now, webhook.ErrBadID},
		{"an id with a line end", one, "a\r\nb", now, webhook.ErrBadID},
		{"an id with a delete character", one, "a\x7f", now, webhook.ErrBadID},
		{"an id beyond ASCII", one, "é", now, webhook.ErrBadID},
		{"a time before 1970", one, "id", time.Unix(-1, 0), webhook.ErrBadTimestamp},
		{"a time of 13 digits, as if in milliseconds", one, "id", time.Unix(1e12, 0), webhook.ErrBadTimestamp},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := webhook.Sign(tt.secrets, tt.id, tt.time, nil)
			require.ErrorIs(t, err, tt.want)
			_, err = webhook.NewSigner(tt.secrets, tt.id, tt.time)
			require.ErrorIs(t, err, tt.want)
		})
	}
}

func BenchmarkSign(b *testing.B) {
	body := []byte(`{"event":"ADD_CASE_COMMENT","payload":"` + strings.Repeat("x", 2048) + `"}`)
	symmetric, private := parse(b, vectorSecret), parse(b, encoded("whsk_", 32))
	for _, bb := range []struct {
		name    string
		secrets []webhook.Secret
	}{
		{"symmetric", []webhook.Secret{symmetric}},
		{"rotating", []webhook.Secret{symmetric, symmetric}},
		{"ed25519", []webhook.Secret{private}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := webhook.Sign(bb.secrets, vector.id, vector.time, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
