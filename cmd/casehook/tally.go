package main

import (
	"slices"
	"time"

	"github.com/casehook/casehook/caseupdate"
)

// tally is what was received, event by event.
type tally struct {
	rows    map[caseupdate.Event]*row
	missing int // webhooks that should have come and did not
}

// row is what was received of one event.
type row struct {
	took              []time.Duration // from the request to the receipt, of each webhook
	verified, ordered int
}

func newTally() *tally {
	t := &tally{rows: make(map[caseupdate.Event]*row)}
	for _, event := range caseupdate.Events() {
		t.rows[event] = &row{}
	}
	return t
}

// add counts what was received. What comes again is not counted again.
func (t *tally) add(r receipt, took time.Duration) {
	row, known := t.rows[r.update.Event]
	if !known || r.again() {
		return
	}
	row.took = append(row.took, took)
	if r.verified() {
		row.verified++
	}
	if r.ordered() {
		row.ordered++
	}
}

// right reports whether the event was received, and each time as it should be.
func (r *row) right() bool {
	n := len(r.took)
	return n > 0 && r.verified == n && r.ordered == n
}

// right counts the events that were received as they should be.
func (t *tally) right() int {
	n := 0
	for _, row := range t.rows {
		if row.right() {
			n++
		}
	}
	return n
}

// complete reports whether nothing is missing or wrong.
func (t *tally) complete() bool { return t.missing == 0 && t.right() == len(t.rows) }

// took returns how long all webhooks took, the fastest first.
func (t *tally) took() []time.Duration {
	var all []time.Duration
	for _, row := range t.rows {
		all = append(all, row.took...)
	}
	slices.Sort(all)
	return all
}

// median returns the middle of durations, the lower one of two. There is at least one.
func median(durations []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(durations))
	return sorted[(len(sorted)-1)/2]
}
