package service

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/store"
)

// Repeatable is a request that happens once, however often it is sent. Where a method
// is given nil, it happens each time.
type Repeatable struct {
	Key    string   // the idempotency key: 1 to 255 visible ASCII characters, else it is refused
	Digest [32]byte // of the request: the same key with another is refused
	// Finish, where it is not nil, reads the request to its end and returns its digest,
	// in place of Digest: of one that is streamed it is not known before.
	Finish func() ([32]byte, error)
	// Answer turns the method's result, its first return value, into what is kept and
	// given again.
	Answer func(result any) ([]byte, error)
}

// Repeated is the error of a request that was done before: nothing was done now.
type Repeated struct {
	Answer []byte // what Repeatable.Answer made of the first
}

// Error says that there is an answer already.
func (*Repeated) Error() string { return "the request was answered before" }

// unlessRepeated does what is requested, unless that was done before. Those that are
// sent at the same time wait for the first one's answer.
func (s *Service) unlessRepeated(ctx context.Context, caller Caller, request *Repeatable, do func() error) error {
	if request == nil {
		return do()
	}
	if err := request.check(); err != nil {
		return err
	}
	done, err := s.turns.take(ctx, turnKey{caller.OrganizationID, request.Key})
	if err != nil {
		return err
	}
	defer done()
	if err := s.repeated(ctx, caller, request); err != nil {
		return err
	}
	err = do()
	if errors.Is(err, store.ErrAnswered) { // by another process, just now
		return s.repeated(ctx, caller, request)
	}
	return err
}

// digest returns the digest of the request, which is read to its end for it.
func (r *Repeatable) digest() ([32]byte, error) {
	if r.Finish == nil {
		return r.Digest, nil
	}
	return r.Finish()
}

// check refuses a key that is none.
func (r *Repeatable) check() error {
	invisible := func(c rune) bool { return c <= ' ' || c > '~' }
	if r.Key == "" || len(r.Key) > 255 || strings.ContainsFunc(r.Key, invisible) {
		return refusal.Field("Idempotency-Key", "must be 1 to 255 visible ASCII characters")
	}
	return nil
}

// repeated returns a *Repeated where the request was answered before, and a refusal
// where another one was under that key.
func (s *Service) repeated(ctx context.Context, caller Caller, request *Repeatable) error {
	answer, first, err := s.Store.Answer(ctx, caller.OrganizationID, request.Key)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	digest, err := request.digest()
	switch {
	case err != nil:
		return err
	case digest != first:
		return refusal.Field("Idempotency-Key", "must not have been used for another request")
	}
	if err := s.repeats(ctx); err != nil {
		return err
	}
	return &Repeated{answer}
}

// kept returns what is to be kept of a result; nil for nil.
func (r *Repeatable) kept(result any) (*store.Kept, error) {
	if r == nil {
		return nil, nil
	}
	answer, err := r.Answer(result)
	if err != nil {
		return nil, err
	}
	digest, err := r.digest()
	if err != nil {
		return nil, err
	}
	return &store.Kept{Once: store.Once{Key: r.Key, Digest: digest}, Answer: answer}, nil
}

// keep keeps the answer of something that writes nothing itself.
func (s *Service) keep(ctx context.Context, caller Caller, request *Repeatable, result any) error {
	kept, err := request.kept(result)
	if err != nil || kept == nil {
		return err
	}
	return s.Store.Keep(ctx, caller.OrganizationID, kept)
}

// turns are those of requests with the same idempotency key: one at a time has it.
// The zero value is ready.
type turns struct {
	mu    sync.Mutex // protects byKey, and users of each turn
	byKey map[turnKey]*turn
}

// turnKey is an idempotency key, which is its organisation's only.
type turnKey struct{ organizationID, key string }

// turn is there while anybody uses it.
type turn struct {
	taken chan struct{} // holds one while somebody has the turn
	users int           // who have it or wait for it
}

// take waits for the turn with a key, or until ctx is done. Who has got it calls done
// at the end.
func (t *turns) take(ctx context.Context, key turnKey) (done func(), err error) {
	mine := t.join(key)
	select {
	case mine.taken <- struct{}{}:
		return func() {
			<-mine.taken
			t.leave(key, mine)
		}, nil
	case <-ctx.Done():
		t.leave(key, mine)
		return nil, ctx.Err()
	}
}

func (t *turns) join(key turnKey) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byKey == nil {
		t.byKey = make(map[turnKey]*turn)
	}
	joined, ok := t.byKey[key]
	if !ok {
		joined = &turn{taken: make(chan struct{}, 1)}
		t.byKey[key] = joined
	}
	joined.users++
	return joined
}

func (t *turns) leave(key turnKey, left *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if left.users--; left.users == 0 {
		delete(t.byKey, key)
	}
}
