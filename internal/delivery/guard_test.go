package delivery

import (
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/delivery/dnstest"
	"github.com/casehook/casehook/internal/refusal"
)

func TestGuardRefusesEachSpecialPurposeRange(t *testing.T) {
	guard := NewGuard(nil, false)
	for _, test := range []struct{ name, prefix string }{
		{"this network", "0.0.0.0/8"},
		{"private 10", "10.0.0.0/8"},
		{"shared by a carrier", "100.64.0.0/10"},
		{"loopback", "127.0.0.0/8"},
		{"link local, with the cloud's metadata", "169.254.0.0/16"},
		{"private 172.16", "172.16.0.0/12"},
		{"protocol assignments", "192.0.0.0/24"},
		{"documentation 1", "192.0.2.0/24"},
		{"6to4 relays", "192.88.99.0/24"},
		{"private 192.168", "192.168.0.0/16"},
		{"benchmarks", "198.18.0.0/15"},
		{"documentation 2", "198.51.100.0/24"},
		{"documentation 3", "203.0.113.0/24"},
		{"multicast", "224.0.0.0/4"},
		{"reserved, with broadcast", "240.0.0.0/4"},
		{"IPv6: unspecified", "::/128"},
		{"IPv6: loopback", "::1/128"},
		{"IPv6: compatible with IPv4", "::/96"},
		{"IPv6: mapped from IPv4", "::ffff:0:0/96"},
		{"IPv6: NAT64", "64:ff9b::/96"},
		{"IPv6: local NAT64", "64:ff9b:1::/48"},
		{"IPv6: discard", "100::/64"},
		{"IPv6: dummy", "100:0:0:1::/64"},
		{"IPv6: protocol assignments", "2001::/23"},
		{"IPv6: Teredo", "2001::/32"},
		{"IPv6: documentation", "2001:db8::/32"},
		{"IPv6: 6to4", "2002::/16"},
		{"IPv6: more documentation", "3fff::/20"},
		{"IPv6: segment routing", "5f00::/16"},
		{"IPv6: unique local", "fc00::/7"},
		{"IPv6: link local", "fe80::/10"},
		{"IPv6: site local", "fec0::/10"},
		{"IPv6: multicast", "ff00::/8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			prefix := netip.MustParsePrefix(test.prefix)
			for _, addr := range []netip.Addr{prefix.Addr(), lastOf(prefix)} {
				require.ErrorIs(t, dial(guard, addr.String()), ErrRefused, addr)
			}
		})
	}
}

func TestGuardLetsPublicAddressesThrough(t *testing.T) {
	guard := NewGuard(nil, false)
	for _, addr := range []string{
		"1.0.0.0", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
		"169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0", "192.167.255.255", "192.169.0.0",
		"198.17.255.255", "198.20.0.0", "223.255.255.255",
		"2001:200::", "2001:db7:ffff::", "2001:db9::", "2003::", "2606:4700::1111", "2a00::1", "3ffe:ffff::",
	} {
		require.NoError(t, dial(guard, addr), addr)
		require.NoError(t, guard.Check(t.Context(), "https://"+net.JoinHostPort(addr, "8443")+"/hooks"), addr)
	}
}

func TestGuardJudgesWhatIsAllowed(t *testing.T) {
	guard := NewGuard([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("fe80::/10")}, false)
	for _, test := range []struct {
		name, addr    string
		secure, plain error // of a dial for https, and for http
	}{
		{"an allowed IPv4 address", "10.1.2.3", nil, nil},
		{"an allowed IPv6 address", "fd12::1", nil, nil},
		{"a private address beside it", "10.2.0.0", ErrRefused, ErrRefused},
		{"an IPv6 address that is none of it", "fc00::1", ErrRefused, ErrRefused},
		{"an allowed IPv4 address that is dialled as IPv6", "::ffff:10.1.2.3", ErrRefused, ErrRefused},
		{"an allowed IPv6 address with a zone", "fe80::1%eth0", ErrRefused, ErrRefused},
		{"a public address", "8.8.8.8", nil, ErrPlain},
		{"a public IPv6 address", "2606:4700::1111", nil, ErrPlain},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.ErrorIs(t, dial(guard, test.addr), test.secure)
			require.ErrorIs(t, guard.controlPlain(networkOf(test.addr), net.JoinHostPort(test.addr, "80"), nil), test.plain)
		})
	}
}

