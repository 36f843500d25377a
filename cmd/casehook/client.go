package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// client calls the REST interface of a server.
type client struct {
	url, key string
}

// object is a JSON object.
type object map[string]any

// maxCall is how long the answer to a call may take.
const maxCall = time.Minute

// call sends a request and returns what was answered, with the ids of the events
// that it made. An empty actor is the key's own user.
func (c *client) call(ctx context.Context, method, path, actor string, body object) (answer object, events []string, err error) {
	header, err := c.ask(ctx, method, path, actor, body, &answer)
	if err != nil {
		return nil, nil, err
	}
	if ids := header.Get("Casehook-Event-Id"); ids != "" {
		events = strings.Split(ids, ",")
	}
	return answer, events, nil
}

// ask sends a request, reads the answer into a value, and returns its headers. What the server refuses is
// a *problem. No error has the key or the server's URL, which may hold a secret.
func (c *client) ask(ctx context.Context, method, path, actor string, body object, into any) (http.Header, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(encoded))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, withoutURL(err))
	}
	if body == nil {
		request.Body, request.ContentLength = http.NoBody, 0
	} else {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Authorization", "Bearer "+c.key)
	if actor != "" {
		request.Header.Set("Casehook-Actor", actor)
	}
	server := &http.Client{Timeout: maxCall, CheckRedirect: stay}
	response, err := server.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, withoutURL(err))
	}
	defer response.Body.Close()
	text, err := io.ReadAll(http.MaxBytesReader(nil, response.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, withoutURL(err))
	}
	if response.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %w", method, path, newProblem(response, text))
	}
	if json.Unmarshal(text, into) != nil {
		return nil, fmt.Errorf("%s %s: the answer is not casehook's", method, path)
	}
	return response.Header, nil
}

// stay is a http.Client's CheckRedirect where the answer is taken as it is.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// problem is how a server says what it refuses: application/problem+json (RFC 9457).
type problem struct {
	status int
	Detail string
	Errors []struct{ Field, Message string }
}

// newProblem reads an answer that is not 2xx. What does not come from casehook is not repeated.
func newProblem(response *http.Response, text []byte) *problem {
	p := &problem{status: response.StatusCode}
	if response.Header.Get("Content-Type") != "application/problem+json" || json.Unmarshal(text, p) != nil {
		return &problem{status: response.StatusCode}
	}
	return p
}

// maxProblem is how many columns of a problem are shown.
const maxProblem = 1000

func (p *problem) Error() string {
	parts := []string{fmt.Sprintf("%d %s", p.status, http.StatusText(p.status))}
	if p.Detail != "" {
		parts = append(parts, p.Detail)
	}
	for _, wrong := range p.Errors {
		parts = append(parts, wrong.Field+" "+wrong.Message)
	}
	return cut(strings.Join(parts, ": "), maxProblem)
}

// refusesRequest reports whether a server found that what was asked for cannot be.
func refusesRequest(err error) bool {
	p, ok := errors.AsType[*problem](err)
	return ok && p.status == http.StatusUnprocessableEntity
}
