package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// partner is somebody's receiver, to which commands send webhooks.
type partner struct {
	url     string
	secrets secrets
	header  http.Header // what the receiver wants beside a webhook's own headers
	client  *http.Client
}

// partnerFlags say where a receiver is, and what it wants.
type partnerFlags struct {
	url     string
	secret  secretFlags
	headers []string
	timeout time.Duration
}

func (f *partnerFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.url, "url", "", "the `URL` of the receiver")
	f.secret.add(cmd)
	cmd.Flags().StringArrayVar(&f.headers, "header", nil, "a `HEADER` to send, \"name: value\"; may be repeated. @FILE reads them from a file, one a line")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 15*time.Second, "how long an answer may take")
}

// partner reads the flags. There is a secret.
func (f *partnerFlags) partner(cmd *cobra.Command) (*partner, error) {
	p, err := f.unsigned(cmd)
	if err != nil {
		return nil, err
	}
	if p.secrets, err = f.secret.require(cmd); err != nil {
		return nil, err
	}
	return p, p.secrets.signing()
}

// unsigned reads the flags but for those of the secret.
func (f *partnerFlags) unsigned(cmd *cobra.Command) (*partner, error) {
	if f.url == "" {
		return nil, misuse{errors.New("--url is needed: the URL of the receiver, such as http://127.0.0.1:3000/hooks")}
	}
	target, err := url.Parse(f.url)
	if err != nil || !isHTTP(target) {
		return nil, misuse{errors.New("--url must be an http or https URL, such as http://127.0.0.1:3000/hooks")}
	}
	if f.timeout <= 0 {
		return nil, misuse{errors.New("--timeout must be more than nothing")}
	}
	header, err := readHeaders(cmd, f.headers)
	if err != nil {
		return nil, err
	}
	return &partner{url: f.url, header: header, client: &http.Client{Timeout: f.timeout, CheckRedirect: stay}}, nil
}

// readHeaders reads headers as they are given by flags.
func readHeaders(cmd *cobra.Command, given []string) (http.Header, error) {
	header := http.Header{}
	for _, text := range given {
		lines := []string{text}
		if file, ok := strings.CutPrefix(text, "@"); ok {
			content, err := readFile(cmd, file)
			if err != nil {
				return nil, err
			}
			lines = strings.Split(string(content), "\n")
		}
		for _, line := range lines {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			name, value, ok := strings.Cut(line, ":")
			if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(name, " \t") {
				return nil, misuse{errors.New(`a header must be "name: value"`)}
			}
			header.Add(name, strings.TrimSpace(value))
		}
	}
	return header, nil
}

// answer is what a receiver said to a webhook.
type answer struct {
	status int
	header http.Header
	text   string // the first bytes of the body
	took   time.Duration
	failed error // why there was no answer
}

// maxAnswer is how much of an answer's body is read.
const maxAnswer = 1 << 10

// maxSaid is how many columns of an answer are shown.
const maxSaid = 200

// taken reports whether the receiver has taken the webhook.
func (a answer) taken() bool { return a.failed == nil && a.status/100 == 2 }

// refused reports whether the receiver said that the webhook is not as it should be.
func (a answer) refused() bool { return a.failed == nil && a.status/100 == 4 }

// String says what came of a webhook, in one line.
func (a answer) String() string {
	if a.failed != nil {
		return "no answer: " + a.failed.Error()
	}
	return fmt.Sprintf("%d in %s", a.status, milliseconds(a.took))
}

// post sends a webhook.
func (p *partner) post(ctx context.Context, header http.Header, body []byte) answer {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return answer{failed: withoutURL(err)}
	}
	request.Header = header
	began := time.Now()
	response, err := p.client.Do(request)
	if err != nil {
		return answer{failed: cutOff(withoutURL(err)), took: time.Since(began)}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return answer{failed: fmt.Errorf("the answer was cut short: %w", withoutURL(err)), took: time.Since(began)}
	}
	return answer{status: response.StatusCode, header: response.Header, text: string(text), took: time.Since(began)}
}

// headStart is how long a webhook that is not answered yet keeps the next from being sent, so that it arrives before it.
const headStart = 100 * time.Millisecond

// postAll sends webhooks in the order that they have, none waiting long for the answer to another, and returns
// the answers in that order.
func (p *partner) postAll(ctx context.Context, letters []letter) []answer {
	answers := make([]answer, len(letters))
	var all sync.WaitGroup
	for i, l := range letters {
		answered := make(chan struct{})
		all.Go(func() {
			defer close(answered)
			answers[i] = p.post(ctx, l.header, l.body)
		})
		select {
		case <-answered:
		case <-time.After(headStart):
		}
	}
	all.Wait()
	return answers
}

// cutOff says in plain words that a receiver closed the connection, where an error is that.
func cutOff(err error) error {
	switch {
	case errors.Is(err, syscall.EPIPE):
		return errors.New("the receiver closed the connection before it had taken the body")
	case errors.Is(err, syscall.ECONNRESET):
		return errors.New("the receiver closed the connection")
	case errors.Is(err, io.EOF):
		return errors.New("the receiver closed the connection without an answer")
	}
	return err
}

// withoutURL is an error of net/http without the URL, which may hold a secret.
func withoutURL(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		if failed.Timeout() {
			return errors.New("it took too long")
		}
		return failed.Err
	}
	return err
}
