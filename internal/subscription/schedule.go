package subscription

import "time"

// schedule is how long to wait after each failed try.
var schedule = []time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour,
}

// MaxTries is how often a message is tried before it has failed: at once, and
// once after each wait of the schedule.
var MaxTries = len(schedule) + 1

// Jitter is how far a wait may be from the schedule's, either way, so that what
// failed together does not come back together.
const Jitter = 0.2

// Wait returns how long to wait after that many tries, all failed, and whether to
// try again at all. Chance is in [0, 1) and picks the wait within the jitter.
func Wait(tries int, chance float64) (wait time.Duration, again bool) {
	if tries < 1 || tries >= MaxTries {
		return 0, false
	}
	return time.Duration(float64(schedule[tries-1]) * Spread(chance)), true
}

// Spread returns what a wait is multiplied by, so that it lies within the jitter. Chance
// is in [0, 1).
func Spread(chance float64) float64 { return 1 - Jitter + 2*Jitter*chance }
