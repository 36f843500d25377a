package rest

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/service"
)

// found is the answer to a call that changes nothing.
type found[T any] struct {
	Body T
}

// reply is the answer to a change. It is kept, for a repetition, as JSON.
type reply[T any] struct {
	Status   int    `json:"status"`
	EventIDs string `json:"eventIds,omitempty" header:"Casehook-Event-Id" hidden:"true"`
	Location string `json:"location,omitempty" header:"Location" hidden:"true"`
	Body     T      `json:"body"`
}

// list is a part of a list.
type list[T any] struct {
	Data       []T     `json:"data"`
	NextCursor *string `json:"nextCursor" doc:"Where the list goes on: the cursor of the next call. Null at its end."`
}

// Paging asks for a part of a list.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"How many to answer at most."`
	Cursor string `query:"cursor" doc:"The nextCursor of the answer before; without it, the beginning."`
}

func (p Paging) page() service.Page { return service.Page{Limit: p.Limit, Cursor: p.Cursor} }

// listed answers with items, each turned by item into its shape.
func listed[S, T any](items []S, item func(S) T, next string) *found[list[T]] {
	data := make([]T, len(items))
	for i, it := range items {
		data[i] = item(it)
	}
	answer := &found[list[T]]{list[T]{Data: data}}
	if next != "" {
		answer.Body.NextCursor = &next
	}
	return answer
}

// created answers with the object of the first event, in the event's own shape.
func created[T any](changed service.Changed) *reply[T] {
	return &reply[T]{
		Status:   http.StatusCreated,
		EventIDs: eventIDs(changed),
		Body:     object[T](changed, 0),
	}
}

// basic answers with the basic case, as who calls may see it.
func basic(ctx context.Context) func(service.Changed) *reply[*caseupdate.Case] {
	return func(changed service.Changed) *reply[*caseupdate.Case] {
		return &reply[*caseupdate.Case]{
			Status:   http.StatusOK,
			EventIDs: eventIDs(changed),
			Body:     render.Case(changed.Case, caller(ctx).Clearance),
		}
	}
}

// object returns the object of the event at i, which is a T.
func object[T any](changed service.Changed, i int) T {
	return render.Object(changed.Events[i]).(T)
}

// eventIDs names what was recorded, in order.
func eventIDs(changed service.Changed) string {
	ids := make([]string, len(changed.Events))
	for i, event := range changed.Events {
		ids[i] = event.ID
	}
	return strings.Join(ids, ",")
}

// at returns t as it is written, nil for nil.
func at(t *time.Time) *caseupdate.Time {
	if t == nil {
		return nil
	}
	written := caseupdate.At(*t)
	return &written
}
