package delivery_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/delivery"
	"github.com/casehook/casehook/internal/planttest"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/sample"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/webhook"
)

// The secrets of an endpoint whose secret is being rotated.
const (
	newSecret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	oldSecret = "whsec_HwAeAR0CHAMbBBoFGQYYBxcIFgkVChQLEwwSDRENEA4="
)

// try has a sample sent to a URL, once.
func try(t *testing.T, client *http.Client, url string, change func(*subscription.Endpoint)) *store.Attempt {
	t.Helper()
	event, state, err := sample.Of(caseupdate.EventAddCaseDecision, time.Now(), uuid.NewString)
	require.NoError(t, err)
	endpoint := &subscription.Endpoint{
		ID: "endpoint", URL: url, Clearance: subscription.Clearance{PHI: true, Restricted: true}, Timeout: 5 * time.Second,
		Signing: []subscription.Signing{subscription.SigningStandard, subscription.SigningCV},
		Headers: map[string]string{"cv-api-key": "of the partner"},
		Secrets: []subscription.Secret{{Value: newSecret}, {Value: oldSecret}},
	}
	if change != nil {
		change(endpoint)
	}
	sender := &delivery.Sender{Renderer: render.New(nil), Client: client, UserAgent: "casehook/test", Log: slog.New(slog.DiscardHandler)}
	return sender.Send(t.Context(), endpoint, store.Message{DeliveryID: "d", EndpointID: "endpoint", Sequence: 7, Tries: 2, Event: event, Case: state})
}

func TestAnAttemptCarriesWhatTheReceiverNeeds(t *testing.T) {
	var header http.Header
	var body []byte
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "thank you")
	}))
	t.Cleanup(receiver.Close)

	attempt := try(t, delivery.NewGuard(nil, true).Client(), receiver.URL, nil)

	require.Equal(t, http.StatusAccepted, attempt.StatusCode)
	require.Empty(t, attempt.Error)
	require.Equal(t, "thank you", string(attempt.Answer))
	require.Equal(t, 3, attempt.Number)

	update, err := caseupdate.Parse(body)
	require.NoError(t, err)
	require.Equal(t, update.Activity().ID, header.Get(webhook.HeaderID))
	require.Equal(t, update.Case().ID, header.Get(webhook.HeaderCaseID))
	require.Equal(t, "7", header.Get(webhook.HeaderSequence))
	require.Equal(t, "3", header.Get(webhook.HeaderAttempt))
	require.Equal(t, "application/json", header.Get("Content-Type"))
	require.Equal(t, "casehook/test", header.Get("User-Agent"))
	require.Equal(t, "of the partner", header.Get("cv-api-key"))
	for _, secret := range []string{newSecret, oldSecret} {
		parsed, err := webhook.ParseSecret(secret)
		require.NoError(t, err)
		require.NoError(t, (&webhook.Verifier{Secrets: []webhook.Secret{parsed}}).Verify(header, body))
	}
	require.NoError(t, webhook.VerifyCV(header, body, newSecret))
}

func TestAnAttemptKeepsTheStartOfTheAnswer(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, strings.Repeat("a", 5000))
	}))
	t.Cleanup(receiver.Close)
	attempt := try(t, delivery.NewGuard(nil, true).Client(), receiver.URL, nil)
	require.Equal(t, http.StatusBadGateway, attempt.StatusCode)
	require.Equal(t, strings.Repeat("a", 1024), string(attempt.Answer))
}

func TestAnAnswerThatIsLargeIsReadUpTo1KiBAndThenClosed(t *testing.T) {
	closed := make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(closed)
		_, _ = io.Copy(io.Discard, r.Body)
		for err := error(nil); err == nil; { // as long as it is read
			_, err = io.WriteString(w, strings.Repeat("a", 4096))
		}
	}))
	t.Cleanup(receiver.Close)
	attempt := try(t, delivery.NewGuard(nil, true).Client(), receiver.URL, func(e *subscription.Endpoint) { e.Timeout = time.Minute })
	<-closed
	require.Empty(t, attempt.Error)
	require.Equal(t, http.StatusOK, attempt.StatusCode)
	require.Equal(t, strings.Repeat("a", 1024), string(attempt.Answer))
}

func TestAReceiverThatTricklesIsCutAtTheTimeLimit(t *testing.T) {
	for _, test := range []struct{ name, begin string }{
		{"its header", "HTTP/1.1 200 OK\r\nX-Filler: "},
		{"its answer", "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"},
		{"its answer, in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var trickled atomic.Int64
			closed := make(chan struct{})
			receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(closed)
				_, _ = io.Copy(io.Discard, r.Body)
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				tick := time.NewTicker(5 * time.Millisecond)
				defer tick.Stop()
				for _, err = io.WriteString(conn, test.begin); err == nil; _, err = io.WriteString(conn, "a") {
					trickled.Add(1)
					<-tick.C
				}
			}))
			t.Cleanup(receiver.Close)
			const limit = 250 * time.Millisecond
			attempt := try(t, delivery.NewGuard(nil, true).Client(), receiver.URL, func(e *subscription.Endpoint) { e.Timeout = limit })
			<-closed
			require.Equal(t, "no answer within 250ms", attempt.Error)
			require.Zero(t, attempt.StatusCode)
			require.GreaterOrEqual(t, attempt.Duration, limit)
			require.Less(t, attempt.Duration, limit+2*time.Second)
			require.Greater(t, trickled.Load(), int64(1), "it was not silent")
		})
	}
}

