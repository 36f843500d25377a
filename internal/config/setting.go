package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/casehook/casehook/internal/bucket"
)

// setting is one field of [Config] as it is written by operators.
type setting struct {
	name  string            // in the file, and of the flag
	usage string            // of the flag; empty for a secret, which has none
	field func(*Config) any // pointer to a string, a Secret, a bool, an int or networks

	// check says what is allowed where the value is not, else "". It never
	// repeats the value. Nil where everything is allowed.
	check func(value string) (allowed string)
}

// settings are all there are, in the order of the documentation.
var settings = []setting{
	{"listen", "listen on `HOST:PORT`", func(c *Config) any { return &c.Listen }, checkListen},
	{"database", "keep the log in `URL`, sqlite:PATH or postgres://… (default casehook.db in the data directory)", func(c *Config) any { return &c.Database }, checkDatabase},
	{"data", "keep files in `DIR`", func(c *Config) any { return &c.Data }, checkData},
	{"documents", "keep documents in a bucket, `s3://BUCKET/PREFIX?endpoint=URL&region=REGION` (default blobs in the data directory)", func(c *Config) any { return &c.Documents }, checkBucket},
	{"shares", "keep the shares of cases in a bucket without versions, `s3://BUCKET/PREFIX?endpoint=URL&region=REGION` (default shares in the data directory)", func(c *Config) any { return &c.Shares }, checkBucket},
	{"public-url", "be reached at `URL` (default where it listens)", func(c *Config) any { return &c.PublicURL }, checkPublicURL},
	{"dev", "allow endpoints with plain http and private addresses", func(c *Config) any { return &c.Dev }, nil},
	{"allow-cidrs", "allow endpoints in the private networks `CIDR,CIDR`, such as 10.0.0.0/8", func(c *Config) any { return &c.AllowCIDRs }, checkCIDRs},
	{"trusted-proxies", "believe proxies in the networks `CIDR,CIDR` which address a client has, by X-Forwarded-For", func(c *Config) any { return &c.TrustedProxies }, checkCIDRs},
	{"keep-days", "remove what was delivered after `DAYS`, and what failed after three times as long", func(c *Config) any { return &c.KeepDays }, checkDays},
	{"max-document-bytes", "refuse documents of more than `BYTES`", func(c *Config) any { return &c.MaxDocumentBytes }, checkDocumentBytes},
	{"log-level", "log from `LEVEL` on: debug, info, warn or error", func(c *Config) any { return &c.LogLevel }, oneOf("debug", "info", "warn", "error")},
	{"log-format", "log in `FORMAT`: text or json", func(c *Config) any { return &c.LogFormat }, oneOf("text", "json")},
	{"admin-key", "", func(c *Config) any { return &c.AdminKey }, checkKey},
	{"operator-key", "", func(c *Config) any { return &c.OperatorKey }, checkKey},
	{"master-key", "", func(c *Config) any { return &c.MasterKey }, nil},
}

// named returns the setting of that name.
func named(name string) (setting, bool) {
	for _, s := range settings {
		if s.name == name {
			return s, true
		}
	}
	return setting{}, false
}

// variable returns the name of the setting in the environment.
func (s setting) variable() string {
	return "CASEHOOK_" + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))
}

// refuse returns the error of a value that is not allowed.
func (s setting) refuse(allowed string) error {
	return fmt.Errorf("%s (%s) must be %s", s.name, s.variable(), allowed)
}

// checkListen wants an address that net.Listen can take.
func checkListen(value string) string {
	_, port, err := net.SplitHostPort(value)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		return "HOST:PORT, such as 127.0.0.1:8080"
	}
	return ""
}

func checkDatabase(value string) string {
	const allowed = "sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/NAME"
	if value == "" {
		return ""
	}
	if path, ok := strings.CutPrefix(value, "sqlite:"); ok {
		if path == "" {
			return allowed
		}
		return ""
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return allowed
	}
	return ""
}

func checkData(value string) string {
	if value == "" {
		return "a directory"
	}
	return ""
}

func checkBucket(value string) string {
	if _, err := bucket.Parse(value); value != "" && err != nil {
		return "s3://BUCKET/PREFIX?endpoint=https://HOST:PORT&region=REGION, where prefix, endpoint and region may be left out"
	}
	return ""
}

// checkPublicURL wants what paths can be appended to.
func checkPublicURL(value string) string {
	u, err := url.Parse(value)
	switch {
	case value == "":
		return ""
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Host == "", u.User != nil, u.RawQuery != "", u.Fragment != "":
		return "an http or https URL without user, query and fragment, such as https://cases.example"
	}
	return ""
}

// maxKeepDays is a hundred years.
const maxKeepDays = 36_500

func checkDays(value string) string {
	if days, err := strconv.Atoi(value); err != nil || days < 1 || days > maxKeepDays {
		return fmt.Sprintf("a whole number from 1 to %d", maxKeepDays)
	}
	return ""
}

// maxDocumentBytes is 2 GB, what an int of 32 bits can count.
const maxDocumentBytes = 2_000_000_000

func checkDocumentBytes(value string) string {
	if size, err := strconv.ParseInt(value, 10, 64); err != nil || size < 1 || size > maxDocumentBytes {
		return fmt.Sprintf("a whole number from 1 to %d, of bytes", maxDocumentBytes)
	}
	return ""
}

// checkCIDRs wants networks that [parseCIDRs] can take.
func checkCIDRs(value string) string {
	if _, ok := parseCIDRs(value); !ok {
		return "networks such as 10.0.0.0/8,fd00::/8, separated by commas, each from its first address on"
	}
	return ""
}

// parseCIDRs returns the networks that a value lists, nil where it is empty. It
// reports false where one is none, has an address that is not its first, or is of
// IPv4 written as IPv6, which contains nothing that is ever dialled.
func parseCIDRs(value string) ([]netip.Prefix, bool) {
	if value == "" {
		return nil, true
	}
	var networks []netip.Prefix
	for text := range strings.SplitSeq(value, ",") {
		network, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil || network != network.Masked() || network.Addr().Is4In6() {
			return nil, false
		}
		networks = append(networks, network)
	}
	return networks, true
}

func oneOf(allowed ...string) func(string) string {
	return func(value string) string {
		for _, a := range allowed {
			if value == a {
				return ""
			}
		}
		last := len(allowed) - 1
		return strings.Join(allowed[:last], ", ") + " or " + allowed[last]
	}
}

// minKey is how long a key must be: 24 random characters cannot be guessed.
const minKey = 24

// checkKey wants what cannot be guessed and fits into a header.
func checkKey(value string) string {
	visible := func(r rune) bool { return '!' <= r && r <= '~' }
	if value != "" && (len(value) < minKey || strings.ContainsFunc(value, func(r rune) bool { return !visible(r) })) {
		return fmt.Sprintf("at least %d characters long, of visible ASCII without spaces", minKey)
	}
	return ""
}
