// Package s3test gives tests a store that speaks S3, on loopback.
//
//	store := s3test.Start(t, "documents") // with that bucket, empty, until the test ends
//
// The store is an independent implementation, in this process and in memory. It checks no
// signature: that requests are signed, and their bytes' digests, is looked at here.
package s3test

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"
)

// A Server is a store.
type Server struct {
	URL string // of its endpoint

	backend *s3mem.Backend
	fake    http.Handler

	mu       sync.Mutex                 // protects what follows
	passed   time.Duration              // since the true time
	broken   func(r *http.Request) bool // nil for never
	requests []string                   // method and path with the names of parameters
	largest  int64                      // body of a request
	unsigned int                        // requests without a signature
}

// Start starts a Server with empty buckets, and puts credentials into the environment of
// the test.
func Start(t testing.TB, buckets ...string) *Server {
	t.Helper()
	s := &Server{backend: s3mem.New()}
	s.fake = gofakes3.New(s.backend, gofakes3.WithTimeSource(clock{s}), gofakes3.WithTimeSkewLimit(0)).Server()
	for _, bucket := range buckets {
		require.NoError(t, s.backend.CreateBucket(bucket))
		// Unlike others it lists no uploads, not even none, before there was the first.
		s.ask(t, http.MethodDelete, "/"+bucket+"/first?uploadId="+s.Begin(t, bucket, "first"), nil)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.observe(r) {
			// A status that is not tried again.
			http.Error(w, "<Error><Code>AccessDenied</Code><Message>broken by the test</Message></Error>", http.StatusForbidden)
			return
		}
		s.fake.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		require.Zero(t, s.unsigned, "requests without a signature")
	})
	s.URL = server.URL
	t.Setenv("AWS_ACCESS_KEY_ID", "s3test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s3test-secret-access-key")
	return s
}

// observe notes a request, and reports whether it is to fail.
func (s *Server) observe(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") {
		s.unsigned++
	}
	line := r.Method + " " + r.URL.Path
	names := []string{}
	for name := range r.URL.Query() {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) > 0 {
		line += "?" + strings.Join(names, "&")
	}
	s.requests = append(s.requests, line)
	s.largest = max(s.largest, r.ContentLength)
	return s.broken != nil && s.broken(r)
}

// Break has all requests fail of which broken reports true; nil mends it.
func (s *Server) Break(broken func(r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = broken
}

// Requests returns what was asked of the server: methods and paths, with the names of
// parameters.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Largest returns the length of the longest body that was sent.
func (s *Server) Largest() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.largest
}

// Pass lets time pass for the server, where d is negative back.
func (s *Server) Pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passed += d
}

// clock is the time of a server.
type clock struct{ s *Server }

func (c clock) Now() time.Time {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return time.Now().Add(c.s.passed)
}

func (c clock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

// Put has an object in a bucket.
func (s *Server) Put(t testing.TB, bucket, key string, content []byte) {
	t.Helper()
	s.ask(t, http.MethodPut, "/"+bucket+"/"+key, content)
}

// Object returns the bytes of an object.
func (s *Server) Object(t testing.TB, bucket, key string) []byte {
	t.Helper()
	object, err := s.backend.GetObject(bucket, key, nil)
	require.NoError(t, err)
	defer object.Contents.Close()
	content, err := io.ReadAll(object.Contents)
	require.NoError(t, err)
	return content
}

// KeepVersions has a bucket keep what is overwritten or removed.
func (s *Server) KeepVersions(t testing.TB, bucket string) {
	t.Helper()
	var versioning gofakes3.VersioningConfiguration
	versioning.SetEnabled(true)
	require.NoError(t, s.backend.SetVersioningConfiguration(bucket, versioning))
}

// Remove removes an object.
func (s *Server) Remove(t testing.TB, bucket, key string) {
	t.Helper()
	_, err := s.backend.DeleteObject(bucket, key)
	require.NoError(t, err)
}

// Keys returns the keys of all objects in a bucket, in order.
func (s *Server) Keys(t testing.TB, bucket string) []string {
	t.Helper()
	list, err := s.backend.ListBucket(bucket, nil, gofakes3.ListBucketPage{})
	require.NoError(t, err)
	keys := []string{}
	for _, object := range list.Contents {
		keys = append(keys, object.Key)
	}
	slices.Sort(keys)
	return keys
}

// Begin begins an upload to a bucket, and returns its id.
func (s *Server) Begin(t testing.TB, bucket, key string) string {
	t.Helper()
	var begun struct {
		Upload string `xml:"UploadId"`
	}
	require.NoError(t, xml.Unmarshal(s.ask(t, http.MethodPost, "/"+bucket+"/"+key+"?uploads", nil), &begun))
	return begun.Upload
}

// Unfinished returns the keys of all uploads to a bucket that were begun and neither
// finished nor removed.
func (s *Server) Unfinished(t testing.TB, bucket string) []string {
	t.Helper()
	var list struct {
		Upload []struct{ Key string }
	}
	require.NoError(t, xml.Unmarshal(s.ask(t, http.MethodGet, "/"+bucket+"?uploads", nil), &list))
	keys := []string{}
	for _, upload := range list.Upload {
		keys = append(keys, upload.Key)
	}
	return keys
}

// ask asks the server without its being noticed.
func (s *Server) ask(t testing.TB, method, path string, body []byte) []byte {
	t.Helper()
	answer, request := httptest.NewRecorder(), httptest.NewRequest(method, path, bytes.NewReader(body))
	request.Header.Set("Content-Length", strconv.Itoa(len(body)))
	s.fake.ServeHTTP(answer, request)
	require.Less(t, answer.Code, 300, answer.Body)
	return answer.Body.Bytes()
}
