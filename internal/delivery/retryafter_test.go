package delivery

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRetryAfterIsReadAsRFC9110HasIt(t *testing.T) {
	now := time.Date(2026, 11, 23, 14, 5, 6, 0, time.UTC)
	for _, test := range []struct {
		header string
		want   time.Duration
	}{
		{"120", 2 * time.Minute},
		{" 7 ", 7 * time.Second},
		{"0", time.Second},
		{"86401", 24 * time.Hour},
		{"4294967295", 24 * time.Hour},
		{"Mon, 23 Nov 2026 14:06:06 GMT", time.Minute},
		{"Monday, 23-Nov-26 14:06:06 GMT", time.Minute},
		{"Mon Nov 23 14:06:06 2026", time.Minute},
		{"Mon, 23 Nov 2026 14:00:00 GMT", time.Second},
		{"Sat, 23 Nov 2126 14:00:00 GMT", 24 * time.Hour},
		{"", 0},
		{"soon", 0},
		{"-1", 0},
		{"1.5", 0},
		{"4294967296", 0},
	} {
		t.Run(test.header, func(t *testing.T) { require.Equal(t, test.want, retryAfter(test.header, now)) })
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, header := range []string{"", "0", "120", "Mon, 23 Nov 2026 14:06:06 GMT", "-1"} {
		f.Add(header)
	}
	now := time.Date(2026, 11, 23, 14, 5, 6, 0, time.UTC)
	f.Fuzz(func(t *testing.T, header string) {
		if wait := retryAfter(header, now); wait != 0 && (wait < time.Second || wait > maxRetryAfter) {
			t.Errorf("%q asks to wait %s", header, wait)
		}
	})
}
