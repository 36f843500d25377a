package planttest_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/planttest"
)

func TestAMarkIsFoundHoweverItIsWritten(t *testing.T) {
	var g planttest.Garden
	g.Plant("the one before")
	mark := g.Plant("the name")
	g.Watch("the secret", "s/e+c?r&e<t")
	for _, around := range []string{"", "a", "ab", "abc"} {
		for name, write := range map[string]func(string) string{
			"as it is":         func(text string) string { return text },
			"in small letters": strings.ToLower,
			"in large letters": strings.ToUpper,
			"in base64":        func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) },
			"in base64url":     func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) },
			"in hex":           func(text string) string { return hex.EncodeToString([]byte(text)) },
			"in hex, large":    func(text string) string { return strings.ToUpper(hex.EncodeToString([]byte(text))) },
			"in a query":       url.QueryEscape,
			"in a path":        url.PathEscape,
			"in JSON":          func(text string) string { quoted, _ := json.Marshal(text); return string(quoted) },
			"escaped in a URL": func(text string) string { return escaped(text, "%") },
			"escaped in JSON":  func(text string) string { return escaped(text, `\u00`) },
		} {
			require.Equal(t, []string{"the name"}, g.Find([]byte(write(around+mark+around))), "%s, within %q", name, around)
		}
		require.Equal(t, []string{"the secret"}, g.Find([]byte(base64.StdEncoding.EncodeToString([]byte(around+"s/e+c?r&e<t")))))
		require.Equal(t, []string{"the secret"}, g.Find([]byte(base64.URLEncoding.EncodeToString([]byte(around+"s/e+c?r&e<t")))))
	}
	require.Equal(t, []string{"the secret"}, g.Find([]byte("a="+url.QueryEscape("s/e+c?r&e<t"))))
	require.Equal(t, []string{"the secret"}, g.Find([]byte("/a/"+url.PathEscape("s/e+c?r&e<t")+"/b")))
	require.Empty(t, g.Find([]byte("PLANTED-47")))
	require.Equal(t, []string{"the one before", "the name", "the secret"}, g.Names())
}

// escaped writes each byte of text by its number, after a prefix.
func escaped(text, prefix string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		b.WriteString(prefix + strings.ToUpper(hex.EncodeToString([]byte{c})))
	}
	return b.String()
}
