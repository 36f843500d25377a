package dashboard

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/service"
)

func TestTrafficIsToldInWords(t *testing.T) {
	ms := func(n time.Duration) *time.Duration { return new(n * time.Millisecond) }
	for want, total := range map[string]service.TrafficPoint{
		"Nothing was sent in the last hour.":                                                               {FailedAttempts: 3},
		"1 message was delivered in the last hour, within 12 ms.":                                          {Delivered: 1, Median: ms(11), P99: ms(12)},
		"1,200 messages were delivered in the last hour, half of them within 11 ms, 99 of 100 within 2 h.": {Delivered: 1200, Median: ms(11), P99: ms(7_200_000)},
		"Messages were delivered again, 3 times in the last hour.":                                         {Delivered: 3},
	} {
		require.Equal(t, want, hour.tell(total))
	}
}

func TestNumbersAndTimesAreToldAsExactlyAsItMatters(t *testing.T) {
	for want, n := range map[string]int64{"0": 0, "999": 999, "1,000": 1000, "10,000": 10_000, "123,456,789": 123_456_789, "9,223,372,036,854,775,807": math.MaxInt64} {
		require.Equal(t, want, count(n))
	}
	for want, d := range map[string]time.Duration{
		"under 1 ms": 900 * time.Microsecond, "1.0 ms": time.Millisecond, "9.9 ms": 9990 * time.Microsecond, "10 ms": 10 * time.Millisecond, "999 ms": 999*time.Millisecond + 999,
		"1.5 s": 1500 * time.Millisecond, "59 s": 59 * time.Second, "1 min": 119 * time.Second, "47 h": 47 * time.Hour, "3 d": 73 * time.Hour,
	} {
		require.Equal(t, want, took(d))
	}
	for want, part := range map[string]float64{"100 %": 1, "99.62 %": 0.99617, "50 %": 0.5, "0.25 %": 0.0025, "under 0.01 %": 0.000001, "0 %": 0} {
		require.Equal(t, want, percent(part))
	}
	require.Equal(t, "0.017 a minute", pace(1.0/60))
	require.Equal(t, "9.9 a minute", pace(9.94))
	require.Equal(t, "1,234 a minute", pace(1234.5))
}
