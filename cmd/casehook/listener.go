package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/webhook"
)

// listener is the receiver of casehook listen.
type listener struct {
	secrets  secrets // none: nothing is verified
	forward  string  // the URL of a receiver; empty: none
	client   *http.Client
	recorder *recorder // nil: nothing is kept
	fail     float64   // of 1
	chance   func() float64
	delay    time.Duration
	body     bool

	mu     sync.Mutex // protects what follows
	screen *screen
	last   map[string]int64 // the highest sequence that was taken, of each case
}

// said is what a webhook is answered.
type said struct {
	status int // 0: nothing, as nobody waits for it
	header http.Header
	text   []byte
	why    string // for the screen
}

// ServeHTTP takes a webhook.
func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	if r.Method != http.MethodPost {
		http.Error(w, "webhooks come by POST", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		status := http.StatusBadRequest
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, "the body is too large, or was cut short", status)
		return
	}
	verdict, genuine := l.verify(r.Header, body)
	got := l.answer(r, body, verdict, genuine)
	if l.delay > 0 {
		timer := time.NewTimer(l.delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
	}
	gone := r.Context().Err() != nil
	if gone {
		got = said{why: "the sender had gone"}
	}
	l.print(r.Header, body, verdict, genuine, got, time.Since(began))
	if gone {
		return
	}
	for _, name := range []string{"Content-Type", "Retry-After", "Location"} {
		if value := got.header.Get(name); value != "" {
			w.Header().Set(name, value)
		}
	}
	w.WriteHeader(got.status)
	_, _ = w.Write(got.text)
}

// verify says whether a webhook is genuine, and how that is known.
func (l *listener) verify(header http.Header, body []byte) (verdict string, genuine bool) {
	if l.secrets.none() {
		return "not verified", true
	}
	genuine, verdict = diagnose(suspect{header, body}, l.secrets, time.Now())
	return verdict, genuine
}

// answer decides what a webhook is answered. Where it is genuine it is recorded, whatever the answer.
func (l *listener) answer(r *http.Request, body []byte, verdict string, genuine bool) said {
	if l.recorder != nil && genuine {
		if err := l.recorder.keep(r.Header, body); err != nil {
			return said{status: http.StatusInternalServerError, why: "not recorded: " + err.Error()}
		}
	}
	switch {
	case !genuine:
		return said{status: http.StatusUnauthorized, text: []byte(verdict + "\n")}
	case l.chance() < l.fail:
		return said{status: http.StatusInternalServerError, why: "on purpose"}
	case l.forward != "":
		return l.pass(r, body)
	}
	if _, err := caseupdate.Parse(body); err != nil {
		return said{status: http.StatusBadRequest, text: []byte(err.Error() + "\n"), why: err.Error()}
	}
	return said{status: http.StatusNoContent}
}

// hop are the headers of one connection, which do not pass on (RFC 9110, section 7.6.1).
var hop = []string{"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// endToEnd returns a copy of headers without those of one connection.
func endToEnd(header http.Header) http.Header {
	passed := header.Clone()
	for _, name := range append(strings.Split(header.Get("Connection"), ","), hop...) {
		passed.Del(strings.TrimSpace(name))
	}
	return passed
}

// maxPassed is how much of a receiver's answer passes back.
const maxPassed = 64 << 10

// pass forwards a webhook, and answers as the receiver does.
func (l *listener) pass(r *http.Request, body []byte) said {
	request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, l.forward, bytes.NewReader(body))
	if err != nil {
		return said{status: http.StatusBadGateway, why: "not forwarded: " + withoutURL(err).Error()}
	}
	request.Header = endToEnd(r.Header)
	if request.Header.Get("User-Agent") == "" {
		request.Header.Set("User-Agent", "") // else net/http sets its own
	}
	response, err := l.client.Do(request)
	if err != nil {
		return said{status: http.StatusBadGateway, why: "not forwarded: " + withoutURL(err).Error()}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxPassed))
	if err != nil {
		return said{status: http.StatusBadGateway, why: "the receiver's answer was cut short"}
	}
	return said{status: response.StatusCode, header: response.Header, text: text, why: "by the receiver"}
}

// print prints the line of a webhook. What is in the body is not shown, but where that is asked for.
func (l *listener) print(header http.Header, body []byte, verdict string, genuine bool, got said, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if genuine {
		verdict = l.screen.paint(green, verdict)
	} else {
		verdict = l.screen.paint(red, "NOT VERIFIED: "+verdict)
	}
	answer := fmt.Sprintf("%d in %s", got.status, milliseconds(took))
	if got.status == 0 {
		answer = "no answer in " + milliseconds(took)
	}
	if got.why != "" {
		answer += ", " + got.why
	}
	if got.status/100 != 2 {
		answer = l.screen.paint(red, answer)
	}
	l.screen.line("%s  %s  %s  case %s, sequence %s, attempt %s%s  %s  %s", time.Now().Format("15:04:05.000"), eventOf(body),
		shown(header, webhook.HeaderID), shown(header, webhook.HeaderCaseID), shown(header, webhook.HeaderSequence),
		shown(header, webhook.HeaderAttempt), l.place(header, genuine && got.status/100 == 2), verdict, answer)
	if l.body {
		l.screen.line("%s", steady(body))
	}
}

// place says what the sequence of a webhook tells, where that is not that it is the next one of its
// case, and remembers it where the webhook was taken. The first one of a case that is seen may have
// any sequence: the listener may have started in the midst of it. l.mu is held.
func (l *listener) place(header http.Header, taken bool) string {
	sequence, err := strconv.ParseInt(header.Get(webhook.HeaderSequence), 10, 64)
	if err != nil {
		return ""
	}
	id := header.Get(webhook.HeaderCaseID)
	last, seen := l.last[id]
	if taken {
		l.last[id] = max(last, sequence)
	}
	switch {
	case !seen || sequence == last+1:
		return ""
	case sequence <= last:
		return " (again, or late)"
	}
	return fmt.Sprintf(" (a hole: %d was next)", last+1)
}

// shown returns a header fit for the screen.
func shown(header http.Header, name string) string {
	if value := header.Get(name); value != "" {
		return cut(value, 40)
	}
	return "-"
}

// steady returns a body without what would steer a terminal.
func steady(body []byte) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, string(body))
}

// eventOf returns the event that a body names, where it looks like one.
func eventOf(body []byte) string {
	var envelope struct{ Event string }
	other := func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') }
	if json.Unmarshal(body, &envelope) != nil || envelope.Event == "" || len(envelope.Event) > 40 || strings.ContainsFunc(envelope.Event, other) {
		return "no event"
	}
	return envelope.Event
}
