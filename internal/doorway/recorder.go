package doorway

import (
	"errors"
	"maps"
	"net/http"
)

// ErrReplaced means that another answer is given in the place of the one that is written.
var ErrReplaced = errors.New("another answer is given")

// recorder notes the status of an answer; 0 means that it has not begun.
type recorder struct {
	http.ResponseWriter
	status   int
	begins   func(status int) int // called before the answer begins; what it returns, where not 0, is the status of the answer
	fail     func(status int)     // gives that answer
	always   http.Header          // of every answer
	replaced bool                 // the answer that was made is not given
}

func (w *recorder) WriteHeader(status int) {
	if status >= 200 {
		w.begin(status)
	}
	if !w.replaced {
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	w.begin(http.StatusOK)
	if w.replaced {
		return 0, ErrReplaced
	}
	return w.ResponseWriter.Write(p)
}

// begin notes the status, where none was noted before, and gives another answer where that
// is to be.
func (w *recorder) begin(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	instead := w.begins(status)
	if instead == 0 {
		return
	}
	w.status, w.replaced = instead, true
	w.reset()
	if instead == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.fail(instead)
}

// reset leaves in the header what is in that of every answer.
func (w *recorder) reset() {
	header := w.Header()
	clear(header)
	maps.Copy(header, w.always)
}

// Unwrap serves http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
