package webhook_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	_ "modernc.org/sqlite" // or any driver for SQLite or PostgreSQL

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/webhook"
)

// shown is the secret as it was shown when the endpoint was made.
const shown = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// The whole of a receiver: verified, typed, each event once, and in the order of its case.
func ExampleReceiver() {
	secret, err := webhook.ParseSecret(shown)
	if err != nil {
		log.Fatal(err)
	}
	receiver := &webhook.Receiver{Verifier: webhook.Verifier{Secrets: []webhook.Secret{secret}}}
	webhook.On(receiver, func(ctx context.Context, p *caseupdate.AddCaseDecision) error {
		fmt.Println(p.Case.ShortID, "approved:", p.Decision.IsApproved)
		return nil // it is done; an error has it sent again
	})
	webhook.On(receiver, func(ctx context.Context, p *caseupdate.PaymentAdded) error {
		fmt.Println(p.Case.ShortID, "costs", p.Payment.Amount)
		return nil
	})
	server := httptest.NewServer(receiver) // yours: http.Handle("/hooks", receiver)
	defer server.Close()

	const decision = `{"event":"ADD_CASE_DECISION","payload":{"case":{"id":"1","shortId":"ADA-7K2QX"},"decision":{"isApproved":true}}}`
	const payment = `{"event":"PAYMENT_ADDED","payload":{"case":{"id":"1","shortId":"ADA-7K2QX"},"payment":{"amount":159.5}}}`
	fmt.Println(deliver(server.URL, "event-1", 1, decision))
	fmt.Println(deliver(server.URL, "event-1", 1, decision), "again")
	fmt.Println(deliver(server.URL, "event-2", 2, payment))
	// Output:
	// ADA-7K2QX approved: true
	// 204
	// 204 again
	// ADA-7K2QX costs 159.5
	// 204
}

// Events that have no function of their own, and events that this version does not know.
func ExampleOn() {
	secret, err := webhook.ParseSecret(shown)
	if err != nil {
		log.Fatal(err)
	}
	receiver := &webhook.Receiver{
		Verifier: webhook.Verifier{Secrets: []webhook.Secret{secret}},
		Fallback: func(ctx context.Context, update *caseupdate.Update) error {
			fmt.Println("not interesting:", update.Event)
			return nil
		},
	}
	webhook.On(receiver, func(ctx context.Context, p *caseupdate.UnknownEvent) error {
		fmt.Println("not known:", string(p.Raw))
		return nil
	})
	server := httptest.NewServer(receiver)
	defer server.Close()

	deliver(server.URL, "event-1", 1, `{"event":"ESCALATE_CASE","payload":{"case":{"id":"1"}}}`)
	deliver(server.URL, "event-2", 2, `{"event":"CASE_MERGED","payload":{"case":{"id":"1"},"into":"2"}}`)
	// Output:
	// not interesting: ESCALATE_CASE
	// not known: {"case":{"id":"1"},"into":"2"}
}

// A receiver that verifies by x-cv-signature, as one of another platform does already. Where Verifier has secrets
// too, both must be right.
func ExampleReceiver_cv() {
	receiver := &webhook.Receiver{CVSecrets: []string{shown}} // as it was shown; two while it is rotated
	webhook.On(receiver, func(ctx context.Context, p *caseupdate.EscalateCase) error {
		fmt.Println("escalated")
		return nil
	})
	server := httptest.NewServer(receiver)
	defer server.Close()

	const body = `{"event":"ESCALATE_CASE","payload":{"case":{"id":"1"},"activity":{"id":"event-1"}}}`
	for _, secret := range []string{shown, "whsec_" + strings.Repeat("AAAA", 8)} {
		request, err := http.NewRequest(http.MethodPost, server.URL, strings.NewReader(body))
		if err != nil {
			log.Fatal(err)
		}
		request.Header.Set(webhook.HeaderCV, webhook.SignCV(secret, []byte(body)))
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			log.Fatal(err)
		}
		response.Body.Close()
		fmt.Println(response.StatusCode)
	}
	// Output:
	// escalated
	// 204
	// 401
}

// What is known of a message beside its payload, and what of it this version does not know.
func ExampleMessageOf() {
	secret, err := webhook.ParseSecret(shown)
	if err != nil {
		log.Fatal(err)
	}
	receiver := &webhook.Receiver{Verifier: webhook.Verifier{Secrets: []webhook.Secret{secret}}}
	webhook.On(receiver, func(ctx context.Context, p *caseupdate.EscalateCase) error {
		m := webhook.MessageOf(ctx)
		fmt.Println(m.ID, "is number", m.Sequence, "of case", m.CaseID)
		for _, field := range caseupdate.UnknownFields(m.Body) {
			fmt.Printf("%s is new: %s\n", field.Path, field.Value)
		}
		return nil
	})
	server := httptest.NewServer(receiver)
	defer server.Close()

	deliver(server.URL, "event-1", 1, `{"event":"ESCALATE_CASE","payload":{"case":{"id":"1","priority":"HIGH"}}}`)
	// Output:
	// event-1 is number 1 of case 1
	// payload.case.priority is new: "HIGH"
}

