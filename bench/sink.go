package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/casehook/casehook/webhook"
)

// sentAt stands in a comment's text before the time at which it was asked for, in
// nanoseconds, and a space after it.
const sentAt = "sent-at:"

// sink runs the receivers: /fast answers at once, /hang never, /error with 500, and /reset
// resets the connection.
func sink(ctx context.Context) error {
	s := &received{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /fast", s.receive)
	mux.HandleFunc("POST /hang", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	mux.HandleFunc("POST /error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	mux.HandleFunc("POST /reset", reset)
	mux.HandleFunc("GET /report", s.report)
	mux.HandleFunc("POST /forget", s.forget)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	server := &http.Server{Handler: mux}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// received is what came since the last reset.
type received struct {
	mu      sync.Mutex
	count   int
	last    time.Time
	took    map[string][]time.Duration // by the group that the URL names
	example []byte

	sequences  map[lane]int // the last one of each lane
	disordered int          // messages that came after one with a higher sequence
}

// lane is a case, as it is sent an endpoint; what is replayed is in an order of its own.
type lane struct {
	path, caseID string
	again        bool
}

// reset resets the connection in place of an answer.
func reset(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // then Close resets
	}
	_ = conn.Close()
}

// report is what the sink says of it.
type report struct {
	Count   int
	Last    time.Time
	Example []byte // one body

	// Took is how long it was from the request for the change to its receipt, sorted, by the
	// group that the URL names; "" where it names none.
	Took map[string][]time.Duration

	Disordered int // messages that came after one of their lane with a higher sequence
}

func (s *received) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	now := time.Now()
	if err != nil {
		return
	}
	sent, timed := timeIn(body)
	s.mu.Lock()
	s.count++
	s.last = now
	s.order(r)
	if timed {
		if s.took == nil {
			s.took = make(map[string][]time.Duration)
		}
		group := r.URL.Query().Get("group")
		s.took[group] = append(s.took[group], now.Sub(sent))
		s.example = body
	}
	s.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

// order looks at the order of the lane. s.mu is held.
func (s *received) order(r *http.Request) {
	sequence, err := strconv.Atoi(r.Header.Get(webhook.HeaderSequence))
	if err != nil {
		return // not a delivery
	}
	if s.sequences == nil {
		s.sequences = make(map[lane]int)
	}
	l := lane{r.URL.RequestURI(), r.Header.Get(webhook.HeaderCaseID), r.Header.Get(webhook.HeaderAttempt) != "1"}
	if sequence <= s.sequences[l] {
		s.disordered++
	}
	s.sequences[l] = sequence
}

// timeIn returns the time after sentAt in a body.
func timeIn(body []byte) (time.Time, bool) {
	_, after, found := bytes.Cut(body, []byte(sentAt))
	digits, _, ended := bytes.Cut(after, []byte(" "))
	nanoseconds, err := strconv.ParseInt(string(digits), 10, 64)
	return time.Unix(0, nanoseconds), found && ended && err == nil
}

func (s *received) report(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, took := range s.took {
		slices.Sort(took)
	}
	_ = json.NewEncoder(w).Encode(report{s.count, s.last, s.example, s.took, s.disordered})
}

func (s *received) forget(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count, s.took, s.sequences, s.disordered = 0, nil, nil, 0
	w.WriteHeader(http.StatusNoContent)
}

// sinkClient asks the sink what it received.
type sinkClient struct {
	url string
}

func (c *sinkClient) reset(ctx context.Context) error {
	return post(ctx, c.url+"/forget", nil)
}

// counted is that n messages came since the last reset, and timed that n did which say
// when they were asked for.
func counted(n int) func(report) bool { return func(r report) bool { return r.Count >= n } }
func timed(n int) func(report) bool   { return func(r report) bool { return len(r.Took[""]) >= n } }

// wait waits until enough has come.
func (c *sinkClient) wait(ctx context.Context, enough func(report) bool) (report, error) {
	for {
		r, err := c.report(ctx)
		if err != nil || enough(r) {
			return r, err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return r, fmt.Errorf("wait for messages, of which %d came: %w", r.Count, ctx.Err())
		}
	}
}

func (c *sinkClient) report(ctx context.Context) (r report, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/report", nil)
	if err != nil {
		return r, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return r, err
	}
	defer response.Body.Close()
	return r, json.NewDecoder(response.Body).Decode(&r)
}

// post posts a body and expects success.
func post(ctx context.Context, url string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("POST %s: %s", url, response.Status)
	}
	return nil
}

// client keeps as many connections as there are clients.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
