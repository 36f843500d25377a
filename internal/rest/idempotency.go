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

// maxIdempotencyKey is how long an Idempotency-Key may be, in bytes.
const maxIdempotencyKey = 255

// idempotencyKey returns the Idempotency-Key of a request, empty where it has none.
func idempotencyKey(header http.Header) (string, error) {
	sent := header.Values("Idempotency-Key")
	if len(sent) == 0 {
		return "", nil
	}
	key := sent[0]
	if len(sent) > 1 || key == "" || len(key) > maxIdempotencyKey {
		return "", errIdempotencyKey
	}
	for _, b := range []byte(key) {
		if b <= ' ' || b >= 0x7f {
			return "", errIdempotencyKey
		}
	}
	return key, nil
}

var errIdempotencyKey = refusal.Field("Idempotency-Key", "must be given once, as 1 to 255 visible ASCII characters")

// perform calls the service and answers with what it returns. Where the request
// has an Idempotency-Key it is done once, and its answer kept for a repetition.
func perform[R, T any](ctx context.Context, answer func(R) *reply[T], call func(*service.Once) (R, error)) (*reply[T], error) {
	var once *service.Once
	if x := exchangeOf(ctx); x.key != "" {
		once = &service.Once{Key: x.key, Digest: x.digest, Answer: func(result any) ([]byte, error) {
			return answer(result.(R)).keep()
		}}
	}
	result, err := call(once)
	if err != nil {
		return nil, err
	}
	return answer(result), nil
}

// keep returns r as it is kept.
func (r *reply[T]) keep() ([]byte, error) {
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
		return nil, errors.New("read a kept answer: not what keep wrote")
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