func TestGuardRefusesWhatIsNotTCPToAnAddress(t *testing.T) {
	guard := NewGuard([]netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}, false)
	for _, test := range []struct{ name, network, address string }{
		{"UDP", "udp4", "8.8.8.8:53"},
		{"a raw socket", "ip4:icmp", "8.8.8.8"},
		{"a Unix socket", "unix", "/run/docker.sock"},
		{"TCP of any version", "tcp", "8.8.8.8:443"},
		{"no address", "tcp4", ":443"},
		{"no port", "tcp4", "8.8.8.8"},
		{"a name", "tcp4", "localhost:443"},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.ErrorIs(t, guard.Control(test.network, test.address, nil), ErrRefused)
			require.ErrorIs(t, guard.controlPlain(test.network, test.address, nil), ErrRefused)
		})
	}
}

func TestGuardWithDevLetsEverythingThrough(t *testing.T) {
	guard := NewGuard(nil, true)
	for _, addr := range []string{"127.0.0.1", "::1", "10.0.0.1", "8.8.8.8", "fe80::1%eth0"} {
		require.NoError(t, dial(guard, addr))
		require.NoError(t, guard.controlPlain(networkOf(addr), net.JoinHostPort(addr, "80"), nil))
	}
	require.NoError(t, guard.Check(t.Context(), "http://localhost:8080/hooks"))
	require.True(t, guard.AllowsPlain(t.Context(), "http://localhost:8080/hooks"))
}

