package webhook_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// silent is for functions that fail because a property wants them to.
var silent = slog.New(slog.DiscardHandler)

// drawArrivals draws the messages of some cases in any order, some of them repeated, and returns the ids of
// all of them too, case by case in their order.
func drawArrivals(t *rapid.T) (arrivals []hook, ids []string) {
	for c := range rapid.IntRange(1, 3).Draw(t, "cases") {
		for i := range rapid.IntRange(1, 8).Draw(t, "messages") {
			h := hook{caseID: fmt.Sprintf("case-%d", c), sequence: i + 1}
			ids = append(ids, h.id())
			for range rapid.IntRange(1, 3).Draw(t, "times") {
				arrivals = append(arrivals, h)
			}
		}
	}
	return rapid.Permutation(arrivals).Draw(t, "arrivals"), ids
}

// requireAll sends all hooks at the same time, begun in their order, each again until it is answered 2xx.
func requireAll(t *rapid.T, url string, hooks []hook) {
	answered := make(chan error, len(hooks))
	for _, h := range hooks {
		go func() { answered <- sendUntilTaken(url, h) }()
	}
	for range hooks {
		require.NoError(t, <-answered)
	}
}

func sendUntilTaken(url string, h hook) error {
	const enough = 200
	for range enough {
		got := h.send(context.Background(), url)
		if got.err != nil {
			return got.err
		}
		if got.status == http.StatusNoContent {
			return nil
		}
	}
	return fmt.Errorf("%s is stuck", h.id())
}

// requireInOrder requires that each of ids was handled once, and those of a case in the order of ids.
func requireInOrder(t *rapid.T, ids, handled []string) {
	slices.SortStableFunc(handled, func(a, b string) int {
		return strings.Compare(a[:len("case-0")], b[:len("case-0")])
	})
	require.Equal(t, ids, handled)
}
