//go:build unix

package postgrestest

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// Deaf is a way to PostgreSQL on which the answer to a commit can be lost.
type Deaf struct {
	// URL leads to the database by that way.
	URL string

	losing atomic.Bool // the connection of the next commit breaks once that is on disk
}

// NewDeaf returns a way to a database, which is closed when the test ends.
func NewDeaf(t *testing.T, database string) *Deaf {
	t.Helper()
	config, err := pgconn.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	way, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	way.Host, way.RawQuery = listener.Addr().String(), "sslmode=disable"
	d := &Deaf{URL: way.String()}
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
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
		running.Wait()
	})
	return d
}

// Lose has the answer to the next commit be lost.
func (d *Deaf) Lose() { d.losing.Store(true) }

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