func TestATLSHandshakeThatHangsIsCutAtItsLimit(t *testing.T) {
	t.Parallel()
	receiver, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, receiver.Close()) })
	read := make(chan int64)
	go func() {
		conn, err := receiver.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		n, _ := io.Copy(io.Discard, conn) // until the other side gives up
		read <- n
	}()
	attempt := try(t, delivery.NewGuard(nil, true).Client(), "https://"+receiver.Addr().String(), func(e *subscription.Endpoint) { e.Timeout = time.Minute })
	require.Equal(t, "the TLS handshake was not finished within 10s", attempt.Error)
	require.Zero(t, attempt.StatusCode)
	require.GreaterOrEqual(t, attempt.Duration, 10*time.Second)
	require.Less(t, attempt.Duration, 30*time.Second)
	require.Positive(t, <-read, "it was spoken to")
}

func TestAnAttemptFollowsNoRedirect(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	t.Cleanup(target.Close)
	receiver := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusTemporaryRedirect))
	t.Cleanup(receiver.Close)
	require.Equal(t, http.StatusTemporaryRedirect, try(t, delivery.NewGuard(nil, true).Client(), receiver.URL, nil).StatusCode)
}

func TestAnAttemptThatGetsNoAnswerSaysWhyAndNotWhere(t *testing.T) {
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(hanging.Close)
	silent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	gone := httptest.NewServer(nil)
	gone.Close()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	public := delivery.NewGuard(nil, false).Client()
	for _, test := range []struct {
		name   string
		client *http.Client
		url    string
		want   string
	}{
		{"hangs", delivery.NewGuard(nil, true).Client(), hanging.URL, "no answer within 200ms"},
		{"says nothing after its header", delivery.NewGuard(nil, true).Client(), silent.URL, "no answer within 200ms"},
		{"is not there", delivery.NewGuard(nil, true).Client(), gone.URL, "connection refused"},
		{"has a certificate of nobody", delivery.NewGuard(nil, true).Client(), secure.URL, "certificate"},
		{"is on this machine", public, gone.URL, "not a public one"},
		{"is on this machine, in other words", public, strings.Replace(gone.URL, "127.0.0.1", "[::ffff:127.0.0.1]", 1), "not a public one"},
		{"is in the cloud's metadata", public, "http://169.254.169.254/latest", "not a public one"},
	} {
		t.Run(test.name, func(t *testing.T) {
			attempt := try(t, test.client, test.url+"?token=canary", func(e *subscription.Endpoint) {
				if strings.HasPrefix(test.want, "no answer") {
					e.Timeout = 200 * time.Millisecond
				}
			})
			require.Zero(t, attempt.StatusCode)
			require.Contains(t, attempt.Error, test.want)
			require.NotContains(t, attempt.Error, "canary")
		})
	}
}

