package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/casehook/casehook/webhook"
)

// checkup is a conformance run against a receiver.
type checkup struct {
	partner *partner
	cv      bool          // whether x-cv-signature is all that the receiver verifies
	within  time.Duration // how long an answer may take

	taken int // webhooks that were answered with 2xx

	mu   sync.Mutex      // protects what follows
	took []time.Duration // of each answer
}

// finding is a webhook that was answered otherwise than it must be.
type finding struct {
	Sent     string `json:"sent"`
	Answered string `json:"answered"`
	Wanted   string `json:"wanted"`

	got answer
}

// outcome is what came of a check.
type outcome string

const (
	passed  outcome = "passed"
	failed  outcome = "failed"
	skipped outcome = "skipped"
)

// checked is a check that was made.
type checked struct {
	Name     string    `json:"name"`
	Says     string    `json:"says"` // what a receiver does that passes
	Outcome  outcome   `json:"outcome"`
	Findings []finding `json:"findings"`
	Advice   string    `json:"advice,omitempty"` // what to do where it failed
	Note     string    `json:"note,omitempty"`   // what else there is to know, or why it was skipped
}

// report is what came of a conformance run.
type report struct {
	URL     string    `json:"url"` // without what may be a secret in it
	Passed  bool      `json:"passed"`
	Checks  []checked `json:"checks"`
	Answers answers   `json:"answers"`
}

// answers are how long the answers took.
type answers struct {
	Count   int     `json:"count"`
	Median  float64 `json:"medianMilliseconds"`
	Slowest float64 `json:"slowestMilliseconds"`
}

// nothingTaken is why checks are skipped where the first one found that they would say nothing.
const nothingTaken = "no genuine webhook was taken, so that this says nothing"

// run makes all checks, one after the other, and tells of each when it is made. Where ctx ends before
// it, the report is of those that were.
func (c *checkup) run(ctx context.Context, tell func(checked)) (report, error) {
	r := report{URL: withoutSecrets(c.partner.url), Passed: true, Checks: []checked{}}
	for i, check := range checks {
		done := checked{Name: check.name, Says: check.says, Outcome: passed, Findings: []finding{}}
		switch {
		case i > 0 && c.taken == 0:
			done.Outcome, done.Note = skipped, nothingTaken
		case c.cv && check.standard:
			done.Outcome, done.Note = skipped, "x-cv-signature binds neither the id nor the time: whoever catches a webhook can send it again"
		default:
			findings, note, err := check.run(ctx, c)
			if ctx.Err() != nil {
				r.Passed = false
				return r, fmt.Errorf("stopped before the end: %d of %d checks were made", len(r.Checks), len(checks))
			}
			if err != nil {
				r.Passed = false
				return r, fmt.Errorf("%s: %w", check.name, err)
			}
			done.Note = note
			if len(findings) > 0 {
				done.Outcome, done.Findings, done.Advice = failed, findings, check.advise(findings)
				r.Passed = false
			}
		}
		r.Checks = append(r.Checks, done)
		tell(done)
	}
	if len(c.took) > 0 {
		r.Answers = answers{len(c.took), inMilliseconds(median(c.took)), inMilliseconds(slices.Max(c.took))}
	}
	return r, nil
}

func inMilliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// letter is a webhook on its way, which may be changed after it was signed.
type letter struct {
	header http.Header
	body   []byte
}

// sign signs m as casehook does.
func (c *checkup) sign(m message, by secrets, at time.Time) (letter, error) {
	header, err := m.sign(by, at)
	return letter{header, m.body}, err
}

// deliver sends a letter, and remembers how long the answer took.
func (c *checkup) deliver(ctx context.Context, l letter) answer {
	header := l.header.Clone()
	for name, values := range c.partner.header {
		if header.Get(name) == "" {
			header[name] = values
		}
	}
	got := c.partner.post(ctx, header, l.body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if got.failed == nil {
		c.took = append(c.took, got.took)
	}
	return got
}

// send signs m and delivers it.
func (c *checkup) send(ctx context.Context, m message) (answer, error) {
	l, err := c.sign(m, c.partner.secrets, time.Now())
	if err != nil {
		return answer{}, err
	}
	return c.deliver(ctx, l), nil
}

// sendAll sends messages at once, and returns the answers in the same order.
func (c *checkup) sendAll(ctx context.Context, messages []message) ([]answer, error) {
	letters := make([]letter, len(messages))
	for i, m := range messages {
		var err error
		if letters[i], err = c.sign(m, c.partner.secrets, time.Now()); err != nil {
			return nil, err
		}
	}
	got := make([]answer, len(messages))
	var all sync.WaitGroup
	for i, l := range letters {
		all.Go(func() { got[i] = c.deliver(ctx, l) })
	}
	all.Wait()
	return got, nil
}

// What is wanted of a receiver.
const (
	wanted2xx = "2xx"
	wanted4xx = "4xx, such as 401"
)

// to2xx returns the finding about a webhook that must be taken, where it was not.
func to2xx(sent string, got answer) []finding {
	if got.taken() {
		return nil
	}
	return []finding{{sent, described(got), wanted2xx, got}}
}

// to4xx returns the finding about a webhook that must be refused, where it was not. An answer of
// 5xx would be a receiver that breaks on it.
func to4xx(sent string, got answer) []finding {
	if got.refused() {
		return nil
	}
	return []finding{{sent, described(got), wanted4xx, got}}
}

// described is an answer with the first words of its body.
func described(got answer) string {
	text := got.String()
	if got.failed == nil && got.status/100 == 3 {
		text += " (redirects are never followed)"
	}
	if said := cut(strings.TrimSpace(got.text), 120); said != "" {
		text += ": " + said
	}
	return text
}

// another returns secrets of the same kinds, which the receiver does not know.
func (s secrets) another() (secrets, error) {
	other := secrets{cv: s.cv}
	for _, text := range s.texts {
		made, err := webhook.NewSecret(rand.Reader)
		if strings.HasPrefix(text, "whsk_") {
			made, _, err = webhook.NewKeyPair(rand.Reader)
		}
		if err != nil {
			return secrets{}, err
		}
		key, err := webhook.ParseSecret(made)
		if err != nil {
			return secrets{}, err
		}
		other.texts, other.keys = append(other.texts, made), append(other.keys, key)
	}
	if len(s.keys) == 0 {
		other.keys = nil
	}
	return other, nil
}

// without returns a letter that lacks headers.
func (l letter) without(names ...string) letter {
	header := l.header.Clone()
	for _, name := range names {
		header.Del(name)
	}
	return letter{header, l.body}
}

// with returns a letter that has other headers.
func (l letter) with(changed http.Header) letter {
	header := l.header.Clone()
	maps.Copy(header, changed)
	return letter{header, l.body}
}
