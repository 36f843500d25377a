package webhook

import "errors"

// The reasons for which this package refuses, to be matched with [errors.Is]. An error's text may
// say more, but never holds a value of the message or of a secret: it can be logged and answered.
var (
	// ErrBadSecret: a secret cannot be read, cannot do what it is asked for, or is not there.
	ErrBadSecret = errors.New("webhook: unusable secret")
	// ErrMissingHeader: a header that is needed is absent or empty; the text names it.
	ErrMissingHeader = errors.New("webhook: missing header")
	// ErrBadID: the id has a character that may not stand in one: a full stop, which separates the
	// parts of what is signed, or anything but visible ASCII.
	ErrBadID = errors.New("webhook: malformed id")
	// ErrBadTimestamp: the timestamp is not a plain number of Unix seconds.
	ErrBadTimestamp = errors.New("webhook: malformed timestamp")
	// ErrTooOld: the message was signed longer ago than is tolerated: a replay, or a clock that is wrong.
	ErrTooOld = errors.New("webhook: timestamp too old")
	// ErrTooNew: the message was signed further in the future than is tolerated: a clock is wrong.
	ErrTooNew = errors.New("webhook: timestamp too far in the future")
	// ErrBadSignature: the signature header has no signature of a known version and form, or too many.
	ErrBadSignature = errors.New("webhook: malformed signature")
	// ErrNoMatch: the signatures are well formed, but none of the secrets made any of them for this
	// id, timestamp and body.
	ErrNoMatch = errors.New("webhook: no signature matches")
)
