package dashboard_test

import (
	"bytes"
	"context"
	"database/sql"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/blob"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/dashboard"
	"github.com/casehook/casehook/internal/delivery"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/share"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/internal/vault"
)

const (
	adminKey    = "chk_admin_key_of_the_tests"
	operatorKey = "operator_key_of_the_tests"
)

// server is a whole casehook behind the dashboard, on loopback, over an empty SQLite database.
type server struct {
	*httptest.Server
	door    *dashboard.Dashboard
	service *service.Service
	db      *store.Store
	log     *logBuffer
	admin   service.Caller
	path    string // of the database
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{log: &logBuffer{}}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	dir := t.TempDir()
	ring, err := vault.ParseKeyring(vault.NewMasterKey())
	require.NoError(t, err)
	shares, err := share.Open(filepath.Join(dir, "shares"))
	require.NoError(t, err)
	s.path = filepath.Join(dir, "casehook.sqlite")
	s.db, err = store.Open(t.Context(), "sqlite:"+s.path, store.Options{Vault: vault.New(ring), Shares: shares})
	require.NoError(t, err)
	blobs, err := blob.Open(filepath.Join(dir, "blobs"))
	require.NoError(t, err)
	org, err := s.db.EnsureOrganization(t.Context(), "default", "ADA")
	require.NoError(t, err)
	renderer, guard := render.New(blobs), delivery.NewGuard(nil, true)
	sender := &delivery.Sender{Renderer: renderer, Client: guard.Client(), UserAgent: "casehook", Log: log}
	engine := delivery.NewEngine(s.db, sender, noMetrics{}, log)
	s.service = service.New(service.Options{
		Store: s.db, Blobs: blobs, Engine: engine, Renderer: renderer, Metrics: noMetrics{}, Log: log, Guard: guard,
		AdminKey: adminKey, AdminOrganizationID: org.ID, OperatorKey: operatorKey,
	})
	s.door = dashboard.New(s.service, dashboard.Options{Log: log})
	s.Server = httptest.NewServer(s.door)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = engine.Run(ctx, time.Second) })
	t.Cleanup(func() {
		s.Close()
		stop()
		running.Wait()
		require.NoError(t, s.db.Close())
		require.NoError(t, shares.Close())
	})
	s.admin, err = s.service.Authenticate(t.Context(), adminKey, "")
	require.NoError(t, err)
	return s
}

// exec runs a statement in the server's database, behind its back.
func (s *server) exec(t *testing.T, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", s.path+"?_pragma=busy_timeout(10000)")
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), statement)
	require.NoError(t, err)
	require.NoError(t, db.Close())
}

// key makes a key.
func (s *server) key(t *testing.T, role service.Role, clearance subscription.Clearance) service.NewKey {
	t.Helper()
	key, err := s.service.CreateKey(t.Context(), s.admin, service.Key{Name: "the " + string(role) + "'s", Role: role, Clearance: clearance}, nil)
	require.NoError(t, err)
	return key
}

// open makes a case in which every text that may tell of the patient is the mark.
func (s *server) open(t *testing.T, mark string) *caselog.Case {
	t.Helper()
	changed, err := s.service.CreateCase(t.Context(), s.admin, caselog.CreateCase{
		Type: "migraine", Title: mark,
		Submitter: caseupdate.Submitter{
			FirstName: &mark, LastName: &mark, Email: new("sam@mail.example"), PhoneNumber: &mark, Gender: &mark,
			Address: &mark, City: &mark, State: &mark, Country: &mark, PostalCode: &mark,
		},
	}, nil)
	require.NoError(t, err)
	changed, err = s.service.Change(t.Context(), s.admin, changed.Case.ID, caselog.AddComment{Text: mark}, nil)
	require.NoError(t, err)
	return changed.Case
}

// browser keeps cookies, and follows no redirect.
type browser struct {
	client *http.Client
	url    string
}

func (s *server) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &browser{url: s.URL, client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// signedIn is a browser in which somebody has signed in.
func (s *server) signedIn(t *testing.T, key string) *browser {
	t.Helper()
	b := s.browser(t)
	require.Equal(t, http.StatusSeeOther, b.post(t, "/login", url.Values{"key": {key}}).status)
	return b
}

// token is that of the session.
func (b *browser) token(t *testing.T) string {
	t.Helper()
	at, err := url.Parse(b.url)
	require.NoError(t, err)
	cookies := b.client.Jar.Cookies(at)
	require.Len(t, cookies, 1)
	return cookies[0].Value
}

// answer is what the server answered.
type answer struct {
	status int
	header http.Header
	body   string
}

func (b *browser) do(t *testing.T, method, path string, form url.Values, header ...string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, b.url+path, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := b.client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, response.Header, string(body)}
}

func (b *browser) get(t *testing.T, path string, header ...string) answer {
	t.Helper()
	return b.do(t, http.MethodGet, path, nil, header...)
}

func (b *browser) post(t *testing.T, path string, form url.Values, header ...string) answer {
	t.Helper()
	return b.do(t, http.MethodPost, path, form, header...)
}

// search looks for what has an id.
func (b *browser) search(t *testing.T, q string) answer {
	t.Helper()
	return b.post(t, "/search", url.Values{"q": {q}})
}

// noMetrics counts nothing.
type noMetrics struct{}

func (noMetrics) EventsRecorded(int)                    {}
func (noMetrics) AttemptFinished(string, time.Duration) {}
func (noMetrics) Delivered(time.Duration)               {}

// logBuffer is a log while it is written. It is safe for concurrent use.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns what was logged until now.
func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
