package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Neither a document nor an answer in JSON waits for ever for a client that asks and does
// not read. Both are larger than what the kernel takes for it.
func TestAClientThatDoesNotReadIsCutOff(t *testing.T) {
	p := impatient
	p.body = usualPatience.body // for the document that is sent first
	address, log := serveTo(t, p)
	ask := func(method, path string, body io.Reader, mediaType string) (made struct{ ID string }) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, body)
		require.NoError(t, err)
		request.Close = true // the next one may find an idle connection at the moment at which the server ends it
		request.Header.Set("Authorization", "Bearer "+testKey)
		request.Header.Set("Content-Type", mediaType)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		require.Equal(t, http.StatusCreated, response.StatusCode)
		require.NoError(t, json.NewDecoder(response.Body).Decode(&made))
		return made
	}
	path := "/v1/cases/" + ask("POST", "/v1/cases", strings.NewReader(
		`{"type":"INITIAL","title":"A look","submitter":{"firstName":"Ada","lastName":"L","email":"ada@mail.example"}}`), "application/json").ID
	const size = 16 << 20
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	file, err := w.CreateFormFile("file", "mri.bin")
	require.NoError(t, err)
	_, err = file.Write(make([]byte, size))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	document := ask("POST", path+"/attachments", &form, w.FormDataContentType()).ID

	for name, asked := range map[string]struct{ path, route string }{
		"a document":        {path + "/attachments/" + document + "/content", "/v1/cases/{id}/attachments/{attachmentId}/content"},
		"an answer in JSON": {path + "/events", "/v1/cases/{id}/events"},
	} {
		t.Run(name, func(t *testing.T) {
			connection, err := net.Dial("tcp", address)
			require.NoError(t, err)
			defer connection.Close()
			require.NoError(t, connection.(*net.TCPConn).SetReadBuffer(256<<10))
			_, err = io.WriteString(connection, "GET "+asked.path+" HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "+testKey+"\r\n\r\n")
			require.NoError(t, err)
			require.Eventually(t, func() bool {
				return strings.Contains(log.String(), `"msg":"request","method":"GET","route":"`+asked.route+`"`)
			}, 30*time.Second, 5*time.Millisecond, "the handler is held")

			read, err := io.Copy(io.Discard, connection) // what is on its way, and then the end
			if err != nil {
				require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
			}
			require.Less(t, read, int64(size))
		})
	}
}

// How long an answer may take depends on how it is read.
func TestAnAnswerMayTakeAsLongAsItIsRead(t *testing.T) {
	const size = 2 << 20
	for _, test := range []struct {
		name  string
		first int           // is read at once
		read  int           // is read every time
		every time.Duration // 0: once only
		held  time.Duration // how long the handler is held
		whole bool
	}{
		{"all of it at once", size, 4096, time.Second, 0, true},
		{"steadily, for more than the grace", 0, 64 << 10, 2 * time.Second, 64 * time.Second, true},
		{"by a client that never reads", 0, 0, 0, 30 * time.Second, false},
		{"byte by byte", 0, 1, 100 * time.Millisecond, 30 * time.Second, false},
		{"too slowly on average", 0, 64 << 10, 8 * time.Second, 60 * time.Second, false},
		{"half of it fast, and then no more", size / 2, 0, 0, 30 * time.Second, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var held time.Duration
				var failed error
				answered := make(chan struct{})
				door := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					defer close(answered)
					begun := time.Now()
					_, failed = w.Write(make([]byte, size))
					held = time.Since(begun)
				})
				client, server := net.Pipe()
				listener := &oneConnection{accepted: make(chan net.Conn, 1), closed: make(chan struct{})}
				listener.accepted <- server
				s := newServer(door, usualPatience, slog.New(slog.DiscardHandler))
				served := make(chan error, 1)
				go func() { served <- s.Serve(listener) }()

				reading := make(chan struct{})
				go func() {
					defer close(reading)
					_, _ = io.WriteString(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
					_, _ = io.CopyN(io.Discard, client, int64(test.first))
					for test.every > 0 {
						if _, err := io.CopyN(io.Discard, client, int64(test.read)); err != nil {
							return
						}
						time.Sleep(test.every)
					}
				}()
				<-answered
				require.Equal(t, test.whole, failed == nil, failed)
				if !test.whole {
					require.ErrorIs(t, failed, os.ErrDeadlineExceeded)
				}
				// Buffers on the way are a little ahead of who reads.
				require.InDelta(t, test.held.Seconds(), held.Seconds(), 9)
				require.NoError(t, s.Close())
				require.NoError(t, client.Close())
				<-reading
				require.ErrorIs(t, <-served, http.ErrServerClosed)
			})
		})
	}
}

// What is said now and then, for hours, is read when it is said, or not at all.
func TestAStreamGoesOnAsLongAsItIsRead(t *testing.T) {
	for _, test := range []struct {
		name  string
		reads bool
	}{{"by a client that reads", true}, {"by a client that does not", false}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var failed error
				answered := make(chan struct{})
				door := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					defer close(answered)
					stream := http.NewResponseController(w)
					failed = stream.SetReadDeadline(time.Time{}) // nothing more is read, and the client is there still
					for range 120 {
						time.Sleep(time.Minute)
						_, _ = io.WriteString(w, "an event\n")
						if failed = errors.Join(failed, stream.Flush(), r.Context().Err()); failed != nil {
							return
						}
					}
				})
				client, server := net.Pipe()
				listener := &oneConnection{accepted: make(chan net.Conn, 1), closed: make(chan struct{})}
				listener.accepted <- server
				s := newServer(door, usualPatience, slog.New(slog.DiscardHandler))
				served := make(chan error, 1)
				go func() { served <- s.Serve(listener) }()
				_, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				require.NoError(t, err)
				read := make(chan int, 1)
				go func() {
					if !test.reads {
						read <- 0
						return
					}
					all, _ := io.ReadAll(client)
					read <- bytes.Count(all, []byte("an event\n"))
				}()
				begun := time.Now()
				<-answered
				if test.reads {
					require.NoError(t, failed)
					require.Equal(t, 2*time.Hour, time.Since(begun))
				} else {
					require.ErrorIs(t, failed, os.ErrDeadlineExceeded)
				}
				synctest.Wait()
				require.NoError(t, s.Close())
				require.Equal(t, map[bool]int{true: 120}[test.reads], <-read)
				require.NoError(t, client.Close())
				require.ErrorIs(t, <-served, http.ErrServerClosed)
			})
		})
	}
}

// oneConnection is a listener without a network, so that time can be made to pass.
type oneConnection struct {
	accepted chan net.Conn
	closed   chan struct{}
}

func (l *oneConnection) Accept() (net.Conn, error) {
	select {
	case connection := <-l.accepted:
		return connection, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *oneConnection) Close() error {
	select {
	case <-l.closed:
		return errors.New("closed already")
	default:
		close(l.closed)
		return nil
	}
}

func (l *oneConnection) Addr() net.Addr { return &net.TCPAddr{} }
