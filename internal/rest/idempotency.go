package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
)

// idempotencyKey returns the Idempotency-Key of a request, nil where it has none.
// Whether it can be one is for the service to say.
func idempotencyKey(header http.Header) (*string, error) {
	sent := header.Values("Idempotency-Key")
	switch len(sent) {
	case 0:
		return nil, nil
	case 1:
		return &sent[0], nil
	}
	return nil, refusal.Field("Idempotency-Key", "must be given once")
}

// perform calls the service and answers with what it returns. Where the request has an
// Idempotency-Key, its answer is kept for a repetition.
func perform[R, T any](ctx context.Context, answer func(R) *reply[T], call func(*service.Repeatable) (R, error)) (*reply[T], error) {
	var request *service.Repeatable
	if x := exchangeOf(ctx); x.key != nil {
		request = &service.Repeatable{Key: *x.key, Digest: x.digest, Answer: func(result any) ([]byte, error) {
			return answer(result.(R)).kept()
		}}
		if x.document != nil {
			request.Finish = x.document.digest
		}
	}
	result, err := call(request)
	if err != nil {
		return nil, err
	}
	return answer(result), nil
}

// kept returns r as it is kept.
func (r *reply[T]) kept() ([]byte, error) {
	var b bytes.Buffer
	if err := writeJSON(&b, r); err != nil {
		return nil, fmt.Errorf("keep an answer: %w", err)
	}
	return b.Bytes(), nil
}

// replay returns the answer that a repeated request was given at first. It travels
// as an error, because a handler's answer is of another type.
func replay(ctx huma.Context, repeated *service.Repeated) (*replayed, error) {
	var first replayed
	if err := json.Unmarshal(repeated.Answer, &first.reply); err != nil {
		return nil, errors.New("read a kept answer: not what was kept")
	}
	for name, value := range map[string]string{
		"Casehook-Event-Id":   first.EventIDs,
		"Location":            first.Location,
		"Idempotent-Replayed": "true",
	} {
		if value != "" {
			ctx.SetHeader(name, value)
		}
	}
	return &first, nil
}

// replayed is a kept answer on its way out.
type replayed struct{ reply[json.RawMessage] }

// Error says that nothing went wrong.
func (*replayed) Error() string { return "answered before" }

// GetStatus is asked by huma for the status of the answer.
func (r *replayed) GetStatus() int { return r.Status }

// MarshalJSON returns the body of the answer.
func (r *replayed) MarshalJSON() ([]byte, error) { return r.Body, nil }
