package webhook_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/webhook"
)

// hook is what casehook sends of a comment, or of another event.
type hook struct {
	event    string // "" for ADD_CASE_COMMENT
	caseID   string // "" for case-1
	sequence int    // 0 for none
	attempt  int    // 0 for none
	change   func(*http.Request)
}

// id is the same each time that the same is sent.
func (h hook) id() string { return cmp.Or(h.caseID, "case-1") + "-" + strconv.Itoa(h.sequence) }

func (h hook) body() string {
	return fmt.Sprintf(`{"event":"%s","payload":{"case":{"id":"%s"},"activity":{"id":"%s"},"comment":{"text":"Sam Sample"}}}`,
		cmp.Or(h.event, "ADD_CASE_COMMENT"), cmp.Or(h.caseID, "case-1"), h.id())
}

// request is h on its way to url.
func (h hook) request(ctx context.Context, url string) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(h.body()))
	if err != nil {
		return nil, err
	}
	secret, err := webhook.ParseSecret(vectorSecret)
	if err != nil {
		return nil, err
	}
	signer, err := webhook.NewSigner([]webhook.Secret{secret}, h.id(), time.Now())
	if err != nil {
		return nil, err
	}
	io.WriteString(signer, h.body())
	signer.SetHeader(request.Header)
	request.Header.Set(webhook.HeaderCV, webhook.SignCV(vectorSecret, []byte(h.body())))
	request.Header.Set(webhook.HeaderCaseID, cmp.Or(h.caseID, "case-1"))
	if h.sequence > 0 {
		request.Header.Set(webhook.HeaderSequence, strconv.Itoa(h.sequence))
	}
	if h.attempt > 0 {
		request.Header.Set(webhook.HeaderAttempt, strconv.Itoa(h.attempt))
	}
	if h.change != nil {
		h.change(request)
	}
	return request, nil
}

// answer is what a receiver said.
type reply struct {
	status int
	text   string
	err    error
}

// send sends h and waits for the answer.
func (h hook) send(ctx context.Context, url string) reply {
	request, err := h.request(ctx, url)
	if err != nil {
		return reply{err: err}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return reply{err: err}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, string(text), err}
}

// sending sends h in the background, and returns where the answer comes.
func (h hook) sending(t *testing.T, url string) <-chan reply {
	answered := make(chan reply, 1)
	go func() { answered <- h.send(t.Context(), url) }()
	return answered
}

// requireSent sends hooks one after the other, and requires that each is answered by want.
func requireSent(t *testing.T, url string, want int, hooks ...hook) {
	t.Helper()
	for _, h := range hooks {
		got := h.send(t.Context(), url)
		require.NoError(t, got.err)
		require.Equal(t, want, got.status, "%s: %s", h.id(), got.text)
	}
}

// requireAnswer waits for an answer.
func requireAnswer(t *testing.T, want int, answered <-chan reply) {
	t.Helper()
	got := <-answered
	require.NoError(t, got.err)
	require.Equal(t, want, got.status, got.text)
}

// record is what functions were called for.
type record struct {
	mu  sync.Mutex
	ids []string
}

func (r *record) add(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids = append(r.ids, id)
}

func (r *record) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.ids...)
}

