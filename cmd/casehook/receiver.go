package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/webhook"
)

// maxBody is how many bytes of a webhook the receiver takes.
const maxBody = 64 << 20

// receiver is a partner's endpoint on this machine.
type receiver struct {
	URL      string
	DownURL  string // of another partner, whose system is down
	receipts chan receipt

	server *http.Server
	served chan error

	mu       sync.Mutex // protects what follows
	secret   string
	verifier *webhook.Verifier
	last     map[string]int64 // the highest sequence that came, of each case
}

// receipt is a webhook that was received.
type receipt struct {
	at       time.Time
	update   *caseupdate.Update
	sequence int64
	next     int64 // the sequence that was the next of its case
	standard bool  // its Standard Webhooks signature verifies
	cv       bool  // its x-cv-signature verifies
}

// verified reports whether both signatures verify.
func (r receipt) verified() bool { return r.standard && r.cv }

// again reports whether what is received was received before: that may be.
func (r receipt) again() bool { return 0 < r.sequence && r.sequence < r.next }

// ordered reports whether it came right after the one before it in its case.
func (r receipt) ordered() bool { return r.sequence == r.next }

// newReceiver starts a receiver on a free port. It answers once it has a secret.
func newReceiver() (*receiver, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the receiver: %w", err)
	}
	r := &receiver{
		URL:      "http://" + listener.Addr().String() + "/hooks",
		DownURL:  "http://" + listener.Addr().String() + "/down",
		receipts: make(chan receipt, 1024),
		served:   make(chan error, 1),
		last:     make(map[string]int64),
	}
	mux := http.NewServeMux()
	mux.Handle("/hooks", r)
	mux.HandleFunc("/down", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "Down for maintenance", http.StatusServiceUnavailable)
	})
	r.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { r.served <- r.server.Serve(listener) }()
	return r, nil
}

// expect has the receiver verify by the secret from now on.
func (r *receiver) expect(secret string) error {
	parsed, err := webhook.ParseSecret(secret)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secret, r.verifier = secret, &webhook.Verifier{Secrets: []webhook.Secret{parsed}}
	return nil
}

// ServeHTTP takes a webhook.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxBody))
	if err != nil {
		http.Error(w, "the body is too large, or was cut short", http.StatusBadRequest)
		return
	}
	update, err := caseupdate.Parse(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	got := receipt{at: at, update: update}
	r.check(&got, request.Header, body)
	select {
	case r.receipts <- got:
		w.WriteHeader(http.StatusNoContent)
	case <-request.Context().Done():
	}
}

// check fills in what the header says.
func (r *receiver) check(got *receipt, header http.Header, body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	caseID := header.Get(webhook.HeaderCaseID)
	got.sequence, _ = strconv.ParseInt(header.Get(webhook.HeaderSequence), 10, 64) // 0 is never the next
	got.next = r.last[caseID] + 1
	got.standard = r.verifier != nil && r.verifier.Verify(header, body) == nil
	got.cv = webhook.VerifyCV(header, body, r.secret) == nil
	if got.verified() {
		r.last[caseID] = max(r.last[caseID], got.sequence)
	}
}

// Close ends the receiver.
func (r *receiver) Close() error {
	err := r.server.Close()
	if served := <-r.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
