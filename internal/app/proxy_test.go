package app

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/config"
	"github.com/casehook/casehook/internal/doorway"
)

func TestTheAddressOfAClientIsBelievedOfTrustedProxiesOnly(t *testing.T) {
	trusted := proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("192.0.2.1/32")}
	for _, test := range []struct {
		name      string
		proxies   proxies
		peer      string
		forwarded []string
		want      string
	}{
		{"no proxy is trusted", nil, "10.0.0.1:4711", []string{"203.0.113.9"}, "10.0.0.1"},
		{"a client that is no proxy makes it up", trusted, "203.0.113.9:4711", []string{"198.51.100.1"}, "203.0.113.9"},
		{"a proxy tells who asks", trusted, "10.0.0.1:4711", []string{"203.0.113.9"}, "203.0.113.9"},
		{"what the client made up stands before", trusted, "10.0.0.1:4711", []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
		{"and in a line of its own", trusted, "10.0.0.1:4711", []string{"198.51.100.1", "10.9.9.9", "203.0.113.9"}, "203.0.113.9"},
		{"a client names a trusted proxy", trusted, "10.0.0.1:4711", []string{"198.51.100.1, 10.0.0.7, 203.0.113.9"}, "203.0.113.9"},
		{"there are several proxies", trusted, "10.0.0.1:4711", []string{"198.51.100.1, 203.0.113.9, 192.0.2.1, 10.0.0.2"}, "203.0.113.9"},
		{"a proxy asks by itself", trusted, "10.0.0.1:4711", nil, "10.0.0.1"},
		{"the line is empty", trusted, "10.0.0.1:4711", []string{""}, "10.0.0.1"},
		{"all are proxies", trusted, "10.0.0.1:4711", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"what a proxy wrote is no address", trusted, "10.0.0.1:4711", []string{"203.0.113.9, unknown"}, "10.0.0.1"},
		{"what stands before a proxy is no address", trusted, "10.0.0.1:4711", []string{"203.0.113.9, <script>, 10.0.0.2"}, "10.0.0.2"},
		{"with a port", trusted, "10.0.0.1:4711", []string{"203.0.113.9:50123"}, "203.0.113.9"},
		{"IPv6", trusted, "[fd00::1]:4711", []string{"2001:db8::9"}, "2001:db8::9"},
		{"IPv6 with a port", trusted, "[fd00::1]:4711", []string{"[2001:db8::9]:50123"}, "2001:db8::9"},
		{"IPv6 in brackets", trusted, "[fd00::1]:4711", []string{"[2001:db8::9]"}, "2001:db8::9"},
		{"IPv4 as IPv6", trusted, "[::ffff:10.0.0.1]:4711", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"a zone", trusted, "10.0.0.1:4711", []string{"fe80::1%eth0"}, "10.0.0.1"},
		{"a zone in brackets", trusted, "10.0.0.1:4711", []string{"[fe80::1%eth0]"}, "10.0.0.1"},
		{"a zone and a port", trusted, "10.0.0.1:4711", []string{"[2001:db8::1%evil]:80"}, "10.0.0.1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = test.peer
			for _, line := range test.forwarded {
				r.Header.Add("X-Forwarded-For", line)
			}
			var got string
			test.proxies.behind(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = doorway.AddressOf(r) })).ServeHTTP(httptest.NewRecorder(), r)
			require.Equal(t, test.want, got)
		})
	}
}

func TestTheAuditHasTheAddressThatATrustedProxyTells(t *testing.T) {
	for _, test := range []struct{ name, trusted, want string }{
		{"none is trusted", "", "127.0.0.1"},
		{"another is trusted", "192.0.2.1/32", "127.0.0.1"},
		{"it is trusted", "127.0.0.0/8", "203.0.113.9"},
	} {
		t.Run(test.name, func(t *testing.T) {
			flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
			config.AddFlags(flags)
			require.NoError(t, flags.Parse([]string{"--listen", "127.0.0.1:0", "--data", t.TempDir(), "--dev", "--trusted-proxies", test.trusted}))
			cfg, err := config.Load(flags, []string{"CASEHOOK_ADMIN_KEY=" + testKey})
			require.NoError(t, err)
			address, _ := serve(t, cfg, usualPatience)
			for _, path := range []string{"cases", "audit?operation=listCases"} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/v1/"+path, nil)
				require.NoError(t, err)
				r.Header.Set("Authorization", "Bearer "+testKey)
				r.Header.Set("X-Forwarded-For", "198.51.100.1, 203.0.113.9")
				answer, err := http.DefaultClient.Do(r)
				require.NoError(t, err)
				var entries struct{ Data []struct{ From string } }
				require.NoError(t, json.NewDecoder(answer.Body).Decode(&entries))
				require.NoError(t, answer.Body.Close())
				if path != "cases" {
					require.Len(t, entries.Data, 1)
					require.Equal(t, test.want, entries.Data[0].From)
				}
			}
		})
	}
}