// newReceiver trusts the secret of hooks, holds for as long as a test may take, and records the comments
// that it is sent.
func newReceiver(t *testing.T) (*webhook.Receiver, *record) {
	r := &webhook.Receiver{
		Verifier: webhook.Verifier{Secrets: []webhook.Secret{parse(t, vectorSecret)}},
		Hold:     time.Hour,
		Logger:   slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	handled := new(record)
	webhook.On(r, func(_ context.Context, p *caseupdate.AddCaseComment) error {
		handled.add(p.Activity.ID)
		return nil
	})
	return r, handled
}

func serve(t *testing.T, handler http.Handler) (url string) {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func TestReceiverAnswers(t *testing.T) {
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	body := func(text string) func(*http.Request) {
		return func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		}
	}
	signed := func(text string, secret string, at time.Time) func(*http.Request) {
		return func(r *http.Request) {
			body(text)(r)
			m := message{"case-1-1", at, []byte(text)}
			r.Header.Set(webhook.HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
			r.Header.Set(webhook.HeaderSignature, m.sign(t, parse(t, secret)))
		}
	}
	unsigned := func(r *http.Request) {
		r.Header.Del(webhook.HeaderSignature)
		r.Header.Del(webhook.HeaderTimestamp)
	}
	cvOnly := func(r *webhook.Receiver) { r.Verifier.Secrets, r.CVSecrets = nil, []string{vectorSecret} }
	both := func(r *webhook.Receiver) { r.CVSecrets = []string{vectorSecret} }
	comment := hook{}.body()
	another := encoded("whsec_", 32)

	for _, tt := range []struct {
		name     string
		receiver func(*webhook.Receiver)
		change   func(*http.Request)
		want     int
		handled  bool
	}{
		{name: "a genuine message is handled", want: 204, handled: true},
		{name: "any of several secrets suffices", receiver: func(r *webhook.Receiver) {
			r.Verifier.Secrets = append([]webhook.Secret{parse(t, another)}, r.Verifier.Secrets...)
		}, want: 204, handled: true},
		{name: "an ed25519 key suffices", receiver: func(r *webhook.Receiver) {
			r.Verifier.Secrets = []webhook.Secret{publicOf(t)}
		}, change: signed(hook{sequence: 1}.body(), encoded("whsk_", 32), time.Now()), want: 204, handled: true},
		{name: "what another signed is refused", change: signed(comment, another, time.Now()), want: 401},
		{name: "what nobody signed is refused", change: unsigned, want: 401},
		{name: "a changed body is refused", change: body(comment + " "), want: 401},
		{name: "a changed id is refused", change: header(webhook.HeaderID, "case-1-2"), want: 401},
		{name: "an old message is refused", change: signed(comment, vectorSecret, time.Now().Add(-6*time.Minute)), want: 401},
		{name: "within the tolerance it is handled", receiver: func(r *webhook.Receiver) { r.Verifier.Tolerance = time.Hour },
			change: signed(hook{sequence: 1}.body(), vectorSecret, time.Now().Add(-6*time.Minute)), want: 204, handled: true},

		{name: "x-cv-signature alone suffices where that is asked for", receiver: cvOnly, change: unsigned, want: 204, handled: true},
		{name: "without it the message is refused", receiver: cvOnly, change: header(webhook.HeaderCV, ""), want: 401},
		{name: "a body that it was not made for is refused", receiver: cvOnly, change: body(comment + " "), want: 401},
		{name: "both signatures are needed where both are asked for", receiver: both, want: 204, handled: true},
		{name: "the first of both is missed", receiver: both, change: unsigned, want: 401},
		{name: "the second of both is missed", receiver: both, change: header(webhook.HeaderCV, ""), want: 401},
		{name: "without a secret nothing is handled", receiver: func(r *webhook.Receiver) { r.Verifier.Secrets = nil }, want: 500},

		{name: "a body of the size of the limit is handled", receiver: func(r *webhook.Receiver) {
			r.MaxBody = int64(len(hook{sequence: 1}.body()))
		}, want: 204, handled: true},
		{name: "a larger one is too large", receiver: func(r *webhook.Receiver) { r.MaxBody = int64(len(hook{sequence: 1}.body())) - 1 }, want: 413},
		{name: "so is one that is far larger", receiver: func(r *webhook.Receiver) { r.MaxBody = 1000 }, change: body(strings.Repeat(" ", 8<<20)), want: 413},
		{name: "what is not JSON is refused", change: signed("Sam Sample", vectorSecret, time.Now()), want: 400},
		{name: "what is no case update is refused", change: signed(`{"event":"ADD_CASE_COMMENT"}`, vectorSecret, time.Now()), want: 400},
		{name: "what is not a POST is refused", change: func(r *http.Request) { r.Method = http.MethodGet }, want: 405},
		{name: "a message without sequence and attempt is handled", change: func(r *http.Request) {
			r.Header.Del(webhook.HeaderSequence)
			r.Header.Set(webhook.HeaderAttempt, "many")
		}, want: 204, handled: true},
		{name: "an event for which there is no function is taken", change: signed(
			strings.Replace(comment, "ADD_CASE_COMMENT", "REOPEN_CASE", 1), vectorSecret, time.Now()), want: 204},
		{name: "an event that nobody knows is taken", change: signed(
			`{"event":"CASE_MERGED","payload":{"into":"case-2"}}`, vectorSecret, time.Now()), want: 204},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, handled := newReceiver(t)
			if tt.receiver != nil {
				tt.receiver(r)
			}
			got := hook{sequence: 1, change: tt.change}.send(t.Context(), serve(t, r))
			require.NoError(t, got.err)
			require.Equal(t, tt.want, got.status, got.text)
			require.Equal(t, tt.handled, len(handled.all()) == 1)
			require.NotContains(t, got.text, "Sam")
		})
	}
}

