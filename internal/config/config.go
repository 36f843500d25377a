// Package config is what an operator can set, read once into one struct.
//
// [AddFlags] defines the flags of a command, and [Load] returns its [Config]:
// the defaults, then the file, then the environment, then the flags, each over
// what came before. A setting has one name everywhere: public-url in the file,
// CASEHOOK_PUBLIC_URL in the environment, --public-url on the command line.
// Secrets have no flag: a command line can be read by every process of the
// machine.
//
// No error and no log line holds the value of a secret, nor the password of a
// database.
package config

import (
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
)

// Config is what an operator has set. Each field that is not said to be empty has
// a default.
type Config struct {
	// Listen is the address that the server listens on, HOST:PORT. Port 0 is any
	// free one, an empty host every address of the machine.
	Listen string
	// Database is sqlite:PATH or the URL of a PostgreSQL database, postgres://….
	// Empty means casehook.db in Data.
	Database string
	// Data is the directory of what casehook keeps in files.
	Data string
	// Documents is where the bytes of documents are kept: s3://BUCKET/PREFIX, as
	// [bucket.Parse] reads it. Empty means blobs in Data.
	Documents string
	// Shares is where the shares of cases are kept, like Documents. Empty means shares
	// in Data.
	Shares string
	// PublicURL is where clients and receivers reach the server, without a slash
	// at the end. Empty means wherever it listens.
	PublicURL string
	// Dev allows endpoints with plain http and private addresses.
	Dev bool
	// AllowCIDRs are the private networks that endpoints may be in, with plain http
	// too. Empty means none.
	AllowCIDRs []netip.Prefix
	// TrustedProxies are the networks of proxies that are believed about the address of a
	// client, in X-Forwarded-For. Empty means none.
	TrustedProxies []netip.Prefix
	// KeepDays is how many days what was delivered is kept, and what failed three times
	// as long.
	KeepDays int
	// MaxDocumentBytes is how large a document may be.
	MaxDocumentBytes int
	// LogLevel is debug, info, warn or error, LogFormat text or json.
	LogLevel, LogFormat string

	// AdminKey, where it is not empty, is an admin key of the organisation default.
	AdminKey Secret
	// OperatorKey, where it is not empty, makes organisations, and nothing else.
	OperatorKey Secret
	// MasterKey wraps the keys that the data is sealed with. Empty means the one
	// that is kept in Data.
	MasterKey Secret
}

// Default returns what holds where nothing is set.
func Default() Config {
	return Config{Listen: "127.0.0.1:8080", Data: "./data", KeepDays: 30, MaxDocumentBytes: 100_000_000, LogLevel: "info", LogFormat: "text"}
}

// LogValue is c without its secrets, for log/slog.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("listen", c.Listen),
		slog.String("database", withoutPassword(c.Database)),
		slog.String("data", c.Data),
		slog.String("documents", c.Documents),
		slog.String("shares", c.Shares),
		slog.String("public-url", c.PublicURL),
		slog.Bool("dev", c.Dev),
		slog.String("allow-cidrs", joinCIDRs(c.AllowCIDRs)),
		slog.String("trusted-proxies", joinCIDRs(c.TrustedProxies)),
		slog.Int("keep-days", c.KeepDays),
		slog.Int("max-document-bytes", c.MaxDocumentBytes),
		slog.String("log-level", c.LogLevel),
		slog.String("log-format", c.LogFormat),
		slog.Any("admin-key", c.AdminKey),
		slog.Any("operator-key", c.OperatorKey),
		slog.Any("master-key", c.MasterKey),
	)
}

// String is c without its secrets.
func (c Config) String() string { return c.LogValue().String() }

// Format is [Config.String] for every verb of package fmt.
func (c Config) Format(f fmt.State, _ rune) { io.WriteString(f, c.String()) }

// joinCIDRs returns networks as they are set.
func joinCIDRs(networks []netip.Prefix) string {
	texts := make([]string, len(networks))
	for i, network := range networks {
		texts[i] = network.String()
	}
	return strings.Join(texts, ",")
}

// withoutPassword returns the URL of a database without what can hold a password:
// the user's, and the parameters.
func withoutPassword(database string) string {
	if database == "" || strings.HasPrefix(database, "sqlite:") {
		return database
	}
	u, err := url.Parse(database)
	if err != nil {
		return "postgres://…"
	}
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if u.User != nil {
		shown.User = url.User(u.User.Username())
	}
	return shown.String()
}
