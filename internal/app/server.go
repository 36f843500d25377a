package app

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/casehook/casehook/internal/rest"
)

// maxHeader is how many bytes the header of a request may have.
const maxHeader = 64 << 10

// patience is how long the server waits for a client. Who is slower is cut off, so
// that connections which say nothing cannot keep others out.
type patience struct {
	header time.Duration // for a whole header
	body   time.Duration // for the whole request, header included
	idle   time.Duration // for the next request on a connection
	answer time.Duration // for an answer to begin to be read, and for each step of it; see paced
}

// usualPatience is what a served casehook has.
var usualPatience = patience{header: 10 * time.Second, body: 60 * time.Second, idle: 2 * time.Minute, answer: 30 * time.Second}

// doors are what the server answers by: programs come in by the one, browsers by the other.
type doors struct{ rest, dashboard http.Handler }

// ServeHTTP leads a request to its door. What is on no path of either is the dashboard's, whose
// answer a browser can show.
func (d doors) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rest.Answers(r.URL.Path) {
		d.rest.ServeHTTP(w, r)
		return
	}
	d.dashboard.ServeHTTP(w, r)
}

// newServer returns the server that stands before door.
func newServer(door http.Handler, p patience, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           paced(door, p.answer),
		ReadHeaderTimeout: p.header,
		ReadTimeout:       p.body,
		WriteTimeout:      p.answer, // of what the server says by itself
		IdleTimeout:       p.idle,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}
