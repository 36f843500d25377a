package dashboard

import (
	"context"
	"slices"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/service"
)

// outside are the names of what is no key in the store.
var outside = map[string]string{"environment": "Administrator", "operator": "Operator", "link": "Whoever has the link"}

// names are what the ids in a page stand for, each asked for once.
type names struct {
	service *service.Service
	who     service.Caller
	keys    map[string]string
	users   map[string]string
	cases   map[string]string // their short ids

	endpoints map[string]endpointName
}

func newNames(s *service.Service, who service.Caller) *names {
	n := &names{service: s, who: who, keys: map[string]string{}, users: map[string]string{}, endpoints: map[string]endpointName{}}
	for id, name := range outside {
		n.keys[id] = name
	}
	return n
}

// idsOf returns the ids that items have; of those that have none, nothing.
func idsOf[T any](items []T, id func(T) string) []string {
	ids := make([]string, 0, len(items))
	for _, item := range items {
		if id := id(item); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// keyChoices returns the keys to choose from: the first hundred, and the one that is chosen.
func (n *names) keyChoices(ctx context.Context, chosen string) ([]choice, error) {
	keys, _, err := n.service.Keys(ctx, n.who, service.Page{Limit: service.MaxLimit})
	if err != nil {
		return nil, err
	}
	var choices []choice
	for _, key := range keys {
		n.keys[key.ID] = key.Name
		choices = append(choices, choice{key.ID, key.Name})
	}
	for _, id := range []string{"environment", "link"} {
		choices = append(choices, choice{id, outside[id]})
	}
	if chosen == "" || slices.ContainsFunc(choices, func(c choice) bool { return c.Value == chosen }) {
		return choices, nil
	}
	name, err := n.key(ctx, chosen)
	return append(choices, choice{chosen, name}), err
}

// key names a key; one that is not there by its id.
func (n *names) key(ctx context.Context, id string) (string, error) {
	return remembered(n.keys, id, func() (string, error) {
		key, err := n.service.Key(ctx, n.who, id)
		return key.Name, err
	})
}

func (n *names) user(ctx context.Context, id string) (string, error) {
	return remembered(n.users, id, func() (string, error) {
		user, err := n.service.User(ctx, n.who, id)
		return fullName(caseupdate.Name{FirstName: user.FirstName, LastName: user.LastName}), err
	})
}

// remembered returns the name of an id, which is asked for where it is not known; what is
// not there is named by its id.
func remembered(known map[string]string, id string, ask func() (string, error)) (string, error) {
	if name, ok := known[id]; ok {
		return name, nil
	}
	if !service.IsText(id) { // somebody made it up
		return id, nil
	}
	name, err := ask()
	if isNotFound(err) {
		name, err = id, nil
	}
	known[id] = name
	return name, err
}
