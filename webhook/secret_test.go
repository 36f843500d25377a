package webhook_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/casehook/casehook/webhook"
)

// encoded is a secret of the given kind with n bytes, none of them zero.
func encoded(prefix string, n int) string {
	return prefix + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xa7}, n))
}

func TestParseSecret(t *testing.T) {
	seed := bytes.Repeat([]byte{0xa7}, ed25519.SeedSize)
	private := ed25519.NewKeyFromSeed(seed)
	mismatched := append(bytes.Clone(seed), bytes.Repeat([]byte{1}, ed25519.PublicKeySize)...)
	b64 := base64.StdEncoding.EncodeToString

	accepted := map[string]string{
		"24 symmetric bytes":            encoded("whsec_", 24),
		"32 symmetric bytes":            encoded("whsec_", 32),
		"64 symmetric bytes":            encoded("whsec_", 64),
		"a private key as its seed":     "whsk_" + b64(seed),
		"a private key with its public": "whsk_" + b64(private),
		"a public key":                  "whpk_" + b64(private[32:]),
	}
	for name, s := range accepted {
		t.Run(name+" are accepted", func(t *testing.T) {
			_, err := webhook.ParseSecret(s)
			require.NoError(t, err)
		})
	}

	refused := []struct{ name, secret, want string }{
		{"the empty string is refused", "", "it is empty"},
		{"a secret without a prefix is refused", b64(seed), "it begins with none of whsec_, whsk_, whpk_"},
		{"a prefix in another case is refused", "WHSEC_" + b64(seed), "it begins with none of whsec_, whsk_, whpk_"},
		{"a prefix alone is refused", "whsec_", "a symmetric secret has 24 to 64 bytes"},
		{"23 symmetric bytes are refused", encoded("whsec_", 23), "a symmetric secret has 24 to 64 bytes"},
		{"65 symmetric bytes are refused", encoded("whsec_", 65), "a symmetric secret has 24 to 64 bytes"},
		{"a private key of 33 bytes is refused", encoded("whsk_", 33), "a private key has 32 or 64 bytes"},
		{"a private key with another's public key is refused", "whsk_" + b64(mismatched), "the halves of the private key do not belong together"},
		{"a public key of 31 bytes is refused", encoded("whpk_", 31), "a public key has 32 bytes"},
		{"what is not base64 is refused", "whsec_****************************************", "not padded standard base64 after whsec_"},
		{"base64 without its padding is refused", strings.TrimRight(encoded("whsec_", 32), "="), "not padded standard base64 after whsec_"},
		{"base64 with stray bits at the end is refused", "whsec_" + strings.Repeat("A", 42) + "B=", "not padded standard base64 after whsec_"},
		{"the URL's base64 is refused", "whsec_" + strings.Repeat("_-_-", 8), "not padded standard base64 after whsec_"},
		{"a line end behind is refused", encoded("whsec_", 32) + "\n", "it contains white space"},
		{"a space before is refused", " " + encoded("whsec_", 32), "it contains white space"},
	}
	for _, tt := range refused {
		t.Run(tt.name, func(t *testing.T) {
			_, err := webhook.ParseSecret(tt.secret)
			require.ErrorIs(t, err, webhook.ErrBadSecret)
			if diff := cmp.Diff("webhook: unusable secret: "+tt.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewSecretsAreReadFromTheSourceGiven(t *testing.T) {
	secret, err := webhook.NewSecret(strings.NewReader(strings.Repeat("s", 32)))
	require.NoError(t, err)
	require.Equal(t, "whsec_"+base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("s"), 32)), secret)

	private, public, err := webhook.NewKeyPair(strings.NewReader(strings.Repeat("s", 32)))
	require.NoError(t, err)
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte("s"), 32))
	require.Equal(t, "whsk_"+base64.StdEncoding.EncodeToString(key), private)
	require.Equal(t, "whpk_"+base64.StdEncoding.EncodeToString(key[32:]), public)
}

func TestNewSecretsFailWhereRandomnessDoes(t *testing.T) {
	dry := errors.New("dry")
	_, err := webhook.NewSecret(iotest.ErrReader(dry))
	require.ErrorIs(t, err, dry)
	_, _, err = webhook.NewKeyPair(iotest.ErrReader(dry))
	require.ErrorIs(t, err, dry)
}

func TestASecretNeverShowsItsKey(t *testing.T) {
	for _, prefix := range []string{"whsec_", "whsk_", "whpk_"} {
		secret := parse(t, encoded(prefix, 32))
		redacted := prefix + "…redacted"
		require.Equal(t, redacted, secret.String())
		require.Equal(t, redacted, fmt.Sprintf("%#v", secret))
		text, err := json.Marshal(map[string]any{"secret": secret})
		require.NoError(t, err)
		require.JSONEq(t, `{"secret":"`+redacted+`"}`, string(text))

		var logged bytes.Buffer
		slog.New(slog.NewJSONHandler(&logged, nil)).Info("made", "secret", secret)
		require.Contains(t, logged.String(), redacted)

		type hidden struct {
			secret  webhook.Secret
			secrets []webhook.Secret
		}
		values := []any{
			secret,
			&secret,
			hidden{secret, []webhook.Secret{secret}},
			&webhook.Verifier{Secrets: []webhook.Secret{secret}},
		}
		if prefix != "whpk_" {
			signer, err := webhook.NewSigner([]webhook.Secret{secret}, "id", vector.time)
			require.NoError(t, err)
			values = append(values, signer)
		}
		for _, value := range values {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%c", "%U"} {
				got := strings.ToLower(fmt.Sprintf(verb, value))
				for _, key := range []string{"a7a7", "p6en", "167 167", "247 247", "0xa7", "10100111 1", "§", "u+00a7"} {
					require.NotContainsf(t, got, key, "%s of %T", verb, value)
				}
			}
		}
	}
	require.Equal(t, "no secret", webhook.Secret{}.String())
}

func FuzzParseSecret(f *testing.F) {
	for _, s := range []string{
		"", "whsec_", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
		encoded("whsk_", 32), encoded("whsk_", 64), encoded("whpk_", 32), "whpk_=", "whsec_whsec_",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		secret, err := webhook.ParseSecret(s)
		if err != nil {
			require.ErrorIs(t, err, webhook.ErrBadSecret)
			require.Equal(t, webhook.Secret{}, secret)
			return
		}
		prefix, key, _ := strings.Cut(s, "_")
		raw, err := base64.StdEncoding.DecodeString(key)
		require.NoError(t, err)
		require.Equal(t, s, prefix+"_"+base64.StdEncoding.EncodeToString(raw), "a key has one spelling")
		require.Equal(t, prefix+"_…redacted", secret.String())
	})
}

func parse(t require.TestingT, s string) webhook.Secret {
	secret, err := webhook.ParseSecret(s)
	require.NoError(t, err)
	return secret
}

func drawSymmetric(t *rapid.T) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(rapid.SliceOfN(rapid.Byte(), 24, 64).Draw(t, "key"))
}

func drawKeyPair(t *rapid.T) (private, public string) {
	private, public, err := webhook.NewKeyPair(bytes.NewReader(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed")))
	require.NoError(t, err)
	return private, public
}
