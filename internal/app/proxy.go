package app

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// proxies are the networks of the proxies that are believed about who asks.
type proxies []netip.Prefix

// behind has door see the address of the client in place of that of a proxy. Without trusted
// proxies it is door.
func (p proxies) behind(door http.Handler) http.Handler {
	if len(p) == 0 {
		return door
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if address, port, err := net.SplitHostPort(r.RemoteAddr); err == nil {
			seen := *r
			seen.RemoteAddr = net.JoinHostPort(p.client(address, r.Header.Values("X-Forwarded-For")), port)
			r = &seen
		}
		door.ServeHTTP(w, r)
	})
}

// client returns the address that asks: the last one in the lines of X-Forwarded-For that is no
// trusted proxy's. What stands before that one, whoever asked may have made up. Where a proxy
// tells no address, it is the proxy's own.
func (p proxies) client(peer string, forwarded []string) string {
	hops := strings.Split(strings.Join(forwarded, ","), ",")
	for p.trusts(peer) && len(hops) > 0 {
		address, ok := parseHop(hops[len(hops)-1])
		if !ok {
			break
		}
		peer, hops = address.String(), hops[:len(hops)-1]
	}
	return peer
}

func (p proxies) trusts(address string) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(ip.Unmap().WithZone("")) })
}

// parseHop reads an address as proxies write it, some of them with a port. A zone, which may be
// any text, makes it none.
func parseHop(hop string) (netip.Addr, bool) {
	hop = strings.TrimSpace(hop)
	address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(hop, "["), "]"))
	if with, withPort := netip.ParseAddrPort(hop); withPort == nil {
		address, err = with.Addr(), nil
	}
	return address.Unmap(), err == nil && address.Zone() == ""
}
