package webhook_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/webhook"
)

func cvHeader(value string) http.Header {
	h := http.Header{}
	h.Set(webhook.HeaderCV, value)
	return h
}

// RFC 4231, test case 2: the key is the string itself.
func TestSignCVIsPlainHMACKeyedWithTheString(t *testing.T) {
	require.Equal(t,
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		webhook.SignCV("Jefe", []byte("what do ya want for nothing?")))
}

func TestVerifyCV(t *testing.T) {
	const secret = vectorSecret
	body := []byte(`{"event":"CREATE_CASE"}`)
	signed := webhook.SignCV(secret, body)
	for _, tt := range []struct {
		name    string
		header  http.Header
		body    string
		secrets []string
		want    error
	}{
		{"a body as it was signed is accepted", cvHeader(signed), string(body), []string{secret}, nil},
		{"any of several secrets suffices", cvHeader(signed), string(body), []string{"whsec_other", secret}, nil},
		{"hex in upper case is accepted", cvHeader(strings.ToUpper(signed)), string(body), []string{secret}, nil},
		{"a changed body is refused", cvHeader(signed), string(body) + "\n", []string{secret}, webhook.ErrNoMatch},
		{"another secret is refused", cvHeader(signed), string(body), []string{"whsec_other"}, webhook.ErrNoMatch},
		{"the secret without its prefix is refused", cvHeader(signed), string(body), []string{strings.TrimPrefix(secret, "whsec_")}, webhook.ErrNoMatch},
		{"a missing header is refused", http.Header{}, string(body), []string{secret}, webhook.ErrMissingHeader},
		{"a signature cut short is refused", cvHeader(signed[:62]), string(body), []string{secret}, webhook.ErrBadSignature},
		{"a signature that is not hex is refused", cvHeader(strings.Repeat("x", 64)), string(body), []string{secret}, webhook.ErrBadSignature},
		{"no secret refuses", cvHeader(signed), string(body), nil, webhook.ErrBadSecret},
		{"an empty secret refuses what anybody could sign", cvHeader(webhook.SignCV("", body)), string(body), []string{""}, webhook.ErrBadSecret},
	} {
		t.Run(tt.name, func(t *testing.T) {
			requireOnly(t, tt.want, webhook.VerifyCV(tt.header, []byte(tt.body), tt.secrets...))
		})
	}
}
