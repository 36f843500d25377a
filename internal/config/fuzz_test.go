package config_test

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/config"
)

// FuzzAllowCIDRs requires of networks that each begins at its first address, contains what
// it seems to, and comes back as it is shown. What is refused is named and not repeated.
func FuzzAllowCIDRs(f *testing.F) {
	for _, seed := range []string{
		"10.0.0.0/8", "10.0.0.0/8, fd00::/8 ", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/+8", "10.0.0/8", "010.0.0.0/8", "10.0.0.1", "0.0.0.0/0", "::/0",
		"fe80::%eth0/10", "::ffff:10.0.0.0/104", "::ffff:0:0/96", "::a00:0/104", "10.0.0.0/8,", ",", " ", "10.0.0.0/8;fd00::/8", "FD00::/8", "fd00::/8\n", "\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		load := func(value string) ([]netip.Prefix, error) {
			c, err := config.Load(parse(t, "--allow-cidrs", value), nil)
			return c.AllowCIDRs, err
		}
		networks, err := load(value)
		if err != nil {
			require.EqualError(t, err, wantCIDRs)
			return
		}
		shown := make([]string, len(networks))
		for i, network := range networks {
			shown[i] = network.String()
			require.True(t, network.IsValid())
			require.True(t, network.Contains(network.Addr()), "%s", network)
			require.Equal(t, network.Masked(), network)
		}
		if len(value) > 0 {
			require.Len(t, networks, strings.Count(value, ",")+1, "none is left out")
		}
		again, err := load(strings.Join(shown, ","))
		require.NoError(t, err)
		require.Equal(t, networks, again)
	})
}

// refused is all that is said of a file that is not taken: where, which setting, and what
// is allowed.
var refused = regexp.MustCompile(`(?s)^(read the settings of FILE: (line \d+ is not YAML of the form NAME: VALUE, with each name once|there is no setting ".*"))$`)

// FuzzFile requires that settings that are read from a file come back from one in which
// they are written, and that what is refused is named and never repeated.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{
		"", "listen: :1\n", "listen: 127.0.0.1:8080\ndev: true\nkeep-days: 7\nallow-cidrs: 10.0.0.0/8\n", "keep-days: 0x1F", "keep-days: 1_4", "keep-days: 1.0", "keep-days: 99999999999999999999",
		"documents: s3://documents/casehook", "documents: s3://u:p@documents", "dev: yes", "dev: 'true'", "dev: [true]", "data: ~", "data: ''", "data: |\n  a\n  b\n", "admin-key: canary-canary-canary-canary", "admin-key: 123456789012345678901234567890",
		"admin-key: &a canary-canary-canary-canary\noperator-key: *a\n", "a: &a [x]\nb: &b [*a, *a]\n", "<<: {listen: ':1'}", "? [listen]\n: 1", "1: 2", "listen.port: 1", "listen: {port: 1}",
		"public-url: https://cases.example//", "public-url: https://u:p@cases.example", "database: 'postgres://u:p@db/x?sslmode=off'", "log-level: debug\nlog-level: info", "--- a\n--- b\n",
		"listen: \"\\u2028:1\"", "data: \"\\x7f\\0\"", "{listen: ':1'}", "listen: !!binary OjE=", "data: !!binary /w==", "dev: !!bool x", "\xff", "\ufefflisten: ':1'", "listen: 'canary", "\t", "%YAML 1.2\n---\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		path := writeFile(t, content)
		c, err := config.Load(parse(t, "--config", path), nil)
		if err != nil {
			said := strings.ReplaceAll(err.Error(), path, "FILE")
			if !refused.MatchString(said) {
				for line := range strings.SplitSeq(said, "\n") {
					require.Contains(t, wrongSettings, line)
				}
			}
			return
		}
		var file strings.Builder
		for name, value := range map[string]string{
			"listen": c.Listen, "database": c.Database, "data": c.Data, "documents": c.Documents, "public-url": c.PublicURL, "log-level": c.LogLevel, "log-format": c.LogFormat,
			"admin-key": string(c.AdminKey), "operator-key": string(c.OperatorKey), "master-key": string(c.MasterKey),
		} {
			fmt.Fprintf(&file, "%s: %s\n", name, inYAML(value))
		}
		fmt.Fprintf(&file, "dev: %t\nkeep-days: %d\nmax-document-bytes: %d\n", c.Dev, c.KeepDays, c.MaxDocumentBytes)
		for name, networks := range map[string][]netip.Prefix{"allow-cidrs": c.AllowCIDRs, "trusted-proxies": c.TrustedProxies} {
			texts := make([]string, len(networks))
			for i, network := range networks {
				texts[i] = network.String()
			}
			fmt.Fprintf(&file, "%s: %q\n", name, strings.Join(texts, ","))
		}

		again, err := config.Load(parse(t, "--config", writeFile(t, file.String())), nil)
		require.NoError(t, err)
		want, got := plain(c), plain(again)
		want["numbers"], got["numbers"] = [2]int{c.KeepDays, c.MaxDocumentBytes}, [2]int{again.KeepDays, again.MaxDocumentBytes}
		want["operator-key"], got["operator-key"] = string(c.OperatorKey), string(again.OperatorKey)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("configuration (-first +again):\n%s", diff)
		}
	})
}

// inYAML writes a text in YAML, which has no other way for what is not UTF-8.
func inYAML(text string) string {
	if !utf8.ValidString(text) {
		return "!!binary " + base64.StdEncoding.EncodeToString([]byte(text))
	}
	return strconv.QuoteToASCII(text)
}

// wrongSettings are all the errors of a setting.
var wrongSettings = func() (all []string) {
	const text = "text: put it in quotes"
	for _, s := range []struct{ name, allowed string }{
		{"listen", "HOST:PORT, such as 127.0.0.1:8080"},
		{"database", "sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/NAME"},
		{"data", "a directory"},
		{"documents", "s3://BUCKET/PREFIX?endpoint=https://HOST:PORT&region=REGION, where prefix, endpoint and region may be left out"},
		{"public-url", "an http or https URL without user, query and fragment, such as https://cases.example"},
		{"dev", "true or false"},
		{"keep-days", "a whole number from 1 to 36500"},
		{"max-document-bytes", "a whole number from 1 to 2000000000, of bytes"},
		{"log-level", "debug, info, warn or error"},
		{"log-format", "text or json"},
		{"admin-key", "at least 24 characters long, of visible ASCII without spaces"},
		{"operator-key", "at least 24 characters long, of visible ASCII without spaces"},
		{"operator-key", "another one than admin-key"},
		{"master-key", text},
		{"allow-cidrs", strings.TrimPrefix(wantCIDRs, "allow-cidrs (CASEHOOK_ALLOW_CIDRS) must be ")},
	} {
		named := fmt.Sprintf("%s (CASEHOOK_%s) must be ", s.name, strings.ToUpper(strings.ReplaceAll(s.name, "-", "_")))
		all = append(all, named+s.allowed, named+text)
	}
	return all
}()
