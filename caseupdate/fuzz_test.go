package caseupdate_test

import (
	"bytes"
	"encoding/json"
	"math/big"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
)

func FuzzParse(f *testing.F) {
	for _, g := range goldens() {
		f.Add(g.read(f))
	}
	for _, test := range wrong {
		f.Add([]byte(test.body))
	}
	for _, text := range nastyTexts {
		f.Add(marshal(f, saying(text)))
	}
	f.Add([]byte(` { "event" : "CASE_MERGED" , "payload" : { "case" : { "title" : "\u2028" } , "redacted" : [ "\ud800" ] , "n" : 1e2 } } `))

	f.Fuzz(func(t *testing.T, body []byte) {
		if planted, ok := plant(body); ok {
			if _, err := caseupdate.Parse(planted); err != nil {
				require.NotContains(t, err.Error(), plantedText)
				require.NotContains(t, err.Error(), plantedNumber)
			}
		}
		first, err := caseupdate.Parse(body)
		if err != nil {
			if !json.Valid(body) {
				require.Regexp(t, notJSON, err.Error())
			}
			return
		}
		written := marshal(t, first)
		second, err := caseupdate.Parse(written)
		require.NoError(t, err)
		// Of an unknown event Raw has lost its white space; and a list of no redacted
		// paths is not written.
		same := cmp.Options{notRaw, cmpopts.IgnoreFields(caseupdate.UnknownEvent{}, "Raw"), cmpopts.EquateEmpty()}
		if diff := cmp.Diff(first, second, same); diff != "" {
			t.Errorf("written and read again (-first +second):\n%s", diff)
		}
		require.Equal(t, string(written), string(marshal(t, second)))
	})
}

var notJSON = regexp.MustCompile(`^caseupdate: body: not JSON, at byte \d+$`)

const (
	plantedText   = "Zq7planted"
	plantedNumber = "70411938"
)

// plant replaces every text and number in a body but the event's name by one that
// no error would have of itself.
func plant(body []byte) (planted []byte, ok bool) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var envelope map[string]any
	if dec.Decode(&envelope) != nil {
		return nil, false
	}
	for key, value := range envelope {
		if _, isName := value.(string); key != "event" || !isName {
			envelope[key] = plantIn(value)
		}
	}
	planted, err := json.Marshal(envelope)
	return planted, err == nil
}

func plantIn(value any) any {
	switch v := value.(type) {
	case string:
		return plantedText + v
	case json.Number:
		return json.Number(plantedNumber + ".125")
	case []any:
		for i := range v {
			v[i] = plantIn(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = plantIn(v[key])
		}
	}
	return value
}

func FuzzAmount(f *testing.F) {
	for _, text := range []string{
		"0", "-0", "159", "159.5", "159.50", "0.01", "-0.01", "0.001", "1e2", "1.5e1", "15950e-2", "1E+2", "1e99", "1e999", "1e-999", "0e99",
		"999999999999.99", "1000000000000", "-1000000000000", "99999999999999999999", "0.10000000000000000000000000000000000000",
		"null", "true", `"159.5"`, "[1]", "{}", "1/2", "0x10", "1_000", "+1", ".5", "5.", "Inf", "NaN", " 5 ", "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got caseupdate.Amount
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			if json.Valid([]byte(text)) {
				require.NotContains(t, err.Error(), text)
			}
			return
		}
		text = strings.TrimSpace(text)
		if text == "null" {
			return
		}
		// The length keeps the oracle from working out 1e999999999.
		require.Less(t, len(text), 64)
		want, ok := new(big.Rat).SetString(text)
		require.True(t, ok, text)
		require.Zero(t, want.Cmp(big.NewRat(int64(got), 100)), "%s was read as %s", text, got)

		written, err := json.Marshal(got)
		require.NoError(t, err)
		var again caseupdate.Amount
		require.NoError(t, json.Unmarshal(written, &again))
		require.Equal(t, got, again)
	})
}

func FuzzTime(f *testing.F) {
	for _, text := range []string{
		"2026-11-23T14:05:06.789Z", "2026-11-23T14:05:06Z", "2026-11-23T14:05:06.789999999+05:30", "2026-11-23T14:05:06-23:59",
		"2026-11-23t14:05:06z", "2026-11-23 14:05:06Z", "2026-11-23T14:05:06", "2026-11-23T14:05:06,789Z", "2026-11-23T4:05:06Z",
		"2026-02-29T00:00:00Z", "2024-02-29T00:00:00Z", "2026-11-23T24:00:00Z", "2026-06-30T23:59:60Z", "2026-11-23T14:05:06+24:00",
		"0000-01-01T00:00:00Z", "0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59-00:01", "10000-01-01T00:00:00Z",
		"2026-11-23", "14:05:06Z", "1795529106789", "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		quoted, err := json.Marshal(text)
		require.NoError(t, err)
		var got caseupdate.Time
		if err := json.Unmarshal(quoted, &got); err != nil {
			// What has no digit may stand in any error's own words.
			if strings.ContainsAny(text, "0123456789") {
				require.NotContains(t, err.Error(), text)
			}
			return
		}
		moment, err := time.Parse(time.RFC3339Nano, text)
		require.NoError(t, err)
		require.True(t, got.Equal(moment.Truncate(time.Millisecond)), "%s was read as %s", text, got)
		require.Len(t, got.String(), len("2026-11-23T14:05:06.789Z"))

		written, err := json.Marshal(got)
		require.NoError(t, err)
		var again caseupdate.Time
		require.NoError(t, json.Unmarshal(written, &again))
		require.Equal(t, got, again)
	})
}
