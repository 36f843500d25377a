package store

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
)

// latencyBuckets is how many buckets there are: the last begins at 12 days.
const latencyBuckets = 62

// Latencies count how long messages took, in buckets of which two double the time: the first
// is below a millisecond, and one i after that ends at 2^(i/2) milliseconds.
type Latencies [latencyBuckets]int64

// bucketOf returns the bucket of a time. Clocks may differ: a message that took less than no
// time took none.
func bucketOf(took time.Duration) int {
	milliseconds := took.Milliseconds()
	if milliseconds < 1 {
		return 0
	}
	return min(int(2*math.Log2(float64(milliseconds)))+1, latencyBuckets-1)
}

// bucketEnd returns where a bucket ends.
func bucketEnd(bucket int) time.Duration {
	return time.Duration(math.Pow(2, float64(bucket)/2) * float64(time.Millisecond))
}

// Add counts a message that took so long.
func (l *Latencies) Add(took time.Duration) { l[bucketOf(took)]++ }

// Merge adds what others count.
func (l *Latencies) Merge(others *Latencies) {
	for i, n := range others {
		l[i] += n
	}
}

// Quantile returns the time within which a part of the messages were there, such as 0.5 for
// the median; false where there are none. It lies in the bucket of the true one, and so is
// at most the square root of 2 times as much, or as little.
func (l *Latencies) Quantile(part float64) (time.Duration, bool) {
	var all int64
	for _, n := range l {
		all += n
	}
	rank := part * float64(all)
	for i, n := range l {
		if n == 0 {
			continue
		}
		if rank > float64(n) && all > n {
			rank -= float64(n)
			all -= n
			continue
		}
		var begin time.Duration
		if i > 0 {
			begin = bucketEnd(i - 1)
		}
		return begin + time.Duration(rank/float64(n)*float64(bucketEnd(i)-begin)), true
	}
	return 0, false
}

// encode returns the buckets that are not empty, each as its number and its count; nil for
// none.
func (l *Latencies) encode() (encoded []byte) {
	for i, n := range l {
		if n > 0 {
			encoded = binary.AppendUvarint(encoded, uint64(i))
			encoded = binary.AppendUvarint(encoded, uint64(n))
		}
	}
	return encoded
}

// mergeEncoded adds what was encoded.
func (l *Latencies) mergeEncoded(encoded []byte) error {
	for len(encoded) > 0 {
		bucket, n := binary.Uvarint(encoded)
		count, m := binary.Uvarint(encoded[max(n, 0):])
		if n <= 0 || m <= 0 || bucket >= latencyBuckets {
			return errors.New("the latencies of a minute are not as they were written")
		}
		l[bucket] += int64(count)
		encoded = encoded[n+m:]
	}
	return nil
}
