package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"github.com/casehook/casehook/internal/doorway"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
)

// The bounds of what is told about one request: who sends a thousand faults is
// helped by the first few.
const (
	maxFaults = 20
	maxField  = 200 // bytes
)

// problem is the answer to what failed: application/problem+json (RFC 9457). It
// never repeats a value that was sent.
type problem struct {
	Type   string  `json:"type" doc:"Always about:blank: the status says it all." example:"about:blank"`
	Title  string  `json:"title" doc:"The status in words." example:"Unprocessable Entity"`
	Status int     `json:"status" example:"422"`
	Detail string  `json:"detail,omitempty" doc:"What is wrong." example:"the request cannot be accepted"`
	Errors []fault `json:"errors,omitempty" doc:"What is wrong, field by field: the first 20."`
}

// fault is one field that cannot be accepted.
type fault struct {
	Field   string `json:"field" doc:"As in the request; of a header or a query parameter, its name." example:"responses[3].text"`
	Message string `json:"message" doc:"What it must be." example:"must not be empty"`
}

func newProblem(status int, detail string, faults ...fault) *problem {
	return &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Errors: faults}
}

// Error returns the detail.
func (p *problem) Error() string { return p.Detail }

// GetStatus is asked by huma for the status of the answer.
func (p *problem) GetStatus() int { return p.Status }

// ContentType is asked by huma for the media type of the answer.
func (*problem) ContentType(string) string { return "application/problem+json" }

// write answers by p where huma does not.
func (p *problem) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // fails only where the client has hung up
}

// internal is the answer where the fault is on this side: the log has the rest.
func internal(x *doorway.Exchange) *problem {
	return newProblem(http.StatusInternalServerError,
		"this failed here, through no fault of the request; the operator's log has it as "+x.ID)
}

// hungUp is the answer that nobody reads.
func hungUp() *problem { return newProblem(doorway.StatusGone, "the client hung up") }

// huma knows one way to shape its errors: functions and texts of its packages.
// They are set once, here, before any door is made. The texts of its checks are
// those of package caselog's, so that a client cannot tell who refused, and none
// of those that are used repeats a value.
func init() {
	huma.NewErrorWithContext = answerTo
	huma.NewError = func(status int, detail string, _ ...error) huma.StatusError { return newProblem(status, detail) }
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false

	validation.MsgUnexpectedProperty = unknown
	validation.MsgExpectedRequiredProperty = "%s" + missing
	validation.MsgExpectedRFC3339DateTime = mustBeTime
	validation.MsgExpectedBoolean = "must be true or false"
	validation.MsgExpectedNumber = "must be a number"
	validation.MsgExpectedInteger = mustBeWhole
	validation.MsgExpectedString = "must be a string"
	validation.MsgExpectedArray = "must be an array"
	validation.MsgExpectedObject = "must be an object"
	validation.MsgExpectedOneOf = "must be one of %s"
	validation.MsgExpectedMinimumNumber = "must be at least %v"
	validation.MsgExpectedMaximumNumber = "must be at most %v"
	validation.MsgExpectedMaxItems = "must have at most %d items"
}

const (
	nothingHere = "there is nothing here"
	unknown     = "is not known here"
	missing     = " must be given" // after the name of the field
	mustBeTime  = "must be a timestamp, such as 2026-11-23T14:05:06.789Z"
	mustBeWhole = "must be a whole number"
	mustBeText  = "must be UTF-8, without NUL"
)

