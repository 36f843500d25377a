package rest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/danielgtaylor/huma/v2/humatest"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/doorway"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
)

func TestAPanicIsAnAnswerAndALogLineWithoutItsValue(t *testing.T) {
	var log strings.Builder
	d := &door{mux: http.NewServeMux(), doorway: doorway.Doorway{Log: slog.New(slog.NewTextHandler(&log, nil)), Fail: fail}}
	d.mux.HandleFunc("GET /early/{id}", func(http.ResponseWriter, *http.Request) { panic("CANARY") })
	d.mux.HandleFunc("GET /late", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half of "))
		panic("CANARY")
	})

	t.Run("before the answer has begun", func(t *testing.T) {
		w := httptest.NewRecorder()
		d.ServeHTTP(w, httptest.NewRequest("GET", "/early/CANARY", nil))
		require.Equal(t, http.StatusInternalServerError, w.Code)
		require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
		require.Contains(t, w.Body.String(), w.Header().Get("Casehook-Request-Id"))
		require.Contains(t, log.String(), "msg=panic type=string route=/early/{id}")
		require.Contains(t, log.String(), "status=500")
	})
	t.Run("after it has begun, it is broken off", func(t *testing.T) {
		w := httptest.NewRecorder()
		require.PanicsWithValue(t, http.ErrAbortHandler, func() {
			d.ServeHTTP(w, httptest.NewRequest("GET", "/late", nil))
		})
		require.Contains(t, log.String(), "msg=panic type=string route=/late")
	})
	require.NotContains(t, log.String(), "CANARY")
}

func TestADocumentIsNotReadToItsEndWhereAnotherAnswerIsGiven(t *testing.T) {
	given := httptest.NewRecorder()
	stuck := func(context.Context, *service.AuditEntry) error { return errors.New("there is no room") }
	d := doorway.Doorway{Log: slog.New(slog.DiscardHandler), Record: stuck, Fail: fail}
	const size = 10 << 20
	document := strings.NewReader(strings.Repeat("x", size))
	body := download(io.NopCloser(struct{ io.Reader }{document}), nil, nil).Body
	require.NotPanics(t, func() {
		d.Serve(given, httptest.NewRequest("GET", "/", nil), "", always, func(w http.ResponseWriter, r *http.Request) {
			doorway.ExchangeOf(r.Context()).Begin(r, "getAttachmentContent", http.StatusOK, nil)
			body(humago.NewContext(nil, r, w))
		})
	})
	require.Equal(t, http.StatusServiceUnavailable, given.Code)
	require.NotContains(t, given.Body.String(), "x")
	require.Greater(t, document.Len(), size-1<<20, "what is left of it")
}

func TestOfManyFaultsTheFirstAreTold(t *testing.T) {
	var faults []refusal.Fault
	for range 100 {
		faults = append(faults, refusal.Fault{Field: strings.Repeat("ä", 1000), Allowed: "must not be"})
	}
	x := &exchange{Exchange: &doorway.Exchange{Log: slog.New(slog.DiscardHandler)}}
	ctx := humatest.NewContext(nil, httptest.NewRequest("GET", "/", nil).WithContext(context.WithValue(t.Context(), exchangeKey{}, x)), httptest.NewRecorder())
	told := answerTo(ctx, 500, "", refusal.Fields(faults...)).(*problem)
	require.Len(t, told.Errors, maxFaults)
	require.LessOrEqual(t, len(told.Errors[0].Field), maxField+len("…"))
}
