package store

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestQuantilesLieInTheBucketOfTheTrueOnes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		took := rapid.SliceOfN(rapid.Map(rapid.Int64Range(1, 1_000_000_000), func(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }), 1, 300).Draw(t, "took")
		part := rapid.SampledFrom([]float64{0.01, 0.5, 0.99, 1}).Draw(t, "part")
		var l Latencies
		for _, d := range took {
			l.Add(d)
		}
		slices.Sort(took)
		want := took[int(math.Ceil(part*float64(len(took))))-1]
		got, ok := l.Quantile(part)
		require.True(t, ok)
		require.InDelta(t, float64(want), float64(got), float64(want)*(math.Sqrt2-1)+1)
	})
}

func TestLatenciesAreReadAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l, read Latencies
		for range rapid.IntRange(0, 50).Draw(t, "n") {
			l.Add(time.Duration(rapid.Int64Range(-1, math.MaxInt64).Draw(t, "took")))
		}
		require.NoError(t, read.mergeEncoded(l.encode()))
		require.Equal(t, l, read)
	})
}

func TestLatenciesThatAreNotAsTheyWereWrittenAreRefused(t *testing.T) {
	for _, encoded := range [][]byte{{1}, {0x80}, {1, 0x80}, {latencyBuckets, 1}} {
		require.Error(t, new(Latencies).mergeEncoded(encoded))
	}
}

func TestNoLatenciesHaveNoQuantile(t *testing.T) {
	_, ok := new(Latencies).Quantile(0.5)
	require.False(t, ok)
}