func TestABodyThatIsCutShortIsRefused(t *testing.T) {
	r, handled := newReceiver(t)
	address := strings.TrimPrefix(serve(t, r), "http://")
	connection, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer connection.Close()
	_, err = io.WriteString(connection, "POST / HTTP/1.1\r\nHost: receiver\r\nContent-Length: 100\r\n\r\n{")
	require.NoError(t, err)
	require.NoError(t, connection.(*net.TCPConn).CloseWrite())
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusBadRequest, response.StatusCode)
	require.Empty(t, handled.all())
}

func TestEachEventComesToItsOwnFunction(t *testing.T) {
	r, handled := newReceiver(t)
	webhook.On(r, func(_ context.Context, p *caseupdate.ReopenCase) error {
		handled.add("reopened " + p.Case.ID)
		return nil
	})
	webhook.On(r, func(_ context.Context, p *caseupdate.UnknownEvent) error {
		handled.add("unknown " + p.Activity.ID)
		return nil
	})
	r.Fallback = func(_ context.Context, update *caseupdate.Update) error {
		handled.add("other " + string(update.Event))
		return nil
	}
	requireSent(t, serve(t, r), 204,
		hook{sequence: 1},
		hook{sequence: 2, event: "REOPEN_CASE"},
		hook{sequence: 3, event: "CASE_MERGED"},
		hook{sequence: 4, event: "ARCHIVE_CASE"})
	require.Equal(t, []string{"case-1-1", "reopened case-1", "unknown case-1-3", "other ARCHIVE_CASE"}, handled.all())
}

func TestAFunctionIsToldOfItsMessage(t *testing.T) {
	require.Zero(t, webhook.MessageOf(t.Context()))
	r, _ := newReceiver(t)
	var got webhook.Message
	webhook.On(r, func(ctx context.Context, _ *caseupdate.EscalateCase) error {
		got = webhook.MessageOf(ctx)
		return nil
	})
	h := hook{event: "ESCALATE_CASE", sequence: 1, attempt: 3}
	requireSent(t, serve(t, r), 204, h)
	require.Equal(t, webhook.Message{ID: h.id(), CaseID: "case-1", Sequence: 1, Attempt: 3, Body: []byte(h.body())}, got)
}

func TestOnRefusesWhatWouldNeverBeCalled(t *testing.T) {
	type own struct{ caseupdate.ReopenCase }
	for _, tt := range []struct {
		name string
		on   func(*webhook.Receiver)
	}{
		{"any payload", func(r *webhook.Receiver) {
			webhook.On(r, func(context.Context, caseupdate.Payload) error { return nil })
		}},
		{"a type that embeds a payload", func(r *webhook.Receiver) {
			webhook.On(r, func(context.Context, *own) error { return nil })
		}},
		{"a second function for an event", func(r *webhook.Receiver) {
			webhook.On(r, func(context.Context, *caseupdate.AddCaseComment) error { return nil })
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := newReceiver(t)
			require.Panics(t, func() { tt.on(r) })
		})
	}
}

