// Package dnstest answers for names in tests, so that none leaves the machine, and so that a name
// can lead elsewhere from one moment to the next. Start with [Serve].
package dnstest

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Server is a DNS server on loopback. It is safe for concurrent use.
type Server struct {
	connection net.PacketConn

	mu    sync.Mutex
	names map[string][]string // name with its last dot, to addresses
}

// Serve answers for names, each with its last dot, until the test ends.
func Serve(t testing.TB, names map[string][]string) *Server {
	t.Helper()
	connection, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	s := &Server{connection: connection, names: names}
	var serving sync.WaitGroup
	serving.Go(s.serve)
	t.Cleanup(func() {
		_ = connection.Close()
		serving.Wait()
	})
	return s
}

// Set changes the addresses of a name, or adds it.
func (s *Server) Set(name string, addresses ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[name] = addresses
}

// Resolver returns a resolver that asks only this server.
func (s *Server) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp4", s.connection.LocalAddr().String())
	}}
}

func (s *Server) serve() {
	query := make([]byte, 1<<10)
	for {
		n, from, err := s.connection.ReadFrom(query)
		if err != nil {
			return // closed
		}
		_, _ = s.connection.WriteTo(s.answer(query[:n]), from)
	}
}

// answer answers a query that net.Resolver made (RFC 1035, section 4.1).
func (s *Server) answer(query []byte) []byte {
	const header, ipv4, ipv6 = 12, 1, 28
	name, end := "", header
	for query[end] != 0 {
		label := query[end+1 : end+1+int(query[end])]
		name += strings.ToLower(string(label)) + "."
		end += 1 + len(label)
	}
	kind := binary.BigEndian.Uint16(query[end+1:])
	end += 5 // of the question: the root, its type and class

	s.mu.Lock()
	addresses, known := s.names[name]
	s.mu.Unlock()
	var records []byte
	count := uint16(0)
	for _, address := range addresses {
		addr := netip.MustParseAddr(address)
		if addr.Is4() != (kind == ipv4) || addr.Is6() != (kind == ipv6) {
			continue
		}
		count++
		records = append(records, 0xc0, header)                                   // the name of the question
		records = append(records, 0, byte(kind), 0, 1, 0, 0, 0, 0)                // type, class, no time to live
		records = binary.BigEndian.AppendUint16(records, uint16(addr.BitLen()/8)) // length
		records = append(records, addr.AsSlice()...)
	}
	flags := []byte{0x81, 0x80} // an answer, without error
	if !known {
		flags[1] |= 3 // no such name
	}
	answer := append([]byte{}, query[:2]...) // its id
	answer = append(answer, flags...)
	answer = append(answer, 0, 1) // questions
	answer = binary.BigEndian.AppendUint16(answer, count)
	answer = append(answer, 0, 0, 0, 0)
	answer = append(answer, query[header:end]...)
	return append(answer, records...)
}
