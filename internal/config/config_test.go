package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/config"
)

// wantCIDRs is the error of each wrong list of networks.
const wantCIDRs = "allow-cidrs (CASEHOOK_ALLOW_CIDRS) must be networks such as 10.0.0.0/8,fd00::/8, separated by commas, each from its first address on"

// key is long enough, and found wherever it should not be.
const key = "canary-canary-canary-canary"

func TestLoad(t *testing.T) {
	for _, test := range []struct {
		name    string
		file    string
		environ []string
		args    []string
		want    func(*config.Config)
	}{
		{
			name: "where nothing is set, the defaults hold",
			want: func(*config.Config) {},
		},
		{
			name: "the file is over the defaults",
			file: "listen: 0.0.0.0:80\ndev: true\nkeep-days: 14\nlog-level: debug\npublic-url: https://cases.example\n",
			want: func(c *config.Config) {
				c.Listen, c.Dev, c.KeepDays, c.LogLevel, c.PublicURL = "0.0.0.0:80", true, 14, "debug", "https://cases.example"
			},
		},
		{
			name:    "the environment is over the file",
			file:    "listen: 0.0.0.0:80\ndata: /srv/file\ndev: true\n",
			environ: []string{"CASEHOOK_LISTEN=0.0.0.0:81", "CASEHOOK_DEV=false"},
			want:    func(c *config.Config) { c.Listen, c.Data = "0.0.0.0:81", "/srv/file" },
		},
		{
			name:    "flags are over the environment",
			environ: []string{"CASEHOOK_LISTEN=0.0.0.0:81", "CASEHOOK_LOG_FORMAT=json", "CASEHOOK_DEV=true"},
			args:    []string{"--listen", "0.0.0.0:82", "--dev=false"},
			want:    func(c *config.Config) { c.Listen, c.LogFormat = "0.0.0.0:82", "json" },
		},
		{
			name: "a flag at its default is over the rest when it was given",
			file: "listen: 0.0.0.0:80\n",
			args: []string{"--listen", "127.0.0.1:8080"},
			want: func(*config.Config) {},
		},
		{
			name: "every setting has a variable",
			environ: []string{
				"CASEHOOK_LISTEN=:1", "CASEHOOK_DATABASE=postgres://db.example/casehook", "CASEHOOK_DATA=/srv",
				"CASEHOOK_DOCUMENTS=s3://documents/casehook?region=eu-central-1", "CASEHOOK_SHARES=s3://shares",
				"CASEHOOK_PUBLIC_URL=http://cases.example/base", "CASEHOOK_DEV=1", "CASEHOOK_ALLOW_CIDRS=10.0.0.0/8", "CASEHOOK_KEEP_DAYS=7", "CASEHOOK_MAX_DOCUMENT_BYTES=5000", "CASEHOOK_LOG_LEVEL=warn", "CASEHOOK_LOG_FORMAT=json",
				"CASEHOOK_ADMIN_KEY=" + key + "1", "CASEHOOK_OPERATOR_KEY=" + key + "2", "CASEHOOK_MASTER_KEY=" + key + "3",
			},
			want: func(c *config.Config) {
				*c = config.Config{
					Listen: ":1", Database: "postgres://db.example/casehook", Data: "/srv",
					Documents: "s3://documents/casehook?region=eu-central-1", Shares: "s3://shares",
					PublicURL: "http://cases.example/base", Dev: true, AllowCIDRs: networks("10.0.0.0/8"),
					KeepDays: 7, MaxDocumentBytes: 5000, LogLevel: "warn", LogFormat: "json",
					AdminKey: key + "1", OperatorKey: key + "2", MasterKey: key + "3",
				}
			},
		},
		{
			name: "a secret may come in the file",
			file: "admin-key: " + key + "\n",
			want: func(c *config.Config) { c.AdminKey = key },
		},
		{
			name:    "an empty variable is not set",
			environ: []string{"CASEHOOK_LISTEN=", "CASEHOOK_ADMIN_KEY=", "CASEHOOK_DEV="},
			want:    func(*config.Config) {},
		},
		{
			name:    "a variable that is no setting is left alone",
			environ: []string{"CASEHOOK_PORT=tcp://10.0.0.1:80", "LISTEN=:1", "HOME=/root", "casehook_listen=:2", "CASEHOOK_LISTEN"},
			want:    func(*config.Config) {},
		},
		{
			name: "null in the file is not set",
			file: "public-url:\nlisten: null\n",
			want: func(*config.Config) {},
		},
		{
			name: "an empty file sets nothing",
			file: "# nothing yet\n",
			want: func(*config.Config) {},
		},
		{
			name: "the public URL loses its last slash",
			args: []string{"--public-url", "https://cases.example/"},
			want: func(c *config.Config) { c.PublicURL = "https://cases.example" },
		},
		{
			name: "allowed networks are of both versions, separated by commas and spaces, down to a single address",
			file: "allow-cidrs: 10.0.0.0/8, fd00::/8,192.168.7.9/32\n",
			want: func(c *config.Config) { c.AllowCIDRs = networks("10.0.0.0/8", "fd00::/8", "192.168.7.9/32") },
		},
		{
			name:    "allowed networks are taken from one place, not gathered",
			environ: []string{"CASEHOOK_ALLOW_CIDRS=10.0.0.0/8"},
			args:    []string{"--allow-cidrs", "fd00::/8"},
			want:    func(c *config.Config) { c.AllowCIDRs = networks("fd00::/8") },
		},
		{
			name:    "an empty flag allows no network",
			environ: []string{"CASEHOOK_ALLOW_CIDRS=10.0.0.0/8"},
			args:    []string{"--allow-cidrs", ""},
			want:    func(*config.Config) {},
		},
		{
			name:    "trusted proxies are networks like those",
			environ: []string{"CASEHOOK_TRUSTED_PROXIES=10.0.0.0/8,fd00::1/128"},
			want:    func(c *config.Config) { c.TrustedProxies = networks("10.0.0.0/8", "fd00::1/128") },
		},
		{
			name: "a SQLite database is a path",
			args: []string{"--database", "sqlite:/srv/casehook.db"},
			want: func(c *config.Config) { c.Database = "sqlite:/srv/casehook.db" },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := test.args
			if test.file != "" {
				args = append(args, "--config", writeFile(t, test.file))
			}
			want := config.Default()
			test.want(&want)

			got, err := config.Load(parse(t, args...), test.environ)

			require.NoError(t, err)
			if diff := cmp.Diff(plain(want), plain(got)); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadTakesTheFileFromTheEnvironment(t *testing.T) {
	environ := []string{"CASEHOOK_CONFIG=" + writeFile(t, "data: /srv/one\n")}
	got, err := config.Load(parse(t), environ)
	require.NoError(t, err)
	require.Equal(t, "/srv/one", got.Data)

	got, err = config.Load(parse(t, "--config", writeFile(t, "data: /srv/two\n")), environ)
	require.NoError(t, err)
	require.Equal(t, "/srv/two", got.Data, "the flag is over the variable")
}

func TestLoadNamesWhatIsWrongAndNeverItsValue(t *testing.T) {
	for _, test := range []struct {
		name    string
		file    string
		environ []string
		args    []string
		want    string // FILE stands for the file
	}{
		{
			name: "an unknown name in the file",
			file: "listen: :1\nlistne: canary\n",
			want: `read the settings of FILE: there is no setting "listne"`,
		},
		{
			name: "a file that is not YAML",
			file: "listen: :1\nadmin-key: 'canary\n",
			want: "read the settings of FILE: line 2 is not YAML of the form NAME: VALUE, with each name once",
		},
		{
			name: "a file that is only a value",
			file: "canary",
			want: "read the settings of FILE: line 1 is not YAML of the form NAME: VALUE, with each name once",
		},
		{
			name: "a name that comes twice in the file",
			file: "admin-key: canary\nadmin-key: canary\n",
			want: "read the settings of FILE: line 2 is not YAML of the form NAME: VALUE, with each name once",
		},
		{
			name: "a file with an alias that leads nowhere",
			file: "admin-key: *canary\n",
			want: "read the settings of FILE: line 1 is not YAML of the form NAME: VALUE, with each name once",
		},
		{
			name: "a number where text is wanted",
			file: "admin-key: 123456789012345678901234567890\n",
			want: "admin-key (CASEHOOK_ADMIN_KEY) must be text: put it in quotes",
		},
		{
			name: "a list where text is wanted",
			file: "listen: [canary]\n",
			want: "listen (CASEHOOK_LISTEN) must be text: put it in quotes",
		},
		{
			name:    "an address without a port",
			environ: []string{"CASEHOOK_LISTEN=canary"},
			want:    "listen (CASEHOOK_LISTEN) must be HOST:PORT, such as 127.0.0.1:8080",
		},
		{
			name: "a port that is too high",
			args: []string{"--listen", "127.0.0.1:70000"},
			want: "listen (CASEHOOK_LISTEN) must be HOST:PORT, such as 127.0.0.1:8080",
		},
		{
			name: "a database of another kind",
			args: []string{"--database", "mysql://root:canary@db.example/casehook"},
			want: "database (CASEHOOK_DATABASE) must be sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/NAME",
		},
		{
			name: "a database that is no URL",
			args: []string{"--database", "postgres://root:can%ary@db.example:x/casehook"},
			want: "database (CASEHOOK_DATABASE) must be sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/NAME",
		},
		{
			name: "a SQLite database without a path",
			args: []string{"--database", "sqlite:"},
			want: "database (CASEHOOK_DATABASE) must be sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/NAME",
		},
		{
			name: "no data directory",
			args: []string{"--data", ""},
			want: "data (CASEHOOK_DATA) must be a directory",
		},
		{
			name: "documents in a bucket with credentials in its URL",
			args: []string{"--documents", "s3://key:canary@documents"},
			want: "documents (CASEHOOK_DOCUMENTS) must be s3://BUCKET/PREFIX?endpoint=https://HOST:PORT&region=REGION, where prefix, endpoint and region may be left out",
		},
		{
			name: "a public URL without a scheme",
			args: []string{"--public-url", "canary.example"},
			want: "public-url (CASEHOOK_PUBLIC_URL) must be an http or https URL without user, query and fragment, such as https://cases.example",
		},
		{
			name: "a public URL with a query",
			args: []string{"--public-url", "https://cases.example/?a=canary"},
			want: "public-url (CASEHOOK_PUBLIC_URL) must be an http or https URL without user, query and fragment, such as https://cases.example",
		},
		{
			name:    "neither true nor false",
			environ: []string{"CASEHOOK_DEV=canary"},
			want:    "dev (CASEHOOK_DEV) must be true or false",
		},
		{
			name: "an allowed network that is none",
			args: []string{"--allow-cidrs", "10.0.0.0/8,canary"},
			want: wantCIDRs,
		},
		{
			name:    "an allowed network without a length",
			environ: []string{"CASEHOOK_ALLOW_CIDRS=10.0.0.1"},
			want:    wantCIDRs,
		},
		{
			name: "an allowed network that does not begin at its first address",
			file: "allow-cidrs: 10.0.0.1/8\n",
			want: wantCIDRs,
		},
		{
			name: "an allowed network that is too long",
			args: []string{"--allow-cidrs", "10.0.0.0/33"},
			want: wantCIDRs,
		},
		{
			name: "an allowed network with a zone",
			args: []string{"--allow-cidrs", "fe80::%eth0/10"},
			want: wantCIDRs,
		},
		{
			name: "an allowed network of IPv4 that is written as IPv6",
			args: []string{"--allow-cidrs", "::ffff:10.0.0.0/104"},
			want: wantCIDRs,
		},
		{
			name: "a comma after the last allowed network",
			args: []string{"--allow-cidrs", "10.0.0.0/8,"},
			want: wantCIDRs,
		},
		{
			name: "an unknown log level",
			args: []string{"--log-level", "canary"},
			want: "log-level (CASEHOOK_LOG_LEVEL) must be debug, info, warn or error",
		},
		{
			name: "an unknown log format",
			args: []string{"--log-format", "canary"},
			want: "log-format (CASEHOOK_LOG_FORMAT) must be text or json",
		},
		{
			name:    "an admin key that can be guessed",
			environ: []string{"CASEHOOK_ADMIN_KEY=canary-canary-canary-ca"},
			want:    "admin-key (CASEHOOK_ADMIN_KEY) must be at least 24 characters long, of visible ASCII without spaces",
		},
		{
			name:    "several settings at once",
			environ: []string{"CASEHOOK_ADMIN_KEY=canary", "CASEHOOK_DEV=canary"},
			want: "dev (CASEHOOK_DEV) must be true or false\n" +
				"admin-key (CASEHOOK_ADMIN_KEY) must be at least 24 characters long, of visible ASCII without spaces",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			args, path := test.args, ""
			if test.file != "" {
				path = writeFile(t, test.file)
				args = append(args, "--config", path)
			}

			_, err := config.Load(parse(t, args...), test.environ)

			require.Error(t, err)
			require.Equal(t, strings.ReplaceAll(test.want, "FILE", path), err.Error())
			require.NotContains(t, err.Error(), "canary")
		})
	}
}

func TestLoadOfAFileThatIsNotThere(t *testing.T) {
	_, err := config.Load(parse(t, "--config", filepath.Join(t.TempDir(), "absent.yaml")), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "absent.yaml")
}

func TestAddFlagsDefinesNoFlagForASecret(t *testing.T) {
	var names []string
	parse(t).VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	require.Equal(t, []string{"allow-cidrs", "config", "data", "database", "dev", "documents", "keep-days", "listen", "log-format", "log-level", "max-document-bytes", "public-url", "shares", "trusted-proxies"}, names)
}

func TestAddFlagsDefinesOnlyWhatIsNamed(t *testing.T) {
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(flags, "database", "data")
	require.Error(t, flags.Parse([]string{"--listen", ":1"}))

	require.NoError(t, flags.Parse([]string{"--data", "/srv"}))
	got, err := config.Load(flags, []string{"CASEHOOK_LISTEN=:2"})
	require.NoError(t, err)
	require.Equal(t, "/srv", got.Data)
	require.Equal(t, ":2", got.Listen, "a setting without a flag still has its variable")
}

func TestSecretsAreNeverShown(t *testing.T) {
	c := config.Default()
	c.AdminKey, c.MasterKey = key, key
	c.Database = "postgres://casehook:" + key + "@db.example:5432/casehook?sslpassword=" + key

	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		require.NotContains(t, fmt.Sprintf(verb, c), key, verb)
		require.NotContains(t, fmt.Sprintf(verb, &c), key, verb)
		require.NotContains(t, fmt.Sprintf(verb, c.AdminKey), key, verb)
	}
	encoded, err := json.Marshal(c.AdminKey)
	require.NoError(t, err)
	require.Equal(t, `"set"`, string(encoded))

	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("starting", "config", c, "key", c.AdminKey)
	require.NotContains(t, log.String(), key)
	require.Contains(t, log.String(), `"admin-key":"set"`)
	require.Contains(t, log.String(), `"database":"postgres://casehook@db.example:5432/casehook"`)
}

func TestSecretThatIsEmptyIsUnset(t *testing.T) {
	require.Equal(t, "unset", config.Secret("").String())
	require.Contains(t, config.Default().String(), "master-key=unset")
}

func TestAllowedNetworksAreShown(t *testing.T) {
	c := config.Default()
	require.Contains(t, c.String(), "allow-cidrs= ")
	c.AllowCIDRs, c.TrustedProxies = networks("10.0.0.0/8", "fd00::/8"), networks("192.0.2.1/32")
	require.Contains(t, c.String(), "allow-cidrs=10.0.0.0/8,fd00::/8 trusted-proxies=192.0.2.1/32 ")
}

// networks returns parsed CIDRs.
func networks(cidrs ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, len(cidrs))
	for i, cidr := range cidrs {
		parsed[i] = netip.MustParsePrefix(cidr)
	}
	return parsed
}

