//go:build unix

package service_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/postgrestest"
	"github.com/casehook/casehook/internal/service"
)

// deaf is a way to PostgreSQL on which the answer to a commit can be lost.
type deaf struct {
	url    string
	losing atomic.Bool // the connection of the next commit breaks once that is on disk
}

func newDeaf(t *testing.T, database string) *deaf {
	t.Helper()
	config, err := pgconn.ParseConfig(database)
	require.NoError(t, err)
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)

	way, err := url.Parse(database)
	require.NoError(t, err)
	way.Host, way.RawQuery = listener.Addr().String(), "sslmode=disable"
	d := &deaf{url: way.String()}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial(network, address)
			if err != nil {
				t.Error(err)
				_ = client.Close()
				continue
			}
			running.Go(func() {
				_, _ = io.Copy(server, client) // it ends however either side ends
				_ = server.Close()
			})
			running.Go(func() {
				_, _ = io.Copy(client, &untilCommit{Reader: server, losing: &d.losing})
				_ = client.Close()
			})
		}
	})
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		running.Wait()
	})
	return d
}

// untilCommit ends before what says that a commit was done, where that is to be lost.
type untilCommit struct {
	io.Reader
	losing *atomic.Bool
}

func (u *untilCommit) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	// CommandComplete: https://www.postgresql.org/docs/current/protocol-message-formats.html
	if bytes.Contains(p[:n], []byte("COMMIT\x00")) && u.losing.CompareAndSwap(true, false) {
		return 0, io.EOF
	}
	return n, err
}

func TestADocumentIsKeptWhereItIsNotKnownWhetherItsChangeWas(t *testing.T) {
	way := newDeaf(t, postgrestest.DSN(t))
	w := newWorldOn(t, t.TempDir(), way.url)
	id := w.newCase(t)
	var err error
	for err == nil { // it may be another commit that was lost
		_, err = w.AddAttachment(t.Context(), w.caller, id, service.Upload{FileName: "a.txt", Content: &meanwhile{
			Reader:  strings.NewReader("a document"),
			happens: func() { way.losing.Store(true) },
		}}, nil)
	}
	require.True(t, service.Unavailable(err), err)

	state, err := w.Case(t.Context(), w.caller, id, 0)
	require.NoError(t, err)
	require.NotEmpty(t, state.Attachments)
	for _, attachment := range state.Attachments {
		_, content, err := w.Attachment(t.Context(), w.caller, id, attachment.ID)
		require.NoError(t, err)
		text, err := io.ReadAll(content)
		require.NoError(t, err)
		require.NoError(t, content.Close())
		require.Equal(t, "a document", string(text))
	}
}
