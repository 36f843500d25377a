package rest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
)

// resolver is a value that remembers what was wrong with it.
type resolver interface {
	json.Unmarshaler
	Resolve(huma.Context, *huma.PathBuffer) []error
}

// readValue has a value read from JSON, and reports whether it is accepted. What is not
// is refused by these words, whatever it was.
func readValue(t *testing.T, value resolver, text []byte, allowed string) (accepted bool) {
	t.Helper()
	require.NoError(t, value.UnmarshalJSON(bytes.TrimSpace(text)), "encoding/json would not name the field")
	faults := value.Resolve(nil, huma.NewPathBuffer([]byte("body.field"), len("body.field")))
	if len(faults) == 0 {
		return true
	}
	want := []error{&huma.ErrorDetail{Location: "body.field", Message: allowed}}
	if diff := cmp.Diff(want, faults); diff != "" {
		t.Fatalf("refused by (-want +got):\n%s", diff)
	}
	return false
}

// FuzzTimestamp requires of what is read as a moment that it is the one that package time
// reads, and comes back as it was written.
func FuzzTimestamp(f *testing.F) {
	for _, seed := range []string{
		`"2026-11-23T14:05:06.789Z"`, `"2026-11-23T14:05:06.789999+05:30"`, `"0000-12-31T23:59:59Z"`, `"0001-01-01T00:00:00+00:01"`,
		`"9999-12-31T23:59:59-00:01"`, `"2026-02-29T00:00:00Z"`, `"2026-11-23"`, `"2026-11-23T14:05:06\u005a"`, `null`, `""`, `"`, `1795529106`, `{}`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) {
			return // nothing else reaches a value
		}
		var got timestamp
		if !readValue(t, &got, text, mustBeTime) {
			return
		}
		var plain string
		require.NoError(t, json.Unmarshal(text, &plain))
		want, err := time.Parse(time.RFC3339Nano, plain)
		require.NoError(t, err)
		require.True(t, got.time().Equal(want.Truncate(time.Millisecond)), "%s was read as %s", text, got.time())
		written, err := json.Marshal(got.time())
		require.NoError(t, err)
		var again timestamp
		require.True(t, readValue(t, &again, written, mustBeTime), "%s", written)
		require.True(t, got.time().Equal(again.time().Time))
	})
}

// FuzzAmount requires of what is read as money that it is exactly what was written, and
// comes back.
func FuzzAmount(f *testing.F) {
	for _, seed := range []string{
		"0", "-0", "159.5", "159.50", "0.01", "1.005", "15950e-2", "1e2", "1e99", "0e99", "1E-999", "999999999999.99", "1000000000000", "null", `"159.5"`, "true", "{}", "[1]",
	} {
		f.Add([]byte(seed))
	}
	allowed := "must be a number of at most two decimal places, up to " + caseupdate.MaxAmount.String()
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) {
			return // nothing else reaches a value
		}
		var got amount
		if !readValue(t, &got, text, allowed) {
			return
		}
		require.Less(t, len(bytes.TrimSpace(text)), 64, "the oracle would work out 1e999999999")
		want, ok := new(big.Rat).SetString(string(bytes.TrimSpace(text)))
		require.True(t, ok, "%s", text)
		require.Zero(t, want.Cmp(big.NewRat(int64(got.minor), 100)), "%s was read as %s", text, got.minor)
		written, err := json.Marshal(got.minor)
		require.NoError(t, err)
		var again amount
		require.True(t, readValue(t, &again, written, allowed), "%s", written)
		require.Equal(t, got, again)
	})
}

// FuzzContent requires of what is read as a document that it is what encoding/json and
// encoding/base64 make of it, and that all they take is taken.
func FuzzContent(f *testing.F) {
	for _, seed := range []string{
		`""`, `"aGVsbG8="`, `"aGVsbG8"`, `"\/\/\/\/"`, `"_-8="`, `"aGVs\nbG8="`, `"\u0061Gk="`, `"a*b="`, `"aGk=\""`, `"\"aGk="`, `null`, `1234`, `true`, `["aGk="]`, "\"\xff\"",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) {
			return // nothing else reaches a value
		}
		var got content
		accepted := readValue(t, &got, text, "must be base64, as in RFC 4648, section 4")
		var encoded *string
		err := json.Unmarshal(text, &encoded)
		var want []byte
		fine := err == nil && encoded != nil
		if fine {
			want, err = base64.StdEncoding.DecodeString(*encoded)
			fine = err == nil
		}
		require.Equal(t, fine, accepted, "%s", text)
		if !fine {
			return
		}
		require.Equal(t, string(want), string(got.bytes))
		written, err := json.Marshal(want)
		require.NoError(t, err)
		var again content
		require.True(t, readValue(t, &again, written, ""))
		require.Equal(t, string(want), string(again.bytes))
	})
}