func TestEveryEventCanHaveAFunction(t *testing.T) {
	var r webhook.Receiver
	handled := new(record)
	on[*caseupdate.AddCaseComment](&r, handled)
	on[*caseupdate.AddCaseDecision](&r, handled)
	on[*caseupdate.AddCaseAttachment](&r, handled)
	on[*caseupdate.AddFormResponse](&r, handled)
	on[*caseupdate.AddCaseAssignee](&r, handled)
	on[*caseupdate.RemoveCaseAssignee](&r, handled)
	on[*caseupdate.PaymentAdded](&r, handled)
	on[*caseupdate.PaymentCompleted](&r, handled)
	on[*caseupdate.OrderCreated](&r, handled)
	on[*caseupdate.OrderStatusChanged](&r, handled)
	on[*caseupdate.OrderTrackingAdded](&r, handled)
	on[*caseupdate.DeleteAttachment](&r, handled)
	on[*caseupdate.CreateCase](&r, handled)
	on[*caseupdate.EscalateCase](&r, handled)
	on[*caseupdate.DeescalateCase](&r, handled)
	on[*caseupdate.DeleteCaseComment](&r, handled)
	on[*caseupdate.ArchiveCase](&r, handled)
	on[*caseupdate.ReopenCase](&r, handled)
	on[*caseupdate.ChangeCaseStatus](&r, handled)
	r.Verifier.Secrets = []webhook.Secret{parse(t, vectorSecret)}
	url := serve(t, &r)
	var want []string
	for i, event := range caseupdate.Events() {
		requireSent(t, url, 204, hook{event: string(event), sequence: i + 1})
		want = append(want, fmt.Sprintf("%T", event.NewPayload()))
	}
	require.Equal(t, want, handled.all())
}

func on[P caseupdate.Payload](r *webhook.Receiver, handled *record) {
	webhook.On(r, func(_ context.Context, p P) error {
		handled.add(fmt.Sprintf("%T", p))
		return nil
	})
}

func TestWhatAFunctionDidNotHandleComesAgain(t *testing.T) {
	for _, tt := range []struct {
		name   string
		fails  func() error
		logged string
	}{
		{"an error", func() error { return errors.New("the clinic is closed") }, "the clinic is closed"},
		{"a panic", func() error { panic("Sam Sample") }, "panic with a string"},
		{"a panic of the runtime", func() error { return []error{}[len(t.Name())] }, "index out of range"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			r := &webhook.Receiver{
				Verifier: webhook.Verifier{Secrets: []webhook.Secret{parse(t, vectorSecret)}},
				Logger:   slog.New(slog.NewTextHandler(&log, nil)),
			}
			calls := 0
			webhook.On(r, func(context.Context, *caseupdate.AddCaseComment) error {
				if calls++; calls == 1 {
					return tt.fails()
				}
				return nil
			})
			url := serve(t, r)
			got := hook{sequence: 1}.send(t.Context(), url)
			require.NoError(t, got.err)
			require.Equal(t, reply{status: 500, text: "the function for this event failed\n"}, got)
			require.Contains(t, log.String(), tt.logged)
			require.Contains(t, log.String(), "id=case-1-1")
			require.NotContains(t, log.String(), "Sam Sample")

			requireSent(t, url, 204, hook{sequence: 1}, hook{sequence: 1})
			require.Equal(t, 2, calls, "until it succeeds, and not again")
		})
	}
}

func TestByXCVSignatureAloneAnIDThatIsNotSignedIsNotBelieved(t *testing.T) {
	r, handled := newReceiver(t)
	r.Verifier.Secrets, r.CVSecrets = nil, []string{vectorSecret}
	url := serve(t, r)
	caught := hook{sequence: 1, change: func(r *http.Request) { r.Header.Set(webhook.HeaderID, "another") }}
	requireSent(t, url, 204, hook{sequence: 1}, caught)
	require.Equal(t, []string{"case-1-1"}, handled.all())
}
