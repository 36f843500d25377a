// Package upkeep does what must be done now and then, by one process for all: it chains
// the receipts and the audit, counts the traffic, removes what is kept no longer, finishes erasures that others began, and
// wraps keys anew after the master key was changed. Each process reads the master keys again.
//
// Start with [Run].
package upkeep

import (
	"context"
	"log/slog"
	"time"

	"github.com/casehook/casehook/internal/store"
)

const (
	// rest is the time between two rounds.
	rest = 5 * time.Second
	// breath is the time between two transactions of a round, in which others write.
	breath = 50 * time.Millisecond
)

// Run does what is to be done, a round every few seconds, while leads reports that this
// process is the one to do it; until ctx is done.
func Run(ctx context.Context, s *store.Store, documents store.Documents, keep store.Retention, leads func() bool, log *slog.Logger) {
	pruner, rewrapper, counter := s.NewPruner(keep), s.NewRewrapper(), s.NewTrafficCounter()
	for ctx.Err() == nil {
		round(ctx, "read the master keys", func(context.Context) (bool, error) { return false, s.ReloadMasterKeys() }, log)
		if leads() {
			round(ctx, "chain the receipts", s.ChainReceipts, log)
			round(ctx, "chain the audit", s.ChainAudit, log)
			round(ctx, "count the traffic", counter.Count, log)
			round(ctx, "remove what is old", pruner.Prune, log)
			round(ctx, "wrap keys by the first master key", rewrapper.Rewrap, log)
			round(ctx, "finish an erasure", func(ctx context.Context) (bool, error) { return s.FinishErasures(ctx, documents) }, log)
		}
		sleep(ctx, rest)
	}
}

// round does a piece of work until there is no more of it.
func round(ctx context.Context, what string, work func(context.Context) (more bool, err error), log *slog.Logger) {
	for ctx.Err() == nil {
		more, err := work(ctx)
		if err != nil && ctx.Err() == nil {
			log.Error("could not "+what, "error", err)
		}
		if !more || err != nil {
			return
		}
		sleep(ctx, breath)
	}
}

// sleep waits for a while, or until ctx is done.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
