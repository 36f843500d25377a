package main

import (
	"errors"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// keyVariable is where the API key is where no flag says so.
const keyVariable = "CASEHOOK_KEY"

// serverFlags say where a server is, and who asks it.
type serverFlags struct {
	url, keyFile string
}

func (f *serverFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.url, "server", "http://127.0.0.1:8080", "the `URL` of the server")
	cmd.Flags().StringVar(&f.keyFile, "key-file", "", "the `FILE` that has the API key of an admin; without it the key is in "+keyVariable)
}

// client reads the flags.
func (f *serverFlags) client(cmd *cobra.Command) (*client, error) {
	target, err := url.Parse(f.url)
	if err != nil || !isHTTP(target) || target.RawQuery != "" {
		return nil, misuse{errors.New("--server must be an http or https URL, such as https://casehook.example")}
	}
	key := os.Getenv(keyVariable)
	if f.keyFile != "" {
		content, err := readFile(cmd, f.keyFile)
		if err != nil {
			return nil, err
		}
		key = string(content)
	}
	if key = strings.TrimSpace(key); key == "" {
		return nil, misuse{errors.New("an API key is needed: --key-file FILE, or " + keyVariable + " in the environment")}
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, misuse{errors.New("the API key must be one word of visible ASCII")}
	}
	return &client{url: strings.TrimSuffix(f.url, "/"), key: key}, nil
}

// isHTTP reports whether a URL is one that requests can be sent to.
func isHTTP(u *url.URL) bool {
	return u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}
