package doorway

import "net/http"

// Missed returns by which methods a request could have been made that no pattern of a mux
// matched, "" for none. The mux knows, and says it in plain text to the handler that it gives
// for such a request.
func Missed(r *http.Request, miss http.Handler) (allow string) {
	verdict := &verdict{header: http.Header{}}
	miss.ServeHTTP(verdict, r)
	if verdict.status != http.StatusMethodNotAllowed {
		return ""
	}
	return verdict.header.Get("Allow")
}

// verdict takes the status and the header of an answer, and drops its body.
type verdict struct {
	header http.Header
	status int
}

func (v *verdict) Header() http.Header         { return v.header }
func (v *verdict) Write(p []byte) (int, error) { return len(p), nil }
func (v *verdict) WriteHeader(status int)      { v.status = status }
