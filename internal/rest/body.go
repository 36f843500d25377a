package rest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/subscription"
)

const mediaJSON = "application/json"

// maxBody is how large a JSON body may be, in bytes, itself included.
const maxBody = 10 << 20

// firstRead is how much of a body is made room for, in bytes, by what its header says
// of its length. For the rest there is room once it comes.
const firstRead = 64 << 10

// readBody reads the body of a change once, checks what encoding/json would let
// pass, and hands it on. GET and DELETE have none.
func (d *door) readBody(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	if r.Method != http.MethodPost && r.Method != http.MethodPut && r.Method != http.MethodPatch {
		next(ctx)
		return
	}
	if isForm(ctx.Operation(), r.Header) {
		d.readForm(ctx, next)
		return
	}
	x := exchangeOf(ctx.Context())
	body, err := bodyOf(w, r)
	if err == nil {
		err = d.checkBody(body, ctx.Operation().RequestBody)
	}
	if err == nil && r.Method == http.MethodPost {
		x.key, err = idempotencyKey(r.Header)
		x.digest = digest(r, body, x.Caller.Clearance)
	}
	if err != nil {
		d.refuse(ctx, err)
		return
	}
	next(readContext{ctx, body})
}

// bodyOf reads the body of r. One that is too large is refused before it is read
// where its length is told, else as soon as it is too long.
func bodyOf(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	if err := checkMediaType(r.Header); err != nil {
		return nil, err
	}
	if r.ContentLength > maxBody {
		return nil, errTooLarge
	}
	var body bytes.Buffer
	if r.ContentLength > 0 {
		body.Grow(int(min(r.ContentLength, firstRead)) + bytes.MinRead) // what ReadFrom wants to find the end
	}
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, errTooLarge
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return nil, newProblem(http.StatusRequestTimeout, "the body did not come in time")
	}
	if err != nil {
		return nil, newProblem(http.StatusBadRequest, "the body ended before its end")
	}
	return body.Bytes(), nil
}

var errTooLarge = refusal.Of(refusal.TooLarge, "the body must be at most 10 MiB")

// checkMediaType refuses a body that is not said to be plain JSON. One of which
// nothing is said is taken for it.
func checkMediaType(header http.Header) error {
	refused := newProblem(http.StatusUnsupportedMediaType, "the body must be application/json, in UTF-8 and not compressed")
	if coding := header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return refused
	}
	sent := header.Get("Content-Type")
	if sent == "" {
		return nil
	}
	media, parameters, err := mime.ParseMediaType(sent)
	charset := parameters["charset"]
	if err != nil || media != mediaJSON || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return refused
	}
	return nil
}

// checkBody refuses a body where none is taken, none where one is needed, and one
// that is not the JSON that it seems.
func (d *door) checkBody(body []byte, wanted *huma.RequestBody) error {
	switch {
	case len(body) > 0:
		if err := checkJSON(body, d.refusesNull(wanted)); err != nil {
			return err
		}
		if wanted == nil && !bytes.Equal(bytes.Join(bytes.Fields(body), nil), []byte("{}")) {
			return refusal.Of(refusal.Invalid, "this call takes no fields")
		}
	case wanted != nil && wanted.Required:
		return refusal.Of(refusal.Invalid, "this call needs a JSON object as its body")
	}
	return nil
}

// refusesNull returns what says whether a body refuses null at a place: in a field that may
// be left out and does not take null. There it would be taken for nothing at all, which is
// not what whoever sends it means. Of a field that has to be given huma's checks say more.
func (d *door) refusesNull(wanted *huma.RequestBody) func(place []scope) bool {
	if wanted == nil || wanted.Content[mediaJSON] == nil {
		return nil
	}
	schemas := d.api.OpenAPI().Components.Schemas
	return func(place []scope) bool {
		of := wanted.Content[mediaJSON].Schema
		for i, at := range place {
			for of != nil && of.Ref != "" {
				of = schemas.SchemaFromRef(of.Ref)
			}
			switch {
			case of == nil:
				return false
			case at.keys == nil:
				of = of.Items
				continue
			}
			field := of.Properties[at.key]
			if i == len(place)-1 {
				return field != nil && !field.Nullable && !slices.Contains(of.Required, at.key)
			}
			of = field
		}
		return false
	}
}

// digest returns what tells a repeated request from another one under the same
// Idempotency-Key. Who is cleared for less is not given the answer of who is for more.
func digest(r *http.Request, body []byte, clearance subscription.Clearance) [sha256.Size]byte {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%t %t\n", clearance.PHI, clearance.Restricted)
	_, _ = io.WriteString(h, r.Method+"\n"+r.URL.EscapedPath()+"\n") // a hash never fails
	_, _ = h.Write(body)
	return [sha256.Size]byte(h.Sum(nil))
}

// readContext is a context whose body was read already.
type readContext struct {
	humaContext
	body []byte
}

// humaContext is huma's, under a name that does not hide its method Context.
type humaContext = huma.Context

// BodyReader returns the body as it was read.
func (c readContext) BodyReader() io.Reader { return bytes.NewReader(c.body) }

// SetReadDeadline does nothing: a deadline of the connection would, once the body
// is read, only cut off the handler.
func (readContext) SetReadDeadline(time.Time) error { return nil }

// Unwrap returns the context around which c is.
func (c readContext) Unwrap() huma.Context { return c.humaContext }
