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
	receipts chan receipt

	server *http.Server
	served chan error

	mu       sync.Mutex // protects what follows
	secret   string
	verifier *webhook.Verifier
	last     map[string]int64 // the sequence that came last, of each case
}

// receipt is a webhook that was received.
type receipt struct {
	at       time.Time
	sequence int64
	update   *caseupdate.Update
	fault    string // what is wrong with it; "" if nothing is
}

// newReceiver starts a receiver on a free port. It answers once it has a secret.
func newReceiver() (*receiver, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the receiver: %w", err)
	}
	r := &receiver{
		URL:      "http://" + listener.Addr().String() + "/hooks",
		receipts: make(chan receipt, 1024),
		served:   make(chan error, 1),
		last:     make(map[string]int64),
	}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second}
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
	sequence, _ := strconv.ParseInt(request.Header.Get(webhook.HeaderSequence), 10, 64) // 0 is out of order
	select {
	case r.receipts <- receipt{at, sequence, update, r.check(request.Header, body, sequence)}:
		w.WriteHeader(http.StatusNoContent)
	case <-request.Context().Done():
	}
}

// check says what is wrong with a webhook, "" if nothing is.
func (r *receiver) check(header http.Header, body []byte, sequence int64) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.verifier == nil {
		return "no secret yet"
	}
	if r.verifier.Verify(header, body) != nil || webhook.VerifyCV(header, body, r.secret) != nil {
		return "not genuine"
	}
	caseID := header.Get(webhook.HeaderCaseID)
	if sequence != r.last[caseID]+1 {
		return "out of order"
	}
	r.last[caseID] = sequence
	return ""
}

// Close ends the receiver.
func (r *receiver) Close() error {
	err := r.server.Close()
	if served := <-r.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