// parse returns all flags with args taken in.
func parse(t testing.TB, args ...string) *pflag.FlagSet {
	t.Helper()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(flags)
	require.NoError(t, flags.Parse(args))
	return flags
}

func writeFile(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "settings.yaml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// plain is a Config that shows its secrets, so that a difference is seen.
func plain(c config.Config) map[string]any {
	return map[string]any{
		"listen": c.Listen, "database": c.Database, "data": c.Data, "documents": c.Documents, "shares": c.Shares, "public-url": c.PublicURL, "dev": c.Dev,
		"allow-cidrs": fmt.Sprint(c.AllowCIDRs), "trusted-proxies": fmt.Sprint(c.TrustedProxies),
		"log-level": c.LogLevel, "log-format": c.LogFormat,
		"admin-key": string(c.AdminKey), "master-key": string(c.MasterKey),
	}
}

func TestTheOperatorsKeyIsNotTheAdminKey(t *testing.T) {
	const key = "one-key-for-both-of-them"
	_, err := config.Load(parse(t), []string{"CASEHOOK_ADMIN_KEY=" + key, "CASEHOOK_OPERATOR_KEY=" + key})
	require.EqualError(t, err, "operator-key (CASEHOOK_OPERATOR_KEY) must be another one than admin-key")
	_, err = config.Load(parse(t), []string{"CASEHOOK_ADMIN_KEY=" + key, "CASEHOOK_OPERATOR_KEY=" + key + "2"})
	require.NoError(t, err)
}
