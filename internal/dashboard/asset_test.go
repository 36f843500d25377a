package dashboard

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnAssetOfAnotherVersionIsAnsweredByThatOfThisOne(t *testing.T) {
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		serveAsset(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	for name, a := range assets {
		base, ext, _ := strings.Cut(name, ".")
		now, then := get(a.path), get("/assets/"+base+"-0123456789ab."+ext)
		require.Equal(t, http.StatusOK, now.Code, name)
		require.Contains(t, now.Header().Get("Cache-Control"), "immutable")
		require.Equal(t, http.StatusOK, then.Code, name)
		require.Equal(t, now.Body.Bytes(), then.Body.Bytes(), name)
		require.Equal(t, a.contentType, then.Header().Get("Content-Type"))
		require.Empty(t, then.Header().Get("Cache-Control"), "nobody keeps it")
	}
	require.Equal(t, http.StatusNotFound, get("/assets/other-0123456789ab.css").Code)
}
