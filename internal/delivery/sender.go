package delivery

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/webhook"
)

const (
	// maxAnswer is how much of an answer is kept.
	maxAnswer = 1 << 10
	// maxError is how much is kept of why there was none.
	maxError = 300

	// unmade is why there was none where the fault is on this side.
	unmade = "the message could not be made: the server's log says why"

	// handshakeTimeout is how long a TLS handshake may take.
	handshakeTimeout = 10 * time.Second
)

// Sender makes attempts: it renders a message, signs it, posts it and reads the
// answer. It is safe for concurrent use.
type Sender struct {
	// Renderer makes the body.
	Renderer *render.Renderer
	// Client posts it; see [Guard.Client].
	Client *http.Client
	// PublicURL is where this server is reached from outside, for links to documents.
	PublicURL string
	// UserAgent is what the server calls itself.
	UserAgent string
	// Log is told why a message could not be made, or sent.
	Log *slog.Logger
}

// Send makes one attempt. Whatever goes wrong is told by the attempt.
func (s *Sender) Send(ctx context.Context, endpoint *subscription.Endpoint, m store.Message) (attempt *store.Attempt) {
	attempt = &store.Attempt{Number: m.Tries + 1, StartedAt: time.Now().UTC()}
	defer func() { attempt.Duration = time.Since(attempt.StartedAt) }()
	defer func() {
		if p := recover(); p != nil {
			// The value of a panic may hold anything; its type does not.
			s.Log.Error("panic", "type", fmt.Sprintf("%T", p), "delivery", m.DeliveryID, "event", m.Event.ID, "stack", string(debug.Stack()))
			attempt.Error = unmade
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, endpoint.Timeout)
	defer cancel()

	request, inline, err := s.request(ctx, endpoint, m, attempt)
	if err != nil {
		s.Log.Error("could not make a message", "delivery", m.DeliveryID, "event", m.Event.ID, "error", err)
		attempt.Error = unmade
		return attempt
	}
	response, err := s.Client.Do(request)
	if err != nil {
		attempt.Error = reason(err, endpoint.Timeout)
		return attempt
	}
	attempt.Inline = inline
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	_ = response.Body.Close() // what was read of it counts
	if err != nil {
		attempt.Error = reason(err, endpoint.Timeout)
		return attempt
	}
	attempt.StatusCode, attempt.Answer = response.StatusCode, answer
	if response.StatusCode/100 != 2 {
		attempt.RetryAfter = retryAfter(response.Header.Get("Retry-After"), time.Now())
	}
	return attempt
}

// request returns the attempt as a request, signed. Inline is whether documents go in
// its body.
func (s *Sender) request(ctx context.Context, endpoint *subscription.Endpoint, m store.Message, attempt *store.Attempt) (request *http.Request, inline bool, err error) {
	body, err := s.body(endpoint, m, attempt)
	if err != nil {
		return nil, false, err
	}
	_, whole := body.Bytes()
	request, err = http.NewRequestWithContext(ctx, http.MethodPost, endpoint.URL, nil)
	if err != nil {
		return nil, false, errors.New("the endpoint's URL cannot be read")
	}
	request.ContentLength = body.Len()
	request.GetBody = func() (io.ReadCloser, error) {
		if whole, ok := body.Bytes(); ok {
			return io.NopCloser(bytes.NewReader(whole)), nil
		}
		return body.Open(ctx), nil
	}
	if request.Body, err = request.GetBody(); err != nil {
		return nil, false, err
	}
	request.Header = s.header(endpoint, m, attempt)
	attempt.BodySHA256, err = sign(ctx, request.Header, endpoint, m.Event.ID, attempt.StartedAt, body)
	return request, !whole, err
}

// body renders a message as the endpoint asks for it and may see it.
func (s *Sender) body(endpoint *subscription.Endpoint, m store.Message, attempt *store.Attempt) (*render.Body, error) {
	documents := endpoint.Documents
	if m.Linked {
		documents = subscription.DocumentsURL
	}
	return s.Renderer.Body(m.Event, m.Case, m.Key, render.Options{
		Payload:   endpoint.Payload,
		Documents: documents,
		Clearance: endpoint.Clearance,
		MaxInline: endpoint.MaxInlineBytes,
		Link: func(caseID, documentID string, sha256 []byte) (string, time.Time) {
			if m.Key == nil { // a sample: there is no document to link to
				return s.PublicURL + "/documents/sample", attempt.StartedAt
			}
			return MintLink(m.Key, s.PublicURL, caseID, documentID, sha256, attempt.StartedAt)
		},
	})
}

// header returns the headers of an attempt, but for its signatures.
func (s *Sender) header(endpoint *subscription.Endpoint, m store.Message, attempt *store.Attempt) http.Header {
	header := make(http.Header)
	for name, value := range endpoint.Headers {
		header.Set(name, value)
	}
	header.Set("Content-Type", "application/json")
	header.Set("User-Agent", s.UserAgent)
	header.Set(webhook.HeaderCaseID, m.Event.CaseID)
	header.Set(webhook.HeaderSequence, strconv.FormatInt(m.Sequence, 10))
	header.Set(webhook.HeaderAttempt, strconv.Itoa(attempt.Number))
	return header
}

// Compose returns the headers and the body of an attempt as they are sent, and sends nothing. A
// body of more than maxSigned bytes is not read, and so not signed; of another
// attempt.BodySHA256 is set. The error is [render.ErrWithheld] where the endpoint may not be
// told of the event.
func (s *Sender) Compose(ctx context.Context, endpoint *subscription.Endpoint, m store.Message, attempt *store.Attempt, maxSigned int64) (header http.Header, body *render.Body, err error) {
	body, err = s.body(endpoint, m, attempt)
	if err != nil {
		return nil, nil, err
	}
	header = s.header(endpoint, m, attempt)
	if body.Len() <= maxSigned {
		attempt.BodySHA256, err = sign(ctx, header, endpoint, m.Event.ID, attempt.StartedAt, body)
	}
	return header, body, err
}

// sign sets the signatures of a body that is not sent before all of it was signed, and
// returns its digest.
func sign(ctx context.Context, header http.Header, endpoint *subscription.Endpoint, id string, at time.Time, body *render.Body) (digest []byte, err error) {
	live := endpoint.LiveSecrets(at)
	secrets := make([]webhook.Secret, len(live))
	for i, text := range live {
		secret, err := webhook.ParseSecret(text)
		if err != nil {
			return nil, fmt.Errorf("read a secret of endpoint %s: %w", endpoint.ID, err)
		}
		secrets[i] = secret
	}
	signer, err := webhook.NewSigner(secrets, id, at)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	hash := sha256.New()
	writers := []io.Writer{signer, hash}
	var cv *webhook.CVSigner
	if endpoint.Signs(subscription.SigningCV) {
		newest := endpoint.Newest(true, at)
		if newest == nil {
			return nil, fmt.Errorf("sign: endpoint %s has no symmetric secret", endpoint.ID)
		}
		cv = webhook.NewCVSigner(newest.Value)
		writers = append(writers, cv)
	}
	if whole, ok := body.Bytes(); ok {
		for _, w := range writers {
			_, _ = w.Write(whole) // signers never fail
		}
	} else {
		stream := body.Open(ctx)
		_, err := io.Copy(io.MultiWriter(writers...), stream)
		if err := errors.Join(err, stream.Close()); err != nil {
			return nil, fmt.Errorf("sign: %w", err)
		}
	}
	signer.SetHeader(header)
	if cv != nil {
		header.Set(webhook.HeaderCV, cv.Signature())
	}
	return hash.Sum(nil), nil
}

// reason says why there was no answer, in words that hold nothing of it: no URL nor its
// host, which may hold a secret, and nothing that a receiver sent, in place of HTTP or in
// a certificate.
func reason(err error, timeout time.Duration) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %s", timeout)
	}
	if errors.Is(err, context.Canceled) {
		return "canceled: the server stopped"
	}
	for _, refused := range []error{ErrRefused, ErrPlain} {
		if errors.Is(err, refused) {
			return "refused: " + refused.Error()
		}
	}
	if unresolved, ok := errors.AsType[*net.DNSError](err); ok {
		return "the host's name cannot be resolved: " + resolving(unresolved)
	}
	if failed, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the certificate is not to be trusted" + untrusted(failed)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "the receiver does not speak TLS"
	}
	if failed, ok := errors.AsType[*net.OpError](err); ok {
		_, known := errors.AsType[syscall.Errno](failed)
		alert := failed.Op == "remote error" || failed.Op == "local error" // of TLS (RFC 8446, section 6)
		if known || alert || failed.Timeout() {
			return shorten(failed.Error()) // the operation, the address that was dialled, and why
		}
		return "the connection failed"
	}
	if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() { // the one limit besides that is the transport's
		return fmt.Sprintf("the TLS handshake was not finished within %s", handshakeTimeout)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the connection was closed before there was an answer"
	}
	return "the answer cannot be read: it is not HTTP, or breaks off"
}

// resolving says why a name has no address.
func resolving(err *net.DNSError) string {
	switch {
	case err.IsNotFound:
		return "there is no such name"
	case err.IsTimeout:
		return "the name server does not answer"
	}
	return "the name server did not say it"
}

// untrusted says what is wrong with a certificate, "" where it is something rare.
func untrusted(err *tls.CertificateVerificationError) string {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return ": it is for another host"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return ": it is signed by an authority that is not known"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return ": it has expired, or is not valid yet"
	}
	return ""
}

func shorten(text string) string {
	if len(text) > maxError {
		return text[:maxError]
	}
	return text
}
