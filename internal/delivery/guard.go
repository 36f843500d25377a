package delivery

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"

	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/subscription"
)

// Why a [Guard] did not let an address be dialled. The texts hold nothing of the
// address, and may be shown to whoever chose it.
var (
	// ErrRefused is returned for an address that is neither public nor allowed.
	ErrRefused = errors.New("the address is not a public one")
	// ErrPlain is returned for a public address that was to be reached without TLS.
	ErrPlain = errors.New("plain http is only for private addresses that are allowed")
)

// Guard says which addresses may be dialled for endpoints that others chose: those
// that are public, and those of the private networks that an operator allows. The
// others are the special-purpose addresses of IANA's registries (RFC 6890) and
// whatever is outside of IPv6's global unicast, so that each form that embeds an
// IPv4 address, such as NAT64's, 6to4's and Teredo's, is refused as a whole.
//
// It asks twice: [Guard.Check] where an endpoint is made, to tell whoever makes it,
// and [Guard.Control] at each dial, where it counts. It is safe for concurrent use.
type Guard struct {
	// Resolver is asked for the addresses of names; nil is the default one. It is set before
	// the first use.
	Resolver *net.Resolver

	rules   *ssrf.Guardian
	allowed []netip.Prefix
	dev     bool
}

// NewGuard returns a Guard that lets through public addresses, and those in allowed;
// with dev, all.
func NewGuard(allowed []netip.Prefix, dev bool) *Guard {
	allowed = slices.Clone(allowed)
	return &Guard{
		// A prefix of one version contains no address of the other.
		rules: ssrf.New(
			ssrf.WithAnyPort(),
			ssrf.WithAllowedV4Prefixes(allowed...),
			ssrf.WithAllowedV6Prefixes(allowed...),
		),
		allowed: allowed,
		dev:     dev,
	}
}

// Check refuses, with a [*refusal.Error] on the field url, a URL whose host may not
// be dialled, or has at this moment an address that may not be. A name that does not
// resolve is let through: it may later, and Control asks again at each attempt.
func (g *Guard) Check(ctx context.Context, rawURL string) error {
	host, allowed := hostOf(rawURL)
	if allowed != "" {
		return refusal.Field("url", allowed)
	}
	if g.dev {
		return nil
	}
	for _, addr := range g.resolve(ctx, host) {
		if g.rules.SafeAddr(addr) != nil {
			return refusal.Field("url", "must not lead to a private or reserved address")
		}
	}
	return nil
}

// AllowsPlain reports whether the host of a URL may be reached without TLS: with
// dev, or where each address that it has at this moment is in an allowed network. A
// name that does not resolve may not.
func (g *Guard) AllowsPlain(ctx context.Context, rawURL string) bool {
	if g.dev {
		return true
	}
	host, allowed := hostOf(rawURL)
	if allowed != "" {
		return false
	}
	addrs := g.resolve(ctx, host)
	return len(addrs) > 0 && !slices.ContainsFunc(addrs, func(addr netip.Addr) bool { return !g.allows(addr) })
}

// Control is the Control of a [net.Dialer]. It is asked for the very address that is
// dialled, after the name was resolved, so that a name which resolves differently
// from one moment to the next gains nothing. The error is [ErrRefused].
func (g *Guard) Control(network, address string, c syscall.RawConn) error {
	if !g.dev && g.rules.Safe(network, address, c) != nil {
		return ErrRefused
	}
	return nil
}

// controlPlain is Control for connections without TLS, which are only for allowed
// networks. The error is [ErrRefused] or [ErrPlain].
func (g *Guard) controlPlain(network, address string, c syscall.RawConn) error {
	if err := g.Control(network, address, c); err != nil || g.dev {
		return err
	}
	dialled, err := netip.ParseAddrPort(address)
	if err != nil || !g.allows(dialled.Addr()) {
		return ErrPlain
	}
	return nil
}

// Client returns a client that dials only what the Guard lets through, follows no
// redirect and asks no proxy. Its dials fail with [ErrRefused] and [ErrPlain].
func (g *Guard) Client() *http.Client {
	return &http.Client{
		Transport:     &transport{https: g.newTransport(g.Control), http: g.newTransport(g.controlPlain)},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// newTransport returns a transport whose dials control is asked about.
func (g *Guard) newTransport(control func(string, string, syscall.RawConn) error) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, Control: control, Resolver: g.Resolver}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    handshakeTimeout,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           1024,
		MaxIdleConnsPerHost:    subscription.MaxInFlight,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		WriteBufferSize:        16 << 10,
	}
}

// allows reports whether an address is in an allowed network.
func (g *Guard) allows(addr netip.Addr) bool {
	return slices.ContainsFunc(g.allowed, func(prefix netip.Prefix) bool { return prefix.Contains(addr) })
}

// resolveTimeout is how long a request may wait for a name server that others chose.
const resolveTimeout = 5 * time.Second

// resolve returns the addresses that a host has at this moment, if any, in the form
// in which they are dialled: IPv4 is not written as IPv6.
func (g *Guard) resolve(ctx context.Context, host string) []netip.Addr {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr.Unmap()}
	}
	// Such names are this machine, whatever a resolver says (RFC 6761, section 6.3).
	if name := "." + strings.ToLower(strings.TrimSuffix(host, ".")); strings.HasSuffix(name, ".localhost") {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	addrs, _ := g.Resolver.LookupNetIP(ctx, "ip", host) // that it has none is no error here
	for i, addr := range addrs {
		addrs[i] = addr.Unmap()
	}
	return addrs
}

// transport keeps https and plain http on connections of their own, because a dialer
// is not told which of the two it dials for.
type transport struct{ https, http *http.Transport }

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "http" {
		return t.http.RoundTrip(r)
	}
	return t.https.RoundTrip(r)
}

// CloseIdleConnections is what [http.Client.CloseIdleConnections] asks for.
func (t *transport) CloseIdleConnections() {
	t.https.CloseIdleConnections()
	t.http.CloseIdleConnections()
}

var (
	// hostName is a host that is sent to a resolver as it is: nothing in it is decoded
	// or mapped, as percent signs and full-width digits are.
	hostName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

	// numericEnd is the end of a host that is an IPv4 address or nothing (URL Standard,
	// "ends in a number checker"). Go takes only four decimal numbers for one, and
	// asks a resolver for 127.1, 0177.0.0.1 or 0x7f000001; others take them for
	// loopback, and a resolver may be one of those.
	numericEnd = regexp.MustCompile(`(^|\.)([0-9]+|0[xX][0-9A-Fa-f]*)\.?$`)
)

// hostOf returns the host of a URL, an address or a name, or what is allowed where
// it is neither.
func hostOf(rawURL string) (host, allowed string) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Hostname() == "" {
		return "", "must be an absolute URL, such as https://partner.example/hooks"
	}
	if u.User != nil {
		return "", "must have no user name or password: put what authenticates into headers"
	}
	host = u.Hostname()
	if _, err := netip.ParseAddr(host); err == nil {
		return host, ""
	}
	if !hostName.MatchString(host) {
		return "", "must have a host of ASCII letters, digits, hyphens and dots: write other letters in punycode, such as xn--bcher-kva.example"
	}
	if numericEnd.MatchString(host) {
		return "", "must have a name for a host, or an IP address in its usual form, such as 198.51.100.7"
	}
	return host, ""
}
