package webhook_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/casehook/casehook/webhook"
)

// A receiver: verify the body as it came, then answer 2xx.
func ExampleVerifier() {
	const shown = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" // when the endpoint was made
	secret, err := webhook.ParseSecret(shown)
	if err != nil {
		log.Fatal(err)
	}
	verifier := &webhook.Verifier{Secrets: []webhook.Secret{secret}}

	hooks := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<20))
		if err != nil { // too large, so that links come in place of documents; or cut short, and nobody hears it
			http.Error(w, "the body is too large", http.StatusRequestEntityTooLarge)
			return
		}
		if err := verifier.Verify(r.Header, body); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		fmt.Printf("%s\n", body)
		w.WriteHeader(http.StatusNoContent)
	})

	// What casehook does, and what somebody without the secret can do.
	for _, by := range []string{shown, "whsec_" + strings.Repeat("AAAA", 8)} {
		request := httptest.NewRequest("POST", "/hooks", strings.NewReader(`{"event":"REOPEN_CASE"}`))
		sign(request, by, `{"event":"REOPEN_CASE"}`)
		response := httptest.NewRecorder()
		hooks.ServeHTTP(response, request)
		fmt.Printf("%d %q\n", response.Code, response.Body)
	}
	// Output:
	// {"event":"REOPEN_CASE"}
	// 204 ""
	// 401 "webhook: no signature matches\n"
}

// While a secret is rotated, both are trusted: whatever casehook signs with, one of them made.
func ExampleVerifier_rotation() {
	before, after := newSecret(), newSecret()
	verifier := &webhook.Verifier{Secrets: []webhook.Secret{after, before}}

	body := []byte(`{"event":"REOPEN_CASE"}`)
	for _, live := range [][]webhook.Secret{{before}, {before, after}, {after}, {newSecret()}} {
		fmt.Println(verifier.Verify(signed(live, time.Now(), body), body))
	}
	// Output:
	// <nil>
	// <nil>
	// <nil>
	// webhook: no signature matches
}

// An old message is one that somebody sends again: casehook signs each attempt anew.
func ExampleVerifier_tolerance() {
	secret := newSecret()
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	verifier := &webhook.Verifier{
		Secrets:   []webhook.Secret{secret},
		Tolerance: time.Minute, // 5 minutes where it is not set
		Now:       func() time.Time { return noon },
	}

	body := []byte(`{"event":"REOPEN_CASE"}`)
	for _, at := range []time.Time{noon.Add(-59 * time.Second), noon.Add(-61 * time.Second), noon.Add(61 * time.Second)} {
		err := verifier.Verify(signed([]webhook.Secret{secret}, at, body), body)
		fmt.Println(err, errors.Is(err, webhook.ErrTooOld))
	}
	// Output:
	// <nil> false
	// webhook: timestamp too old true
	// webhook: timestamp too far in the future false
}

// Who verifies by an ed25519 key (v1a) has nothing that could sign.
func ExampleVerifier_ed25519() {
	private, public, err := webhook.NewKeyPair(rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	signing, err := webhook.ParseSecret(private) // casehook's
	if err != nil {
		log.Fatal(err)
	}
	verifying, err := webhook.ParseSecret(public) // whpk_…, as the endpoint shows it
	if err != nil {
		log.Fatal(err)
	}
	verifier := &webhook.Verifier{Secrets: []webhook.Secret{verifying}}

	body := []byte(`{"event":"REOPEN_CASE"}`)
	header := signed([]webhook.Secret{newSecret(), signing}, time.Now(), body)
	for signature := range strings.FieldsSeq(header.Get(webhook.HeaderSignature)) {
		version, _, _ := strings.Cut(signature, ",")
		fmt.Println(version)
	}
	fmt.Println(verifier.Verify(header, body))
	_, err = webhook.Sign([]webhook.Secret{verifying}, "event-1", time.Now(), body)
	fmt.Println(err)
	// Output:
	// v1
	// v1a
	// <nil>
	// webhook: unusable secret: a public key does not sign
}

// newSecret returns a secret as an endpoint is given it.
func newSecret() webhook.Secret {
	text, err := webhook.NewSecret(rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	secret, err := webhook.ParseSecret(text)
	if err != nil {
		log.Fatal(err)
	}
	return secret
}

// signed returns the headers of a message that casehook sends at a time.
func signed(by []webhook.Secret, at time.Time, body []byte) http.Header {
	signer, err := webhook.NewSigner(by, "0193a5c8-6a5e-7cc0-9d3b-0f4a5b6c7d8e", at)
	if err != nil {
		log.Fatal(err)
	}
	signer.Write(body)
	header := http.Header{}
	signer.SetHeader(header)
	return header
}

func sign(r *http.Request, with, body string) {
	secret, err := webhook.ParseSecret(with)
	if err != nil {
		log.Fatal(err)
	}
	signer, err := webhook.NewSigner([]webhook.Secret{secret}, "0193a5c8-6a5e-7cc0-9d3b-0f4a5b6c7d8e", time.Now())
	if err != nil {
		log.Fatal(err)
	}
	io.WriteString(signer, body)
	signer.SetHeader(r.Header)
}

func ExampleSign() {
	secret, err := webhook.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		log.Fatal(err)
	}
	signature, err := webhook.Sign([]webhook.Secret{secret},
		"msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(signature)
	// Output: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
}

// A body of any size is signed as it goes by.
func ExampleSigner() {
	secret, err := webhook.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		log.Fatal(err)
	}
	signer, err := webhook.NewSigner([]webhook.Secret{secret}, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := io.Copy(signer, strings.NewReader(`{"test": 2432232314}`)); err != nil {
		log.Fatal(err)
	}
	header := http.Header{}
	signer.SetHeader(header)
	fmt.Println(header.Get(webhook.HeaderSignature))
	// Output: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
}

// The sender keeps the private key, receivers are given the public one.
func ExampleNewKeyPair() {
	private, public, err := webhook.NewKeyPair(rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(private[:5], public[:5])
	// Output: whsk_ whpk_
}

func ExampleVerifyCV() {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" // as it was shown
	body := []byte(`{"event":"REOPEN_CASE"}`)
	header := http.Header{}
	header.Set(webhook.HeaderCV, webhook.SignCV(secret, body))

	fmt.Println(webhook.VerifyCV(header, body, secret))
	fmt.Println(webhook.VerifyCV(header, []byte(`{}`), secret))
	// Output:
	// <nil>
	// webhook: no signature matches
}