// What is wrong with a certificate, or with a name, is told without the names: the one is
// the receiver's, who may write into it what it was sent, the other part of the URL.
func TestAnAttemptNamesNoHostAndNothingOfACertificate(t *testing.T) {
	var garden planttest.Garden
	host := strings.ToLower(garden.Plant("the host")) + ".example"
	now := time.Now()
	for _, test := range []struct {
		name   string
		change func(*x509.Certificate)
		trust  bool
		want   string
	}{
		{"signed by nobody who is known", func(*x509.Certificate) {}, false, "the certificate is not to be trusted: it is signed by an authority that is not known"},
		{"for another host", func(c *x509.Certificate) {
			c.DNSNames = []string{strings.ToLower(garden.Plant("its name")) + ".example"}
		}, true,
			"the certificate is not to be trusted: it is for another host"},
		{"too old", func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Hour) }, true, "the certificate is not to be trusted: it has expired, or is not valid yet"},
		{"for something else", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} }, true, "the certificate is not to be trusted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			require.NoError(t, err)
			template := &x509.Certificate{
				SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: garden.Plant("whose it is"), Organization: []string{garden.Plant("its organisation")}},
				DNSNames: []string{host}, NotBefore: now.Add(-2 * time.Hour), NotAfter: now.Add(time.Hour),
				ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IsCA: true, BasicConstraintsValid: true,
			}
			test.change(template)
			raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
			require.NoError(t, err)
			receiver := httptest.NewUnstartedServer(http.NotFoundHandler())
			receiver.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}}
			receiver.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			receiver.StartTLS()
			t.Cleanup(receiver.Close)
			roots := x509.NewCertPool()
			if test.trust {
				certificate, err := x509.ParseCertificate(raw)
				require.NoError(t, err)
				roots.AddCert(certificate)
			}
			client := &http.Client{Transport: &http.Transport{
				TLSClientConfig: &tls.Config{RootCAs: roots},
				DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, network, receiver.Listener.Addr().String())
				},
			}}
			attempt := try(t, client, "https://"+host+"/"+garden.Plant("the path"), nil)
			require.Equal(t, test.want, attempt.Error)
			require.Empty(t, garden.Find([]byte(attempt.Error)))
		})
	}
	for _, test := range []struct {
		name string
		err  net.DNSError
		want string
	}{
		{"that nobody has", net.DNSError{Err: "no such host", IsNotFound: true}, "there is no such name"},
		{"of which nobody speaks", net.DNSError{Err: "i/o timeout", IsTimeout: true}, "the name server does not answer"},
		{"that cannot be asked for", net.DNSError{Err: "cannot unmarshal DNS message of " + host}, "the name server did not say it"},
	} {
		t.Run("a name "+test.name, func(t *testing.T) {
			test.err.Name = host
			client := &http.Client{Transport: &http.Transport{
				DialContext: func(context.Context, string, string) (net.Conn, error) {
					return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &test.err}
				},
			}}
			attempt := try(t, client, "https://"+host+"/"+garden.Plant("the path"), nil)
			require.Equal(t, "the host's name cannot be resolved: "+test.want, attempt.Error)
		})
	}
	t.Run("an error of the network that says more", func(t *testing.T) {
		client := &http.Client{Transport: &http.Transport{
			DialContext: func(_ context.Context, _, address string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.AddrError{Err: "unexpected", Addr: address}}
			},
		}}
		attempt := try(t, client, "https://"+host, nil)
		require.Equal(t, "the connection failed", attempt.Error)
	})
}

// A message at which the sender panics fails like one that cannot be made, and takes
// nothing else with it.
func TestAPanicFailsTheAttemptAlone(t *testing.T) {
	var garden planttest.Garden
	var log strings.Builder
	event, state, err := sample.Of(caseupdate.EventCreateCase, time.Now(), uuid.NewString)
	require.NoError(t, err)
	sender := &delivery.Sender{
		Renderer: render.New(nil), Client: &http.Client{Transport: panicking(garden.Plant("the value of the panic"))},
		Log: slog.New(slog.NewTextHandler(&log, nil)),
	}
	endpoint := &subscription.Endpoint{
		URL: "https://partner.example/" + garden.Plant("the path"), Timeout: time.Minute, Secrets: []subscription.Secret{{Value: newSecret}},
	}
	attempt := sender.Send(t.Context(), endpoint, store.Message{DeliveryID: "d", Event: event, Case: state, Sequence: 1, Tries: 2})
	require.Equal(t, 3, attempt.Number)
	require.Equal(t, "the message could not be made: the server's log says why", attempt.Error)
	require.Contains(t, log.String(), "level=ERROR msg=panic type=string delivery=d")
	require.Contains(t, log.String(), "RoundTrip")
	require.Empty(t, garden.Find([]byte(attempt.Error+log.String())))
}

// panicking is a transport that panics with its value.
type panicking string

func (p panicking) RoundTrip(*http.Request) (*http.Response, error) { panic(string(p)) }

func TestAttemptsShareAConnectionWhateverIsAnswered(t *testing.T) {
	var connections atomic.Int64
	receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, "out of order")
	}))
	receiver.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	receiver.Start()
	t.Cleanup(receiver.Close)
	client := delivery.NewGuard(nil, true).Client()
	for range 5 {
		require.Equal(t, http.StatusInternalServerError, try(t, client, receiver.URL, nil).StatusCode)
	}
	require.Equal(t, int64(1), connections.Load())
}

func TestAnAttemptSpeaksNoOldTLS(t *testing.T) {
	receiver := httptest.NewUnstartedServer(http.NotFoundHandler())
	receiver.TLS = &tls.Config{MaxVersion: tls.VersionTLS11} // what it offers at most
	receiver.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	receiver.StartTLS()
	t.Cleanup(receiver.Close)
	attempt := try(t, delivery.NewGuard(nil, true).Client(), receiver.URL, nil)
	require.Zero(t, attempt.StatusCode)
	require.Contains(t, attempt.Error, "protocol version not supported")
}

func TestAnAttemptIsCutOffWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	}))
	t.Cleanup(receiver.Close)
	event, state, err := sample.Of(caseupdate.EventCreateCase, time.Now(), uuid.NewString)
	require.NoError(t, err)
	sender := &delivery.Sender{Renderer: render.New(nil), Client: delivery.NewGuard(nil, true).Client(), Log: slog.New(slog.DiscardHandler)}
	endpoint := &subscription.Endpoint{URL: receiver.URL, Timeout: time.Minute, Secrets: []subscription.Secret{{Value: newSecret}}}
	attempt := sender.Send(ctx, endpoint, store.Message{Event: event, Case: state, Sequence: 1})
	require.Contains(t, attempt.Error, "canceled")
}
