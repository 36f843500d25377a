// Casehook keeps telehealth cases and sends Case Updates webhooks of every change.
//
// See casehook help for its commands. The exit status is 0 when it is done, 1 when
// it failed and 2 when it was misused.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/casehook/casehook/internal/refusal"
)

// main has SIGINT and SIGTERM end the command in good order; the second one ends it
// at once.
func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run runs one command and returns the exit status.
func run(ctx context.Context, arguments []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(arguments)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "casehook:", explain(err))
	if misused(err) {
		return 2
	}
	return 1
}

// misuse is an error in how the command was called or set up.
type misuse struct{ error }

func (m misuse) Unwrap() error { return m.error }

// misused reports whether the caller is to change what was asked for.
func misused(err error) bool {
	refused, ok := errors.AsType[*refusal.Error](err)
	return ok && refused.Kind == refusal.Invalid || errors.As(err, new(misuse)) || refusesRequest(err)
}

// explain says what to do about an error, where that is known.
func explain(err error) string {
	if refused, ok := errors.AsType[*refusal.Error](err); ok {
		return refused.Error()
	}
	return err.Error()
}
