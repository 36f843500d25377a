package caselog

import (
	"sync/atomic"

	"github.com/casehook/casehook/caseupdate"
)

// room is the array behind a list, in which there may be place for more items than the
// list has. The states of a case that follow each other share it: each sees its own items
// and none of those behind them, so that a list is not copied with every event.
//
// Two states can follow the same one. The first that takes a place has it, and the other
// copies the list.
type room[T any] struct {
	places []T
	taken  atomic.Int64 // places that a list has, or had
}

// rooms are those of a case. They are nil where a list has never grown.
type rooms struct {
	submissions *room[caseupdate.FormSubmission]
	decisions   *room[caseupdate.Decision]
	comments    *room[Comment]
	deleted     *room[string]
	attachments *room[Attachment]
	payments    *room[caseupdate.Payment]
	orders      *room[caseupdate.Order]
	activity    *room[caseupdate.Activity]
	phi         *room[string]
	restricted  *room[string]
}

// extend returns list with an item behind its last. It leaves list as it is, and every
// other list that shares its array. What it returns has no spare capacity: nobody else
// can append to it in place.
func extend[T any](r **room[T], list []T, item T) []T {
	n := len(list)
	if (*r).claim(list) {
		(*r).places[n] = item
		return (*r).places[: n+1 : n+1]
	}
	grown := append(list[:n:n], item)
	*r = &room[T]{places: grown[:cap(grown)]}
	(*r).taken.Store(int64(n) + 1)
	return grown[: n+1 : n+1]
}

// claim takes the place behind the last item of list, where list lies in the room and
// nobody has taken it before.
func (r *room[T]) claim(list []T) bool {
	n := len(list)
	return r != nil && n < len(r.places) && (n == 0 || &r.places[0] == &list[0]) && r.taken.CompareAndSwap(int64(n), int64(n)+1)
}
