package rest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// stingy is a body that never comes, and notes how much room there was for it.
type stingy struct{ room int }

func (s *stingy) Read(p []byte) (int, error) {
	s.room = len(p)
	return 0, io.ErrUnexpectedEOF
}

func TestALengthThatIsOnlyToldTakesNoMemory(t *testing.T) {
	s := newServer(t)
	body := &stingy{}
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/cases", body)
	request.Header.Set("Authorization", "Bearer "+s.admin)
	request.ContentLength = 10 << 20
	answer := httptest.NewRecorder()
	s.Config.Handler.ServeHTTP(answer, request)
	require.Equal(t, http.StatusBadRequest, answer.Code)
	require.Positive(t, body.room)
	require.LessOrEqual(t, body.room, 128<<10)
}
