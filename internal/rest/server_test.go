package rest_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/blob"
	"github.com/casehook/casehook/internal/delivery"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/rest"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/share"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/vault"
)

// server is a whole casehook behind the door, on loopback, over an empty SQLite
// database. Each answer is checked against the OpenAPI document that it serves.
type server struct {
	*httptest.Server
	log     *logBuffer
	metrics *counts

	admin, writer, reader string // API keys

	document *jsonschema.Compiler
	calls    *http.ServeMux // the calls of the document, to find which one a request is
	paths    map[string]map[string]operation
	schemas  map[string]schema
	db       *store.Store
	dir      string // of the server's files
}

// operation is as much of an operation of the document as tests look at.
type operation struct {
	OperationID string
	Summary     string
	Tags        []string
	Security    []map[string][]string
	Parameters  []struct{ Name, In string }
	RequestBody *struct {
		Content map[string]struct{ Schema schema }
	}
	Responses map[string]struct {
		Content map[string]struct{ Schema schema }
	}
}

// schema is as much of a schema as tests look at.
type schema struct {
	Ref        string `json:"$ref"`
	Type       any
	Properties map[string]schema
	Items      *schema
}

const (
	adminKey    = "chk_admin_key_of_the_tests"
	operatorKey = "operator_key_of_the_tests"
)

func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{log: &logBuffer{}, metrics: &counts{}, admin: adminKey}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	dir := t.TempDir()
	s.dir = dir

	ring, err := vault.ParseKeyring(vault.NewMasterKey())
	require.NoError(t, err)
	shares, err := share.Open(filepath.Join(dir, "shares"))
	require.NoError(t, err)
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "casehook.sqlite"), store.Options{Vault: vault.New(ring), Shares: shares})
	require.NoError(t, err)
	s.db = db
	blobs, err := blob.Open(filepath.Join(dir, "blobs"))
	require.NoError(t, err)
	org, err := db.EnsureOrganization(t.Context(), "default", "ADA")
	require.NoError(t, err)

	// The server's address is part of the links in what it sends.
	var door http.Handler
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { door.ServeHTTP(w, r) }))
	renderer := render.New(blobs)
	guard := delivery.NewGuard(nil, true)
	sender := &delivery.Sender{Renderer: renderer, Client: guard.Client(), PublicURL: s.URL, UserAgent: "casehook", Log: log}
	engine := delivery.NewEngine(db, sender, s.metrics, log)
	door = rest.New(service.New(service.Options{
		Store:               db,
		Blobs:               blobs,
		Engine:              engine,
		Renderer:            renderer,
		Metrics:             s.metrics,
		Log:                 log,
		Guard:               guard,
		AdminKey:            adminKey,
		AdminOrganizationID: org.ID,
		OperatorKey:         operatorKey,
		MaxDocument:         maxDocument,
	}), rest.Options{Version: "test", Log: log, Metrics: s.metrics, PublicURL: s.URL})

	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = engine.Run(ctx, time.Second) })
	t.Cleanup(func() {
		s.Close()
		stop()
		running.Wait()
		require.NoError(t, db.Close())
		require.NoError(t, shares.Close())
	})

	s.readDocument(t)
	for role, key := range map[string]*string{"writer": &s.writer, "reader": &s.reader} {
		answer := s.post(t, "/v1/api-keys", `{"name":"the `+role+`'s","role":"`+role+`"}`)
		require.Equal(t, http.StatusCreated, answer.status, answer)
		*key = answer.text(t, "key")
	}
	return s
}

func (s *server) readDocument(t testing.TB) {
	t.Helper()
	response, err := http.Get(s.URL + "/openapi.json")
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)

	var known struct {
		Paths      map[string]map[string]operation
		Components struct{ Schemas map[string]schema }
	}
	require.NoError(t, json.Unmarshal(text, &known))
	require.NotEmpty(t, known.Components.Schemas)
	s.paths, s.schemas, s.calls = known.Paths, known.Components.Schemas, http.NewServeMux()
	for path, operations := range known.Paths {
		for method := range operations {
			s.calls.HandleFunc(strings.ToUpper(method)+" "+path, http.NotFound)
		}
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	s.document = jsonschema.NewCompiler()
	s.document.AssertFormat()
	require.NoError(t, s.document.AddResource("openapi.json", document))
}

// answer is what the server answered.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) String() string { return http.StatusText(a.status) + "\n" + string(a.body) }

