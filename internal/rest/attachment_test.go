package rest_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/delivery"
)

// FuzzOpenDocument requires that a document is opened by the link that was minted, and
// that by anything else there is nothing, and nothing of it is said. What is left empty is
// as it was minted.
func FuzzOpenDocument(f *testing.F) {
	s := newServer(f)
	caseID := s.newCase(f)
	attached := s.post(f, "/v1/cases/"+caseID+"/attachments", `{"fileName":"a.txt","content":"bWFya2Vy"}`)
	require.Equal(f, http.StatusCreated, attached.status, attached)
	attachmentID := attached.text(f, "id")
	key, err := s.db.CaseKey(f.Context(), caseID)
	require.NoError(f, err)
	link, expires := delivery.MintLink(key, s.URL, caseID, attachmentID, []byte("the digest of the document"), time.Now())
	parsed, err := url.Parse(link)
	require.NoError(f, err)
	minted := []string{caseID, attachmentID, parsed.Query().Get("digest"), parsed.Query().Get("expires"), parsed.Query().Get("signature")}
	for _, seed := range [][5]string{
		{},
		{0: "01932b5e-7c1d-7e5a-9d3b-2f7a6c1e8b40"},
		{0: strings.ToUpper(caseID)},
		{0: "a/b"},
		{1: "%2e%2e"},
		{1: attachmentID + "\x00"},
		{2: "!"},
		{2: minted[2] + "="},
		{3: "99999999999999999999"},
		{3: "+" + minted[3]},
		{3: " " + minted[3]},
		{4: "\xff"},
		{4: minted[4][1:]},
		{4: minted[4] + "\n"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4])
	}
	f.Fuzz(func(t *testing.T, caseID, attachmentID, digest, until, signature string) {
		asked := []string{caseID, attachmentID, digest, until, signature}
		for i, value := range asked {
			if value == "" {
				asked[i] = minted[i]
			}
		}
		if slices.Contains([]string{".", ".."}, asked[0]) || slices.Contains([]string{".", ".."}, asked[1]) {
			return // it is another path
		}
		query := url.Values{"digest": asked[2:3], "expires": asked[3:4], "signature": asked[4:5]}
		got := s.get(t, "/documents/"+url.PathEscape(asked[0])+"/"+url.PathEscape(asked[1])+"?"+query.Encode(), with("Authorization", ""))
		if slices.Equal(asked, minted) && time.Now().Before(expires) {
			require.Equal(t, http.StatusOK, got.status, got)
			require.Equal(t, "marker", string(got.body))
			return
		}
		require.Equal(t, http.StatusNotFound, got.status, got)
		for i, value := range asked[2:] {
			require.False(t, len(value) > 8 && strings.Contains(string(got.body), value), "value %d is repeated", i)
		}
	})
}