// The ways to write loopback, and to hide where a URL leads: none is taken where an
// endpoint is made, nor reaches anything where it is dialled.
func TestGuardRefusesEachSpellingOfLoopback(t *testing.T) {
	const (
		private = "must not lead to a private or reserved address"
		letters = "must have a host of ASCII letters, digits, hyphens and dots: write other letters in punycode, such as xn--bcher-kva.example"
		number  = "must have a name for a host, or an IP address in its usual form, such as 198.51.100.7"
		noURL   = "must be an absolute URL, such as https://partner.example/hooks"
		user    = "must have no user name or password: put what authenticates into headers"
	)
	guard := NewGuard(nil, false)
	guard.Resolver = dnstest.Serve(t, map[string][]string{
		"loopback.example.": {"127.0.0.1"},
		"mapped.example.":   {"::ffff:127.0.0.1"},
		"six.example.":      {"::1"},
		"mixed.example.":    {"8.8.8.8", "127.0.0.1"},
	}).Resolver()
	client := guard.Client()
	_, port, err := net.SplitHostPort(untouched(t))
	require.NoError(t, err)
	for _, test := range []struct{ name, host, want string }{
		{"as itself", "127.0.0.1", private},
		{"another of its addresses", "127.8.9.10", private},
		{"one decimal number", "2130706433", number},
		{"octal", "0177.0.0.1", number},
		{"octal with more zeros", "00000177.0.0.1", number},
		{"hexadecimal in parts", "0x7f.0.0.1", number},
		{"one hexadecimal number", "0x7f000001", number},
		{"one hexadecimal number in capitals", "0X7F000001", number},
		{"hexadecimal at the end", "127.0.0.0x1", number},
		{"hexadecimal without digits", "127.0.0.0x", number},
		{"short", "127.1", number},
		{"with a dot at the end", "127.0.0.1.", number},
		{"too many numbers", "127.0.0.0.1", number},
		{"zero", "0", number},
		{"this network", "0.0.0.0", private},
		{"IPv6", "[::1]", private},
		{"IPv6, in full", "[0:0:0:0:0:0:0:1]", private},
		{"unspecified", "[::]", private},
		{"mapped to IPv6", "[::ffff:127.0.0.1]", private},
		{"mapped to IPv6, in hexadecimal", "[::ffff:7f00:1]", private},
		{"mapped to IPv6, with a zone", "[::ffff:127.0.0.1%25lo]", private},
		{"compatible with IPv6", "[::127.0.0.1]", private},
		{"through NAT64", "[64:ff9b::7f00:1]", private},
		{"through a local NAT64", "[64:ff9b:1::7f00:1]", private},
		{"through 6to4", "[2002:7f00:1::]", private},
		{"through Teredo", "[2001:0:7f00:1::80ff:fffe]", private},
		{"link local with a zone", "[fe80::1%25eth0]", private},
		{"a name of its own", "localhost", private},
		{"a name of its own, with a dot at the end", "localhost.", private},
		{"a name of its own in capitals", "LocalHost", private},
		{"a name below its own", "hooks.localhost", private},
		{"a name that resolves to it", "loopback.example", private},
		{"a name that resolves to it, in capitals and with a dot", "LOOPBACK.example.", private},
		{"a name that resolves to it mapped to IPv6", "mapped.example", private},
		{"a name that resolves to it in IPv6", "six.example", private},
		{"a name that resolves to it too", "mixed.example", private},
		{"full-width digits", "１２７.0.0.1", letters},
		{"digits in circles", "①②⑦.0.0.1", letters},
		{"ideographic full stops", "127。0。0。1", letters},
		{"full-width digits in percent signs", "%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1", letters},
		{"digits in percent signs", "%31%32%37.0.0.1", noURL},
		{"a percent sign in percent signs", "127.0.0.1%2531", letters},
		{"a null in it", "127.0.0.1%00.example", noURL},
		{"after a user", "public.example@127.0.0.1", user},
		{"after a user and a password", "public.example:443@loopback.example", user},
		{"after a backslash", `public.example\@127.0.0.1`, noURL},
		{"no host", "", noURL},
	} {
		t.Run(test.name, func(t *testing.T) {
			target := "https://" + test.host + ":" + port + "/hooks"
			require.Equal(t, refusal.Field("url", test.want), guard.Check(t.Context(), target))
			require.False(t, guard.AllowsPlain(t.Context(), target))
			if test.host == "mixed.example" {
				return // one of its addresses is public
			}
			for _, scheme := range []string{"https", "http"} {
				response, err := client.Get(scheme + strings.TrimPrefix(target, "https"))
				if err == nil {
					_ = response.Body.Close()
				}
				require.Error(t, err)
				// Whether a machine's resolver knows all that ends with localhost is its own affair.
				if test.want == private && !strings.Contains(strings.ToLower(test.host), "localhost") {
					require.ErrorIs(t, err, ErrRefused)
				}
			}
		})
	}
}

