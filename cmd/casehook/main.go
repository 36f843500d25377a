// Casehook keeps telehealth cases and sends Case Updates webhooks of every change.
//
// See casehook help for its commands. The exit status is 0 when it is done, 1 when
// it failed and 2 when it was misused.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/store"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

// run runs one command and returns the exit status. SIGINT and SIGTERM end it in
// good order; the second one ends it at once.
func run(arguments []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	root := newRoot()
	root.SetArgs(arguments)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "casehook:", explain(err))
	if errors.As(err, new(misuse)) {
		return 2
	}
	return 1
}

// misuse is an error in how the command was called.
type misuse struct{ error }

func (m misuse) Unwrap() error { return m.error }

// explain says what to do about an error, where that is known.
func explain(err error) string {
	if errors.Is(err, store.ErrInUse) {
		return store.ErrInUse.Error() + "; a running server makes and lists keys at /v1/api-keys"
	}
	if refused, ok := errors.AsType[*refusal.Error](err); ok {
		return refused.Error()
	}
	return err.Error()
}
