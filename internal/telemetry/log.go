package telemetry

import (
	"fmt"
	"io"
	stdlog "log"
	"log/slog"
)

// NewLogger returns a logger that writes to w. The level is debug, info, warn or
// error, and the format text or json.
func NewLogger(w io.Writer, level, format string) (*slog.Logger, error) {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log-level must be debug, info, warn or error")
	}
	options := &slog.HandlerOptions{Level: least}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fmt.Errorf("log-format must be text or json")
}

// Hush has what libraries say by package log become lines of log without its text. The
// client of net/http, for one, quotes what a receiver sends that nobody asked it for, and
// that may be what it was sent.
func Hush(log *slog.Logger) {
	stdlog.SetFlags(0)
	stdlog.SetOutput(hushed{log})
}

// hushed takes what is said, and keeps of it how much that was.
type hushed struct{ log *slog.Logger }

// Write takes one message.
func (h hushed) Write(p []byte) (int, error) {
	h.log.Warn("a library has said something, which may hold what was sent, and is left out", "bytes", len(p))
	return len(p), nil
}