func TestGuardChecksWhatANameResolvesTo(t *testing.T) {
	names := map[string][]string{
		"public.example.":            {"8.8.8.8", "2606:4700::1111"},
		"internal.example.":          {"10.1.2.3", "10.1.2.4"},
		"half.example.":              {"10.1.2.3", "8.8.8.8"},
		"elsewhere.example.":         {"10.2.0.1"},
		"xn--bcher-kva.example.":     {"8.8.8.8"},
		"7.example.":                 {"8.8.8.8"},
		"0x7f.example.":              {"8.8.8.8"},
		"127.0.0.1.rebound.example.": {"8.8.8.8"},
	}
	guard := NewGuard([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}, false)
	guard.Resolver = dnstest.Serve(t, names).Resolver()
	for _, test := range []struct {
		name, host     string
		allowed, plain bool
	}{
		{"a public name", "public.example", true, false},
		{"a name in an allowed network", "internal.example", true, true},
		{"an address in an allowed network", "10.1.2.3", true, true},
		{"an address in an allowed network, mapped to IPv6", "[::ffff:10.1.2.3]", true, true},
		{"a name in an allowed network and in public", "half.example", true, false},
		{"a name in another private network", "elsewhere.example", false, false},
		{"a public address", "8.8.8.8", true, false},
		{"a name that does not resolve", "absent.example", true, false},
		{"a name in punycode", "xn--bcher-kva.example", true, false},
		{"a name that begins with a number", "7.example", true, false},
		{"a name that begins with a hexadecimal number", "0x7f.example", true, false},
		{"a name that begins with an address", "127.0.0.1.rebound.example", true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := guard.Check(t.Context(), "https://"+test.host+"/hooks")
			if test.allowed {
				require.NoError(t, err)
			} else {
				require.Equal(t, refusal.Field("url", "must not lead to a private or reserved address"), err)
			}
			require.Equal(t, test.plain, guard.AllowsPlain(t.Context(), "http://"+test.host+"/hooks"))
		})
	}
}

func TestGuardRefusesANameThatIsReboundAfterTheCheck(t *testing.T) {
	names := dnstest.Serve(t, map[string][]string{"rebound.example.": {"8.8.8.8"}})
	guard := NewGuard(nil, false)
	guard.Resolver = names.Resolver()
	_, port, err := net.SplitHostPort(untouched(t))
	require.NoError(t, err)
	require.NoError(t, guard.Check(t.Context(), "https://rebound.example:"+port+"/hooks"))

	names.Set("rebound.example.", "127.0.0.1")

	_, err = guard.Client().Get("https://rebound.example:" + port + "/hooks")
	require.ErrorIs(t, err, ErrRefused)
}

func TestGuardReachesWhatIsAllowed(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.HandlerFunc(thank))
	secure.EnableHTTP2 = true
	secure.StartTLS()
	t.Cleanup(secure.Close)
	plain := httptest.NewServer(http.HandlerFunc(thank))
	t.Cleanup(plain.Close)
	for _, test := range []struct{ name, url, protocol string }{
		{"https, in HTTP/2", secure.URL, "HTTP/2.0"},
		{"http", plain.URL, "HTTP/1.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := trusting(secure, NewGuard(nil, false)).Get(test.url)
			require.ErrorIs(t, err, ErrRefused)
			require.NotErrorIs(t, err, ErrPlain)

			client := trusting(secure, NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, false))
			t.Cleanup(client.CloseIdleConnections)
			response, err := client.Get(test.url)
			require.NoError(t, err)
			answer, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, "thank you", string(answer))
			require.Equal(t, test.protocol, response.Proto)
		})
	}
}

// Nothing is sent to that address: the dial ends before.
func TestGuardDialsNoPublicAddressForPlainHTTP(t *testing.T) {
	guard := NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, false)
	guard.Resolver = dnstest.Serve(t, map[string][]string{"public.example.": {"8.8.8.8"}}).Resolver()
	for _, target := range []string{"http://8.8.8.8/hooks", "http://public.example/hooks", "http://8.8.8.8:443/hooks", "HTTP://8.8.8.8/hooks"} {
		_, err := guard.Client().Get(target)
		require.ErrorIs(t, err, ErrPlain, target)
	}
}

func TestGuardFollowsNoRedirect(t *testing.T) {
	elsewhere := untouched(t)
	receiver := httptest.NewServer(http.RedirectHandler("http://"+elsewhere+"/admin", http.StatusTemporaryRedirect))
	t.Cleanup(receiver.Close)
	client := NewGuard(nil, true).Client() // which may dial both
	t.Cleanup(client.CloseIdleConnections)

	response, err := client.Post(receiver.URL, "application/json", strings.NewReader("{}"))

	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusTemporaryRedirect, response.StatusCode)
}