// In memory, more or less than the last 100,000 events and cases are remembered.
func ExampleMemoryStore() {
	secret, err := webhook.ParseSecret(shown)
	if err != nil {
		log.Fatal(err)
	}
	receiver := &webhook.Receiver{
		Verifier: webhook.Verifier{Secrets: []webhook.Secret{secret}},
		Store:    webhook.NewMemoryStore(1_000_000),
	}
	webhook.On(receiver, func(ctx context.Context, p *caseupdate.EscalateCase) error {
		fmt.Println("handled")
		return nil
	})
	server := httptest.NewServer(receiver)
	defer server.Close()

	for range 2 {
		fmt.Println(deliver(server.URL, "event-1", 1, `{"event":"ESCALATE_CASE","payload":{"case":{"id":"1"}}}`))
	}
	// Output:
	// handled
	// 204
	// 204
}

// In a database, what was handled is known after a restart, and to all processes that share it.
func ExampleSQLStore() {
	dir, err := os.MkdirTemp("", "receiver")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := sql.Open("sqlite", filepath.Join(dir, "receiver.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	store, err := webhook.OpenSQLStore(context.Background(), db, "clinic")
	if err != nil {
		log.Fatal(err)
	}
	secret, err := webhook.ParseSecret(shown)
	if err != nil {
		log.Fatal(err)
	}
	for _, start := range []string{"first", "second"} {
		receiver := &webhook.Receiver{Verifier: webhook.Verifier{Secrets: []webhook.Secret{secret}}, Store: store}
		webhook.On(receiver, func(ctx context.Context, p *caseupdate.EscalateCase) error {
			fmt.Println("handled after the", start, "start")
			return nil
		})
		server := httptest.NewServer(receiver)
		fmt.Println(deliver(server.URL, "event-1", 1, `{"event":"ESCALATE_CASE","payload":{"case":{"id":"1"}}}`))
		server.Close()
	}

	// Once a day: casehook tries for about three days.
	if _, err := store.Forget(context.Background(), time.Now().AddDate(0, 0, -30)); err != nil {
		log.Fatal(err)
	}
	// Output:
	// handled after the first start
	// 204
	// 204
}

// What is missing is taken from casehook's log.
func ExampleFeedClient() {
	const first = `{"event":"ESCALATE_CASE","payload":{"case":{"id":"1"},"activity":{"id":"event-1"}}}`
	const second = `{"event":"DEESCALATE_CASE","payload":{"case":{"id":"1"},"activity":{"id":"event-2"}}}`
	casehook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"data":[%s,%s],"nextCursor":"2","hasMore":false}`, first, second)
	}))
	defer casehook.Close()

	secret, err := webhook.ParseSecret(shown)
	if err != nil {
		log.Fatal(err)
	}
	log := &webhook.FeedClient{URL: casehook.URL, Key: os.Getenv("CASEHOOK_READER_KEY")}
	receiver := &webhook.Receiver{
		Verifier: webhook.Verifier{Secrets: []webhook.Secret{secret}},
		Feed:     log.CaseEvents,
		Hold:     time.Millisecond,
	}
	webhook.On(receiver, func(ctx context.Context, p *caseupdate.EscalateCase) error {
		fmt.Println("escalated")
		return nil
	})
	webhook.On(receiver, func(ctx context.Context, p *caseupdate.DeescalateCase) error {
		fmt.Println("deescalated")
		return nil
	})
	server := httptest.NewServer(receiver)
	defer server.Close()

	// The first one never comes.
	fmt.Println(deliver(server.URL, "event-2", 2, second))
	// Output:
	// escalated
	// deescalated
	// 204
}

// deliver does what casehook does, and returns the status of the answer.
func deliver(url, id string, sequence int, body string) int {
	secret, err := webhook.ParseSecret(shown)
	if err != nil {
		log.Fatal(err)
	}
	signer, err := webhook.NewSigner([]webhook.Secret{secret}, id, time.Now())
	if err != nil {
		log.Fatal(err)
	}
	io.WriteString(signer, body)
	request, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	signer.SetHeader(request.Header)
	request.Header.Set(webhook.HeaderSequence, strconv.Itoa(sequence))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}