// answerTo is the one place where what went wrong becomes an answer. Huma calls it
// with the error of a handler, with the faults that its own checks found, or with
// a status alone.
func answerTo(ctx huma.Context, status int, detail string, errs ...error) huma.StatusError {
	if len(errs) == 0 {
		return newProblem(status, detail)
	}
	if _, ok := errors.AsType[*huma.ErrorDetail](errs[0]); ok {
		return newProblem(status, "the request cannot be accepted", faultsOf(errs)...)
	}
	x, err := exchangeOf(ctx.Context()), errs[0]
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if refused, ok := errors.AsType[*refusal.Error](err); ok {
		return refusalAnswer(ctx, refused)
	}
	if repeated, ok := errors.AsType[*service.Repeated](err); ok {
		first, broken := replay(ctx, repeated)
		if broken == nil {
			return first
		}
		err = broken
	}
	if errors.Is(err, context.Canceled) && ctx.Context().Err() != nil {
		return hungUp()
	}
	x.Log.Error("request failed", "route", x.Route, "request", x.ID, "error", err)
	if service.Unavailable(err) {
		ctx.SetHeader("Retry-After", "1")
		return newProblem(http.StatusServiceUnavailable, "the database is not there, or has no room, or the store of documents or the KMS does not answer, or the master keys cannot be read: try again, and with the same Idempotency-Key it is done once")
	}
	return internal(x.Exchange)
}

func refusalAnswer(ctx huma.Context, refused *refusal.Error) *problem {
	status := doorway.StatusOf(refused.Kind)
	if status == http.StatusUnauthorized {
		ctx.SetHeader("WWW-Authenticate", `Bearer realm="casehook"`)
	}
	faults := make([]fault, 0, len(refused.Faults))
	for _, f := range refused.Faults {
		faults = append(faults, fault{clip(f.Field), f.Allowed})
	}
	return newProblem(status, refused.Detail, faults[:min(len(faults), maxFaults)]...)
}

// faultsOf translates what huma's checks found. Of each field it tells the first
// fault only.
func faultsOf(errs []error) []fault {
	var faults []fault
	for _, err := range errs {
		found, ok := errors.AsType[*huma.ErrorDetail](err)
		if !ok {
			continue
		}
		f := faultOf(found)
		if !slices.ContainsFunc(faults, func(other fault) bool { return other.Field == f.Field }) {
			faults = append(faults, f)
		}
		if len(faults) == maxFaults {
			break
		}
	}
	return faults
}

// parameterFaults are what huma says of parameters that it cannot read.
var parameterFaults = map[string]string{
	"invalid integer":         mustBeWhole,
	"invalid boolean":         "must be true or false",
	"unknown query parameter": unknown,
}

func faultOf(found *huma.ErrorDetail) fault {
	field, message := found.Location, found.Message
	switch {
	case strings.HasSuffix(message, missing):
		// Huma locates the object that lacks the field.
		field += "." + strings.TrimSuffix(message, missing)
		message = strings.TrimPrefix(missing, " ")
	case strings.HasPrefix(message, "invalid date/time"):
		message = mustBeTime
	case parameterFaults[message] != "":
		message = parameterFaults[message]
	}
	if name, allowed, ok := strings.Cut(message, unreadable); ok {
		field, message = field+"."+name, allowed
	}
	if _, name, ok := strings.Cut(field, "."); ok { // without "body", "query", "path"
		field = name
	}
	return fault{clip(field), message}
}

// clip shortens the name of a field, which a client may have made up.
func clip(field string) string {
	if len(field) <= maxField {
		return field
	}
	return strings.ToValidUTF8(field[:maxField], "") + "…"
}

// unreadable stands between a field and what it must be, in the text of an error
// of readJSON: huma hands on nothing but its text.
const unreadable = "\x00"

// readJSON reads b into v. Its error repeats nothing of b.
func readJSON(b []byte, v any) error {
	err := json.Unmarshal(b, v)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return errors.New(wrong.Field + unreadable + "must be " + kindName(wrong))
	}
	if err != nil {
		return errors.New("cannot be read")
	}
	return nil
}

// kindName says what the field of a type that huma's checks let pass must be.
func kindName(wrong *json.UnmarshalTypeError) string {
	if wrong.Type.Kind() == reflect.Int {
		return "a whole number, not too large, without point or exponent"
	}
	return "of another type"
}
