package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// client calls the REST interface of a server.
type client struct {
	url, key string
}

// object is a JSON object.
type object map[string]any

// call sends a request and returns what was answered, with the ids of the events
// that it made. An empty actor is the key's own user.
func (c *client) call(ctx context.Context, method, path, actor string, body object) (answer object, events []string, err error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(encoded))
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", method, path, err)
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
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode/100 != 2 {
		return nil, nil, fmt.Errorf("%s %s: %s: %s", method, path, response.Status, text)
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if ids := response.Header.Get("Casehook-Event-Id"); ids != "" {
		events = strings.Split(ids, ",")
	}
	return answer, events, nil
}