func TestGuardAsksNoProxy(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		t.Setenv(name, "http://"+untouched(t))
	}
	receiver := httptest.NewServer(http.HandlerFunc(thank))
	t.Cleanup(receiver.Close)
	guard := NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, false)
	guard.Resolver = dnstest.Serve(t, map[string][]string{"receiver.example.": {"127.0.0.1"}}).Resolver()
	client := guard.Client()
	t.Cleanup(client.CloseIdleConnections)

	response, err := client.Get(strings.Replace(receiver.URL, "127.0.0.1", "receiver.example", 1))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)

	// net/http reads the environment once in a process, perhaps before this test.
	require.Nil(t, client.Transport.(*transport).https.Proxy)
	require.Nil(t, client.Transport.(*transport).http.Proxy)
}

func TestGuardReadsNoEndlessHeader(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Filler", strings.Repeat("a", 80<<10))
		}))
		receiver.EnableHTTP2 = http2
		receiver.StartTLS()
		t.Cleanup(receiver.Close)
		client := trusting(receiver, NewGuard(nil, true))
		t.Cleanup(client.CloseIdleConnections)
		_, err := client.Get(receiver.URL)
		require.Error(t, err, "HTTP/2: %t", http2)
	}
}

// A host that a lenient parser takes for an IPv4 address is taken only as four
// decimal numbers.
func FuzzGuardTakesNoAddressInDisguise(f *testing.F) {
	for _, host := range []string{"127.1", "0x7f.1", "0177.0.0.1", "2130706433", "127.0.0.1.", "0", "a.example", "[::1]", "1.2.3.4", "0x", "..", "１２７.0.0.1"} {
		f.Add("https://" + host + "/hooks")
	}
	f.Fuzz(func(t *testing.T, rawURL string) {
		host, allowed := hostOf(rawURL)
		require.Equal(t, host == "", allowed != "")
		if host == "" {
			return
		}
		u, err := url.Parse(rawURL)
		require.NoError(t, err)
		require.Equal(t, u.Hostname(), host)
		if lenient(host) {
			_, err := netip.ParseAddr(host)
			require.NoError(t, err, host)
		}
	})
}

// lenient reports whether inet_aton takes a host for an address.
func lenient(host string) bool {
	parts := strings.Split(strings.TrimSuffix(host, "."), ".")
	for _, part := range parts {
		digits, base := part, 10
		if hex, ok := strings.CutPrefix(strings.ToLower(part), "0x"); ok {
			digits, base = hex, 16
		}
		if _, err := strconv.ParseUint(digits, base, 32); err != nil {
			return false
		}
	}
	return len(parts) <= 4
}

// dial asks a guard for an address as a dialer does, for https.
func dial(guard *Guard, addr string) error {
	return guard.Control(networkOf(addr), net.JoinHostPort(addr, "443"), nil)
}

func networkOf(addr string) string {
	if strings.Contains(addr, ":") {
		return "tcp6"
	}
	return "tcp4"
}

func lastOf(prefix netip.Prefix) netip.Addr {
	last := prefix.Addr().AsSlice()
	for bit := prefix.Bits(); bit < prefix.Addr().BitLen(); bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	addr, _ := netip.AddrFromSlice(last)
	return addr
}

func thank(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "thank you") }

// trusting returns the guard's client, which trusts the server's certificate.
func trusting(server *httptest.Server, guard *Guard) *http.Client {
	client := guard.Client()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	client.Transport.(*transport).https.TLSClientConfig.RootCAs = roots
	return client
}

// untouched returns the address of a listener on loopback to which, when the test
// ends, nothing must have connected.
func untouched(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() {
		last, err := net.Dial("tcp4", listener.Addr().String())
		require.NoError(t, err)
		first, err := listener.Accept()
		require.NoError(t, err)
		require.Equal(t, last.LocalAddr().String(), first.RemoteAddr().String(), "something connected")
		require.NoError(t, first.Close())
		require.NoError(t, last.Close())
		require.NoError(t, listener.Close())
	})
	return listener.Addr().String()
}
