package render_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/render"
)

// rendering returns how many bytes of memory it takes to render the last event of a story,
// and how long the body is.
func rendering(s *story, o render.Options) (allocated, length int64) {
	last := len(s.events) - 1
	s.rendered(last, o) // what is made once
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	body := s.rendered(last, o)
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc), body.Len()
}

func TestRenderingTakesMemoryForTheBodyAndNotForTheLog(t *testing.T) {
	short, long := longStory(t, 20), longStory(t, 2_001)
	for name, o := range map[string]render.Options{
		"with clearance": {Clearance: all},
		"without":        {},
	} {
		t.Run(name, func(t *testing.T) {
			ofShort, _ := rendering(short, o)
			ofLong, _ := rendering(long, o)
			require.Less(t, ofLong, 2*ofShort+4096, "bytes for the basic case")

			o.Payload = "full"
			allocated, length := rendering(long, o)
			require.Less(t, allocated, 20*length, "bytes for a body of %d bytes", length)
		})
	}
}
