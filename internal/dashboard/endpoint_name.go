package dashboard

import (
	"context"
	"strings"

	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

const (
	// maxName is how long the name of an endpoint is at most, in characters.
	maxName = 60
	// idEnd is how much of its id tells an endpoint from another of the same name. The rest of
	// it is much the same for endpoints that were made together.
	idEnd = 6
)

// endpointName is how an endpoint is named on every page; see kit.html.
type endpointName struct {
	ID      string
	Name    string
	End     string // of its id, where the name alone does not tell which it is; else ""
	Address string // its URL without the query, which may hold a secret; "" where it is not known
	Path    string // of its page; "" where it has none
	Deleted bool
	Anchor  string // the id of its link, on a page that refreshes itself: the focus stays there
}

// String names the endpoint where only text can stand.
func (e endpointName) String() string {
	text := e.Name
	if e.End != "" {
		text += " …" + e.End
	}
	if e.Deleted {
		text += " (deleted)"
	}
	return text
}

// IsAddress reports whether it is named by its address, so that this need not be told beside it.
func (e endpointName) IsAddress() bool { return strings.HasSuffix(e.Address, "://"+e.Name) }

// isKnown reports whether there is, or was, such an endpoint.
func (e endpointName) isKnown() bool { return e.Path != "" || e.Deleted }

// called is what an endpoint is called: as its owner describes it, or by where it is.
func called(description, address string) string {
	name := strings.Join(strings.Fields(description), " ")
	if name == "" {
		_, name, _ = strings.Cut(address, "://")
	}
	if name == "" {
		return "An endpoint"
	}
	if characters := []rune(name); len(characters) > maxName {
		return string(characters[:maxName-1]) + "…"
	}
	return name
}

// endpointNames returns how endpoints are named, in the same order.
func endpointNames(endpoints []*subscription.Endpoint) []endpointName {
	same := make(map[string]int)
	all := make([]endpointName, len(endpoints))
	for i, e := range endpoints {
		all[i] = endpointName{ID: e.ID, Name: called(e.Description, e.Recipient()), Address: e.Recipient(), Path: endpointPath(e.ID)}
		same[all[i].Name]++
	}
	for i, name := range all {
		if same[name.Name] > 1 {
			all[i].End = endOf(name.ID)
		}
	}
	return all
}

// deletedName is how an endpoint is named that there is no more. Its id always tells which it
// was: others may have had its name before.
func deletedName(e service.DeletedEndpoint) endpointName {
	return endpointName{ID: e.ID, Name: called(e.Description, e.Recipient), End: endOf(e.ID), Address: e.Recipient, Deleted: true}
}

func endOf(id string) string { return id[max(0, len(id)-idEnd):] }

// knownEndpoints returns all endpoints there are, and has them named.
func (n *names) knownEndpoints(ctx context.Context) ([]*subscription.Endpoint, error) {
	known, err := n.service.KnownEndpoints(ctx, n.who)
	for _, name := range endpointNames(known) {
		n.endpoints[name.ID] = name
	}
	return known, err
}

// endpoint names an endpoint, also one that was deleted.
func (n *names) endpoint(ctx context.Context, id string) (endpointName, error) {
	named, err := n.endpointsBy(ctx, id)
	return named[id], err
}

// endpointsBy returns the name of each endpoint by its id, also of those that were deleted.
func (n *names) endpointsBy(ctx context.Context, ids ...string) (map[string]endpointName, error) {
	if len(n.without(ids)) == 0 {
		return n.endpoints, nil
	}
	if _, err := n.knownEndpoints(ctx); err != nil {
		return nil, err
	}
	unknown := n.without(ids)
	if len(unknown) == 0 {
		return n.endpoints, nil
	}
	deleted, err := n.service.DeletedEndpoints(ctx, n.who, unknown)
	if err != nil {
		return nil, err
	}
	for _, id := range unknown {
		n.endpoints[id] = endpointName{ID: id, Name: "An unknown endpoint", End: endOf(id)}
	}
	for _, e := range deleted {
		n.endpoints[e.ID] = deletedName(e)
	}
	return n.endpoints, nil
}

// without returns the ids of endpoints whose names are not known yet.
func (n *names) without(ids []string) (unknown []string) {
	for _, id := range ids {
		if _, known := n.endpoints[id]; !known && service.IsText(id) { // else somebody made it up
			unknown = append(unknown, id)
		}
	}
	return unknown
}

// endpointChoices returns the endpoints to choose from: the first hundred, and the one that is
// chosen.
func (n *names) endpointChoices(ctx context.Context, chosen string) ([]choice, error) {
	known, err := n.knownEndpoints(ctx)
	if err != nil {
		return nil, err
	}
	var choices []choice
	for i, e := range known {
		if i < service.MaxLimit || e.ID == chosen {
			choices = append(choices, choice{e.ID, n.endpoints[e.ID].String()})
		}
	}
	if _, known := n.endpoints[chosen]; chosen == "" || known {
		return choices, nil
	}
	name, err := n.endpoint(ctx, chosen)
	return append(choices, choice{chosen, name.String()}), err
}
