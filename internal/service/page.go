package service

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/casehook/casehook/internal/refusal"
)

// How many items a page of a list has: as many as asked for, up to MaxLimit.
const (
	DefaultLimit = 50
	MaxLimit     = 100
)

// Page asks for a part of a list.
type Page struct {
	Limit  int    // 0 for DefaultLimit
	Cursor string // what the page before returned as next; "" for the first
}

func (p Page) limit() (int, error) {
	switch {
	case p.Limit == 0:
		return DefaultLimit, nil
	case p.Limit < 1 || p.Limit > MaxLimit:
		return 0, refusal.Field("limit", fmt.Sprintf("must be a whole number from 1 to %d", MaxLimit))
	}
	return p.Limit, nil
}

// encode returns a cursor for a place in a list.
func encode(place ...any) string {
	b, _ := json.Marshal(place) // strings and numbers never fail
	return base64.RawURLEncoding.EncodeToString(b)
}

// decode reads the place that a cursor names; an empty one leaves it as it is.
func (p Page) decode(place ...any) error {
	return decode("cursor", p.Cursor, place...)
}

const noCursor = "must be the nextCursor of this list"

func decode(field, cursor string, place ...any) error {
	if cursor == "" {
		return nil
	}
	wrong := refusal.Field(field, noCursor)
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return wrong
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(b, &parts); err != nil || len(parts) != len(place) {
		return wrong
	}
	for i, part := range parts {
		if err := json.Unmarshal(part, place[i]); err != nil {
			return wrong
		}
		if text, ok := place[i].(*string); ok && !IsText(*text) {
			return wrong
		}
	}
	return nil
}

// byID is a page of a list that goes by id: it asks list for the items after one,
// one more than fit, and returns where to go on.
func byID[T any](page Page, id func(T) string, list func(after string, limit int) ([]T, error)) (items []T, next string, err error) {
	var after string
	if err := page.decode(&after); err != nil {
		return nil, "", err
	}
	limit, err := page.limit()
	if err != nil {
		return nil, "", err
	}
	items, err = list(after, limit+1)
	if err != nil || len(items) <= limit {
		return items, "", err
	}
	items = items[:limit]
	return items, encode(id(items[limit-1])), nil
}
