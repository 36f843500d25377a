package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/casehook/casehook/internal/app"
	"github.com/casehook/casehook/internal/config"
	"github.com/casehook/casehook/internal/telemetry"
)

// The environment of the server process.
const (
	dataVariable     = "CASEHOOK_BENCH_DATA"
	databaseVariable = "CASEHOOK_BENCH_DATABASE"
	profileVariable  = "CASEHOOK_BENCH_PROFILE"
	key              = "a-key-for-the-benchmark-alone"
)

// server runs casehook as casehook serve does, but for its log.
func server(ctx context.Context) error {
	log, err := telemetry.NewLogger(os.Stderr, "warn", "text")
	if err != nil {
		return err
	}
	a, err := app.Open(ctx, settings(), log)
	if err != nil {
		return err
	}
	fmt.Println(a.Addr())
	return profiled(os.Getenv(profileVariable), func() error { return a.Run(ctx) })
}

// profiled runs f, and writes where it spent the processors' time to a file, if one
// is named.
func profiled(path string, f func() error) error {
	if path == "" {
		return f()
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	err = f()
	pprof.StopCPUProfile()
	return errors.Join(err, file.Close())
}

func settings() config.Config {
	return config.Config{
		Listen:   "127.0.0.1:0",
		Data:     os.Getenv(dataVariable),
		Database: os.Getenv(databaseVariable),
		KeepDays: 30, // by default; with 0, upkeep would remove what is measured
		Dev:      true,
		AdminKey: key,
	}
}

// restClient calls the REST interface.
type restClient struct {
	url string
}

// call sends a body and returns the id in the answer.
func (c *restClient) call(ctx context.Context, method, path string, body any) (id string, err error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(encoded))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+key)
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	if response.StatusCode/100 != 2 {
		return "", fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	var made struct{ ID string }
	if len(answer) > 0 {
		err = json.Unmarshal(answer, &made)
	}
	return made.ID, err
}

// get returns a field, a string, of what is at path.
func (c *restClient) get(ctx context.Context, path, field string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+path, nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+key)
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return "", err
	}
	value, _ := answer[field].(string)
	return value, nil
}

func (c *restClient) subscribe(ctx context.Context, url string) (id string, err error) {
	return c.call(ctx, http.MethodPost, "/v1/endpoints", map[string]any{
		"url": url, "clearance": map[string]bool{"phi": true, "restricted": true}, "maxInFlight": 64,
	})
}

func (c *restClient) openCases(ctx context.Context, n int) (ids []string, err error) {
	for range n {
		id, err := c.call(ctx, http.MethodPost, "/v1/cases", map[string]any{
			"type": "benchmark", "title": "A case to be measured",
			"submitter": map[string]string{"firstName": "Sam", "lastName": "Sample", "email": "sam@mail.example"},
		})
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (c *restClient) comment(ctx context.Context, caseID string) error {
	return c.say(ctx, caseID, text())
}

// say comments on a case.
func (c *restClient) say(ctx context.Context, caseID, text string) error {
	_, err := c.call(ctx, http.MethodPost, "/v1/cases/"+caseID+"/comments", map[string]any{"text": text})
	return err
}

// text returns a comment that says when it was asked for, and makes the body of its
// webhook about 2.5 KB, 1.5 KB of them its own.
func text() string {
	return fmt.Sprint(sentAt, time.Now().UnixNano(), " ") + filling
}

var filling = strings.Repeat("It itches, most of all in the evening. ", 38)

// discard is a log for what is measured in this process.
var discard = slog.New(slog.DiscardHandler)
