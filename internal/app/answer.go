package app

import (
	"net/http"
	"time"
)

const (
	// answerRate is how fast a client must read, on average, in bytes a second.
	answerRate = 16 << 10
	// answerStep is how much of an answer must go at a time, in bytes.
	answerStep = 64 << 10
)

// paced is door with a limit to the time of each answer: it may take as long as the client
// reads on. Grace is how long it may take to begin, and each step of it. The server's own
// limit, for all answers alike, would be too short for a large document, or much too long
// for a client that does not read.
func paced(door http.Handler, grace time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		door.ServeHTTP(&pacedWriter{ResponseWriter: w, connection: http.NewResponseController(w), grace: grace}, r)
	})
}

// pacedWriter moves the deadline of an answer as it goes.
type pacedWriter struct {
	http.ResponseWriter
	connection *http.ResponseController
	grace      time.Duration
	begun      time.Time // zero: not yet
	written    int64
}

func (w *pacedWriter) WriteHeader(status int) {
	w.allow()
	w.ResponseWriter.WriteHeader(status)
}

func (w *pacedWriter) Write(p []byte) (n int, err error) {
	for {
		w.allow()
		step, err := w.ResponseWriter.Write(p[n:min(n+answerStep, len(p))])
		n += step
		w.written += int64(step)
		if err != nil || n == len(p) {
			return n, err
		}
	}
}

// allow sets the deadline of the next step.
func (w *pacedWriter) allow() {
	now := time.Now()
	if w.begun.IsZero() {
		w.begun = now
	}
	deadline := w.begun.Add(w.grace + time.Duration(w.written)*time.Second/answerRate)
	if latest := now.Add(w.grace); deadline.After(latest) { // what went fast is no credit for standing still
		deadline = latest
	}
	_ = w.connection.SetWriteDeadline(deadline) // fails only where there is no connection
}

// FlushError serves http.ResponseController. What is flushed is an answer in itself, as an
// event of a stream is: the next one may begin whenever it does.
func (w *pacedWriter) FlushError() error {
	err := w.connection.Flush()
	w.begun, w.written = time.Time{}, 0
	return err
}

// Unwrap serves http.ResponseController.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
