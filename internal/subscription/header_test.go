package subscription_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/refusal"
)

func TestNoHeaderCarriesAnother(t *testing.T) {
	const canary = "canary"
	for name, headers := range map[string]map[string]string{
		"a CR and LF in a value":           {"x-key": "a\r\n" + canary + ": b"},
		"a LF in a value":                  {"x-key": "a\n" + canary + ": b"},
		"a CR in a value":                  {"x-key": "a\r" + canary + ": b"},
		"a value that is folded":           {"x-key": "a\r\n " + canary},
		"a value that is folded by a tab":  {"x-key": "a\r\n\t" + canary},
		"an end of the header in a value":  {"x-key": "a\r\n\r\n" + canary},
		"a NUL in a value":                 {"x-key": "a\x00" + canary},
		"a tab in a value":                 {"x-key": "a\t" + canary},
		"a DEL in a value":                 {"x-key": "a\x7f" + canary},
		"a value that is not ASCII":        {"x-key": "ä" + canary},
		"a line separator in a value":      {"x-key": "a\u2028" + canary},
		"what becomes CR and LF in 8 bits": {"x-key": "a\u010d\u010a" + canary},
		"a value that is not UTF-8":        {"x-key": "\xff" + canary},
		"a NEL in a value":                 {"x-key": "a\u0085" + canary},
		"space before a value":             {"x-key": " " + canary},
		"space after a value":              {"x-key": canary + " "},
		"a value that is too long":         {"x-key": strings.Repeat(canary, 1000)},
		"no name":                          {"": canary},
		"a colon in a name":                {"x-key: " + canary: "a"},
		"a CR and LF in a name":            {"x-key: a\r\n" + canary: "a"},
		"a LF in a name":                   {"x\n" + canary: "a"},
		"a NUL in a name":                  {"x\x00" + canary: "a"},
		"space after a name":               {canary + " ": "a"},
		"space before a name":              {" " + canary: "a"},
		"a tab in a name":                  {"x\t" + canary: "a"},
		"a name that is not ASCII":         {"xä" + canary: "a"},
		"a name that is not UTF-8":         {"x\xff" + canary: "a"},
		"a name that is too long":          {strings.Repeat(canary, 20): "a"},
		"a name twice":                     {"x-" + canary: "a", "X-" + canary: "a"},
		"a name twice, in capitals":        {"x-" + canary: "a", strings.ToUpper("x-" + canary): "a"},
		"a length":                         {"Content-Length": "0"},
		"an encoding":                      {"TRANSFER-ENCODING": "chunked"},
		"a host":                           {"hOsT": canary},
		"an id":                            {"WEBHOOK-ID": canary},
		"a sequence":                       {"casehook-sequence": canary},
		"what a Kelvin sign folds to":      {"x-\u212aey" + canary: "a"},
	} {
		t.Run(name, func(t *testing.T) {
			e := valid()
			e.Headers = headers
			refused, ok := errors.AsType[*refusal.Error](e.Check(false))
			require.True(t, ok, "Check accepts it")
			require.Len(t, refused.Faults, 1)
			require.Equal(t, "headers", refused.Faults[0].Field)
			require.NotContains(t, strings.ToLower(refused.Error()), canary)
		})
	}
}

// FuzzCheckHeaders requires of what is accepted that net/http writes it as one line.
func FuzzCheckHeaders(f *testing.F) {
	for _, seed := range [][2]string{{"x-key", "a secret"}, {"x-key", "a\r\nb: c"}, {"webhook-id", "a"}, {"", ""}, {"x\x00", "ä"}, {"a`'|~", "!"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		e := valid()
		e.Headers = map[string]string{name: value}
		if e.Check(false) != nil {
			return
		}
		var written strings.Builder
		require.NoError(t, http.Header{name: {value}}.Write(&written))
		require.Equal(t, name+": "+value+"\r\n", written.String())
	})
}
