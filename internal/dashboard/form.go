package dashboard

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
)

// form is what was filled in: the query of a page, or the body of a POST and its query. What
// cannot be read is gathered as faults, for err to tell.
type form struct {
	values url.Values
	faults []refusal.Fault
}

// field is one of a form, and what it is called.
type field struct{ Field, Name string }

// readForm reads the form of a request.
func readForm(r *http.Request) (*form, error) {
	err := r.ParseForm()
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, refusal.Of(refusal.TooLarge, "The form is too large.")
	}
	if err != nil {
		return nil, refusal.Of(refusal.Invalid, "The form cannot be read.")
	}
	f := &form{values: r.Form}
	for name, values := range r.Form {
		for _, value := range values {
			if !service.IsText(name) || !service.IsText(value) {
				return nil, refusal.Of(refusal.Invalid, "The form must be UTF-8, without NUL.")
			}
		}
	}
	return f, nil
}

// only refuses what is no filter of a list: it would show what it was not asked for.
func (f *form) only(filters []string) error {
	for name := range f.values {
		if name != "cursor" && !slices.Contains(filters, name) {
			return refusal.Of(refusal.Invalid, "There is no filter of that name. There are "+strings.Join(filters, ", ")+".")
		}
	}
	return nil
}

// text returns a field, "" where it was left empty.
func (f *form) text(name string) string { return f.values.Get(name) }

// yesNo returns what was chosen of yes and no, nil for neither.
func (f *form) yesNo(name string) *bool {
	switch f.text(name) {
	case "":
		return nil
	case "yes":
		return new(true)
	case "no":
		return new(false)
	}
	f.fault(name, "must be yes or no")
	return nil
}

// number returns a whole number within bounds, 0 where there is none.
func (f *form) number(name string, least, most int) int {
	n, err := strconv.Atoi(strings.TrimSpace(f.text(name)))
	if err != nil || n < least || n > most {
		f.fault(name, "must be a whole number from "+count(int64(least))+" to "+count(int64(most)))
		return 0
	}
	return n
}

// maybeNumber is number for a field that may be left empty, which is nil.
func (f *form) maybeNumber(name string, least, most int) *int {
	if strings.TrimSpace(f.text(name)) == "" {
		return nil
	}
	n := f.number(name, least, most)
	return &n
}

// moments are how a time can be written: to the minute, as a browser's field for it does, and
// in full. Both are UTC where they do not say otherwise.
var moments = []string{"2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339, time.DateOnly}

// time returns a moment, nil where it was left empty.
func (f *form) time(name string) *time.Time {
	if f.text(name) == "" {
		return nil
	}
	for _, layout := range moments {
		if t, err := time.Parse(layout, f.text(name)); err == nil {
			return &t
		}
	}
	f.fault(name, "must be a time, such as 2026-11-23T14:05")
	return nil
}

// span returns the moments of since and until, nil where one was left empty.
func (f *form) span() (since, until *time.Time) {
	since, until = f.time("since"), f.time("until")
	if since != nil && until != nil && !until.After(*since) {
		f.fault("until", "must be later than the other time")
	}
	return since, until
}

// fault notes what a field must be.
func (f *form) fault(name, allowed string) {
	f.faults = append(f.faults, refusal.Fault{Field: name, Allowed: allowed})
}

// err returns the refusal of what could not be read, nil where all could.
func (f *form) err() error {
	if why := f.why(); why != nil {
		return why
	}
	return nil
}

// why is err for a page that shows the form again.
func (f *form) why() *refusal.Error {
	if len(f.faults) == 0 {
		return nil
	}
	return refusal.Fields(f.faults...)
}

// refused takes over what is wrong where an error is the refusal of a form, and reports
// whether it is.
func (f *form) refused(err error) bool {
	refused, ok := errors.AsType[*refusal.Error](err)
	if !ok || refused.Kind != refusal.Invalid {
		return false
	}
	f.faults = append(f.faults, refused.Faults...)
	return true
}

// with returns the path with the query of the form, but for one field, which is set, or
// left out where the value is empty.
func (f *form) with(path, name, value string) string {
	query := url.Values{}
	for name, values := range f.values {
		if len(values) > 0 && values[0] != "" {
			query[name] = values[:1]
		}
	}
	query.Del(name)
	if value != "" {
		query.Set(name, value)
	}
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// newOnce returns what makes a form one of a kind.
func newOnce() string { return rand.Text() }

// once has what a form asks for done once, however often it is sent: what is shown this once
// would be lost to whoever presses twice. Kept is what is kept of its result.
// Of one that has lost what makes it one of a kind nothing is known, and it is done.
func (f *form) once(r *http.Request, kept func(result any) string) *service.Repeatable {
	if f.text("once") == "" {
		return nil
	}
	key := sha256.Sum256([]byte(f.text("once")))
	return &service.Repeatable{
		Key:    "dashboard:" + hex.EncodeToString(key[:]),
		Digest: sha256.Sum256([]byte(r.URL.Path)),
		Answer: func(result any) ([]byte, error) { return []byte(kept(result)), nil },
	}
}

// cursorOf returns where the page of a list begins that is asked for by its address.
func cursorOf(r *http.Request) string { return r.URL.Query().Get("cursor") }

// pagesOf returns where a list without a filter begins, and where it goes on; "" where that is
// this page, or nowhere.
func pagesOf(r *http.Request, path, next string) (first, following string) {
	if cursorOf(r) != "" {
		first = path
	}
	if next != "" {
		following = path + "?" + url.Values{"cursor": {next}}.Encode()
	}
	return first, following
}
