package caselog

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
)

// How long, in bytes of UTF-8, and how many things may be. A full case with every
// one of them at its limit still can be rendered.
const (
	MaxText        = 64 << 10 // a comment, an answer, a decision's text
	MaxLine        = 500      // a title, a description, a message, an address
	MaxName        = 200      // a person's name, a type, a code, a status of an order
	MaxFileName    = 255
	MaxAssignees   = 100 // of a case
	MaxAttachments = 20  // of a comment
	MaxResponses   = 200 // of a form, answered in one request
	MaxOptions     = 200 // of a question
)

// faults collects what is wrong with a command.
type faults []refusal.Fault

func (f *faults) add(field, allowed string) {
	*f = append(*f, refusal.Fault{Field: field, Allowed: allowed})
}

func (f *faults) refusal() error {
	if len(*f) == 0 {
		return nil
	}
	return refusal.Fields(*f...)
}

// text refuses what is not UTF-8, or longer than limit bytes.
func (f *faults) text(field, value string, limit int) {
	switch {
	case len(value) > limit:
		f.add(field, fmt.Sprintf("must be at most %d bytes long", limit))
	case !utf8.ValidString(value):
		f.add(field, "must be UTF-8")
	}
}

// line refuses what text refuses, and control characters.
func (f *faults) line(field, value string, limit int) {
	f.text(field, value, limit)
	if strings.ContainsFunc(value, unicode.IsControl) {
		f.add(field, "must have no control characters")
	}
}

// required refuses what line refuses, and what is empty or blank.
func (f *faults) required(field, value string, limit int) {
	f.line(field, value, limit)
	f.filled(field, value)
}

// defaulted refuses what required refuses, but for "": it asks for the default.
func (f *faults) defaulted(field, value string, limit int) {
	if value != "" {
		f.required(field, value, limit)
	}
}

// filled refuses what is empty or blank.
func (f *faults) filled(field, value string) {
	if strings.TrimSpace(value) == "" {
		f.add(field, "must not be empty")
	}
}

// optional refuses what line refuses; nil is fine.
func (f *faults) optional(field string, value *string, limit int) {
	if value != nil {
		f.line(field, *value, limit)
	}
}

// date refuses what is not a calendar date; nil is fine.
func (f *faults) date(field string, value *string) {
	if value == nil {
		return
	}
	if _, err := time.Parse(time.DateOnly, *value); err != nil {
		f.add(field, "must be a date, such as 1984-07-12")
	}
}

// moment refuses what lies outside the years 1 to 9999; nil is fine.
func (f *faults) moment(field string, value *caseupdate.Time) {
	if value == nil {
		return
	}
	if year := value.UTC().Year(); year < 1 || year > 9999 {
		f.add(field, "must be a timestamp, such as 2026-11-23T14:05:06.789Z")
	}
}

// same refuses what is not as another field has it.
func (f *faults) same(field, got, want, allowed string) {
	if got != want {
		f.add(field, allowed)
	}
}

// count refuses more than limit.
func (f *faults) count(field string, n, limit int) {
	if n > limit {
		f.add(field, fmt.Sprintf("must have at most %d items", limit))
	}
}
