package delivery

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter is the longest wait that an answer can ask for.
const maxRetryAfter = 24 * time.Hour

// retryAfter returns how long a Retry-After header asks to wait, in seconds or until a
// date (RFC 9110, section 10.2.3): at least a second and at most maxRetryAfter; 0 where
// it says nothing that can be read.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	wait := maxRetryAfter
	if seconds, err := strconv.ParseUint(header, 10, 32); err == nil {
		wait = min(wait, time.Duration(seconds)*time.Second)
	} else if date, err := http.ParseTime(header); err == nil {
		wait = min(wait, date.Sub(now))
	} else {
		return 0
	}
	return max(wait, time.Second)
}