// at returns what a path such as "data", 0, "id" leads to in the body.
func (a answer) at(t testing.TB, path ...any) any {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal(a.body, &value), a)
	for _, step := range path {
		switch step := step.(type) {
		case string:
			require.Contains(t, value, step, a)
			value = value.(map[string]any)[step]
		case int:
			require.Greater(t, len(value.([]any)), step, a)
			value = value.([]any)[step]
		}
	}
	return value
}

func (a answer) text(t testing.TB, path ...any) string {
	t.Helper()
	text, ok := a.at(t, path...).(string)
	require.True(t, ok, a)
	return text
}

// asked is a request as it is about to be sent.
type asked func(*http.Request)

func as(key string) asked { return with("Authorization", "Bearer "+key) }

func with(name, value string) asked {
	return func(r *http.Request) {
		if value == "" {
			r.Header.Del(name)
			return
		}
		r.Header.Set(name, value)
	}
}

// exec runs a statement in the server's database, behind its back.
func (s *server) exec(t testing.TB, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(s.dir, "casehook.sqlite")+"?_pragma=busy_timeout(10000)")
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), statement)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

func (s *server) get(t testing.TB, path string, how ...asked) answer {
	t.Helper()
	return s.do(t, http.MethodGet, path, nil, how...)
}

func (s *server) post(t testing.TB, path, body string, how ...asked) answer {
	t.Helper()
	return s.do(t, http.MethodPost, path, strings.NewReader(body), how...)
}

// do sends a request with the admin's key, unless it is told otherwise, and checks
// that its answer is one that the document knows.
func (s *server) do(t testing.TB, method, path string, body io.Reader, how ...asked) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, body)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+s.admin)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, change := range how {
		change(request)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	a := answer{status: response.StatusCode, header: response.Header}
	a.body, err = io.ReadAll(response.Body)
	require.NoError(t, err)
	s.check(t, request, a)
	return a
}

// check fails where the document does not say that the answer can be.
func (s *server) check(t testing.TB, r *http.Request, a answer) {
	t.Helper()
	if a.status >= 400 {
		s.checkProblem(t, a)
	}
	_, pattern := s.calls.Handler(r)
	method, path, known := strings.Cut(pattern, " ")
	if !known {
		return
	}
	call := s.paths[path][strings.ToLower(method)]
	status := http.StatusText(a.status)
	response, ok := call.Responses[itoa(a.status)]
	require.Truef(t, ok, "the document does not know that %s can be answered by %d %s", call.OperationID, a.status, status)
	media, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	if len(response.Content) == 0 {
		require.Empty(t, a.body, pattern)
		return
	}
	require.Contains(t, response.Content, media, pattern)
	if media != "application/octet-stream" {
		s.conforms(t, response.Content[media].Schema.Ref, a.body)
	}
}

func (s *server) checkProblem(t testing.TB, a answer) {
	t.Helper()
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"), a)
	require.Equal(t, float64(a.status), a.at(t, "status"), a)
	s.conforms(t, "#/components/schemas/Problem", a.body)
}

// conforms fails where JSON is not of the schema in the document that ref leads to.
func (s *server) conforms(t testing.TB, ref string, text []byte) {
	t.Helper()
	compiled, err := s.document.Compile("openapi.json" + ref)
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err, string(text))
	require.NoError(t, compiled.Validate(value), string(text))
}

// newCase makes a case and returns its id.
func (s *server) newCase(t testing.TB) string {
	t.Helper()
	created := s.post(t, "/v1/cases", caseBody)
	require.Equal(t, http.StatusCreated, created.status, created)
	return created.text(t, "id")
}

const caseBody = `{"type":"INITIAL","title":"A first look","submitter":{"firstName":"Ada","lastName":"Lovelace","email":"ada@patient.example"}}`

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// counts are metrics that tests can read.
type counts struct {
	mu       sync.Mutex
	requests []string
}

func (c *counts) RequestFinished(method, route string, status int, _ time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, method+" "+route+" "+itoa(status))
}

func (c *counts) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.requests...)
}

func (c *counts) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "casehook_up 1\n") })
}

func (*counts) EventsRecorded(int)                    {}
func (*counts) AttemptFinished(string, time.Duration) {}
func (*counts) Delivered(time.Duration)               {}

// How long a condition may take to come about, and how often it is looked at.
const (
	tooLong = 30 * time.Second
	poll    = 5 * time.Millisecond
)
