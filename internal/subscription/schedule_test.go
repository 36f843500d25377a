package subscription_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/casehook/casehook/internal/subscription"
)

func TestTheScheduleTakesAboutThreeDays(t *testing.T) {
	want := []time.Duration{
		5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour,
		4 * time.Hour, 8 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour,
	}
	const middle = 0.5 // of the jitter
	for i, planned := range want {
		wait, again := subscription.Wait(i+1, middle)
		if !again || wait.Round(time.Millisecond) != planned {
			t.Errorf("after try %d: want %s, got %s, again %t", i+1, planned, wait, again)
		}
	}
	if _, again := subscription.Wait(len(want)+1, middle); again {
		t.Errorf("after try %d: tried again", len(want)+1)
	}
}

func TestAWaitIsWithinTheJitter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tries := rapid.IntRange(-1, subscription.MaxTries+1).Draw(t, "tries")
		chance := rapid.Float64Range(0, 0.999).Draw(t, "chance")
		wait, again := subscription.Wait(tries, chance)
		planned, _ := subscription.Wait(tries, 0.5)
		if want := tries >= 1 && tries < subscription.MaxTries; again != want {
			t.Fatalf("again: want %t, got %t", want, again)
		}
		if low, high := float64(planned)*0.799, float64(planned)*1.201; float64(wait) < low || float64(wait) > high {
			t.Fatalf("wait: want %s ± 20 %%, got %s", planned, wait)
		}
	})
}
