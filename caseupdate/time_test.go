package caseupdate_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
)

func TestATimeIsWrittenInUTCToTheMillisecond(t *testing.T) {
	india := time.FixedZone("IST", 5*60*60+30*60)
	for _, test := range []struct {
		name   string
		moment time.Time
		want   string
	}{
		{"whole seconds have three zeros", time.Date(2026, 11, 23, 14, 5, 6, 0, time.UTC), "2026-11-23T14:05:06.000Z"},
		{"what is finer is cut, not rounded", time.Date(2026, 11, 23, 14, 5, 6, 789_999_999, time.UTC), "2026-11-23T14:05:06.789Z"},
		{"another zone", time.Date(2026, 11, 24, 0, 0, 0, 0, india), "2026-11-23T18:30:00.000Z"},
		{"the zero time", time.Time{}, "0001-01-01T00:00:00.000Z"},
		{"the first", time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), "0000-01-01T00:00:00.000Z"},
		{"the first, from a zone in which the year is earlier", time.Date(-1, 12, 31, 22, 0, 0, 0, time.FixedZone("", -2*60*60)), "0000-01-01T00:00:00.000Z"},
		{"the last, from a zone in which the year is later", time.Date(10000, 1, 1, 1, 59, 59, 0, time.FixedZone("", 2*60*60)), "9999-12-31T23:59:59.000Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, written := range []caseupdate.Time{caseupdate.At(test.moment), {Time: test.moment}} {
				require.Equal(t, test.want, written.String())
				text, err := json.Marshal(written)
				require.NoError(t, err)
				require.Equal(t, `"`+test.want+`"`, string(text))
			}
		})
	}
}

func TestATimeOutsideTheYearsOfFourDigitsIsNotWritten(t *testing.T) {
	for _, test := range []struct {
		name   string
		moment time.Time
	}{
		{"too late", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		{"too late in UTC only", time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -2*60*60))},
		{"too early", time.Date(-1, 12, 31, 23, 59, 59, 0, time.UTC)},
		{"too early in UTC only", time.Date(0, 1, 1, 1, 0, 0, 0, time.FixedZone("", 2*60*60))},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := json.Marshal(caseupdate.Time{Time: test.moment})
			require.ErrorContains(t, err, "year outside 0 to 9999")
		})
	}
}

func TestATimeIsReadFromAnyOffsetAndPrecision(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"as the format writes it", "2026-11-23T14:05:06.789Z", "2026-11-23T14:05:06.789Z"},
		{"whole seconds", "2026-11-23T14:05:06Z", "2026-11-23T14:05:06.000Z"},
		{"nanoseconds", "2026-11-23T14:05:06.789999999Z", "2026-11-23T14:05:06.789Z"},
		{"an offset", "2026-11-23T19:35:06.789+05:30", "2026-11-23T14:05:06.789Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got caseupdate.Time
			require.NoError(t, json.Unmarshal([]byte(`"`+test.text+`"`), &got))
			require.Equal(t, test.want, got.String())
			require.Equal(t, time.UTC, got.Location())
		})
	}
}

func TestWhatIsNoTimestampIsRefusedAndNotRepeated(t *testing.T) {
	for _, test := range []struct{ name, text string }{
		{"no zone", `"7731-11-23T14:05:06"`},
		{"a date", `"7731-11-23"`},
		{"a day that does not exist", `"7731-02-29T00:00:00Z"`},
		{"an hour that does not exist", `"7731-11-23T24:00:00Z"`},
		{"a space in the middle", `"7731-11-23 14:05:06Z"`},
		{"a year that has five digits in UTC", `"9999-12-31T23:59:59.7731-01:00"`},
		{"a year before 0 in UTC", `"0000-01-01T00:00:00.7731+01:00"`},
		{"a number", `7731`},
		{"a list", `["7731-11-23T14:05:06Z"]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := on("14:05:06.789")
			got := before
			err := json.Unmarshal([]byte(test.text), &got)
			var mistyped *json.UnmarshalTypeError
			require.ErrorAs(t, err, &mistyped)
			require.NotContains(t, err.Error(), "7731")
			require.Equal(t, before, got, "what was there before")
		})
	}
}
