package storetest

import (
	"sync/atomic"
	"testing"
)

// Bench measures batches: many goroutines change many cases, of which an endpoint is
// told. What is handed over is not sent.
func Bench(b *testing.B, url string) {
	c := newClinic(b, url)
	c.endpoint()
	ids := make([]string, 4*crowd)
	for i := range ids {
		ids[i] = c.create(nil)
	}
	var next atomic.Int64
	b.SetParallelism(crowd)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			id := ids[int(next.Add(1))%len(ids)]
			if _, err := c.Change(b.Context(), c.proposal(id, nil, comment(1))); err != nil {
				b.Error(err)
			}
		}
	})
	b.StopTimer()
}
