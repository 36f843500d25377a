package rest_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryListIsPaged finds the lists in the document: what answers "data". Each is read
// one by one, and as a whole.
func TestEveryListIsPaged(t *testing.T) {
	s := newServer(t)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer receiver.Close()
	endpointBody := `{"url":"` + receiver.URL + `","clearance":{"phi":true,"restricted":true}}`
	ids := map[string]string{} // the last that was made
	for _, made := range []struct{ method, path, body, as string }{
		{"PUT", "/v1/users/nora", userBody, s.admin},
		{"PUT", "/v1/users/otto", userBody, s.admin},
		{"POST", "/v1/endpoints", endpointBody, s.admin},
		{"POST", "/v1/endpoints/{endpoint}/replay", `{}`, s.admin},
		{"POST", "/v1/endpoints", endpointBody, s.admin},
		{"POST", "/v1/endpoints/{endpoint}/replay", `{}`, s.admin},
		{"POST", "/v1/organizations", `{"name":"another","shortIdPrefix":"OTH"}`, operatorKey},
		{"POST", "/v1/cases", caseBody, s.admin},
		{"POST", "/v1/cases/{case}/comments", `{"text":"Hello"}`, s.admin},
		{"POST", "/v1/cases", caseBody, s.admin},
		{"DELETE", "/v1/cases/{case}", ``, s.admin},
		{"POST", "/v1/cases", caseBody, s.admin},
		{"DELETE", "/v1/cases/{case}", ``, s.admin},
		{"POST", "/v1/cases", caseBody, s.admin},
		{"POST", "/v1/cases", caseBody, s.admin},
		{"POST", "/v1/cases/{case}/comments", `{"text":"Hello"}`, s.admin},
	} {
		path := strings.NewReplacer("{case}", ids["/v1/cases"], "{endpoint}", ids["/v1/endpoints"]).Replace(made.path)
		got := s.do(t, made.method, path, strings.NewReader(made.body), as(made.as))
		require.Equal(t, 2, got.status/100, got)
		if made.path == "/v1/cases" || made.path == "/v1/endpoints" {
			ids[made.path] = got.text(t, "id")
		}
	}

	require.Eventually(t, func() bool { // until the log and the two endpoints are at rest
		return len(s.get(t, "/v1/cases/"+ids["/v1/cases"]+"/receipts").at(t, "data").([]any)) == 4
	}, tooLong, poll)

	lists := 0
	for path, operations := range s.paths {
		call, ok := operations["get"]
		if !ok || !s.isList(call) {
			continue
		}
		lists++
		t.Run(call.OperationID, func(t *testing.T) {
			var names []string
			for _, parameter := range call.Parameters {
				names = append(names, parameter.Name)
			}
			goesOn := "cursor"
			if slices.Contains(names, "after") {
				goesOn = "after"
			}
			require.Contains(t, names, "limit")
			require.Contains(t, names, goesOn)

			who := s.admin
			if smallest[call.OperationID] == "operator" {
				who = operatorKey
			}
			path := strings.Replace(path, "{id}", ids["/v1/cases"], 1)
			for _, limit := range []string{"0", "-1", "101", "1e9", "99999999999999999999"} {
				refused := s.get(t, path+"?limit="+limit, as(who))
				require.Equal(t, http.StatusUnprocessableEntity, refused.status, refused)
				require.Regexp(t, "^limit: must be ", refused.faults(t)[0])
			}
			read := func(limit string) (items []any) {
				for cursor := "&"; cursor != ""; {
					page := s.get(t, path+"?limit="+limit+cursor, as(who))
					require.Equal(t, http.StatusOK, page.status, page)
					data := page.at(t, "data").([]any)
					if limit == "1" {
						require.LessOrEqual(t, len(data), 1)
					}
					items = append(items, data...)
					cursor = ""
					if next, ok := page.at(t, "nextCursor").(string); ok && len(data) > 0 {
						cursor = "&" + goesOn + "=" + url.QueryEscape(next)
					}
				}
				return items
			}
			if call.OperationID == "listAuditEntries" { // it grows by being read
				require.Greater(t, len(read("1")), 1)
				return
			}
			whole := read("100")
			require.Greater(t, len(whole), 1, "there is more than a page of one")
			require.Equal(t, whole, read("1"))
		})
	}
	require.Equal(t, 12, lists)
}

// isList reports whether a call answers a list.
func (s *server) isList(call operation) bool {
	ref := strings.TrimPrefix(call.Responses["200"].Content["application/json"].Schema.Ref, "#/components/schemas/")
	_, ok := s.schemas[ref].Properties["data"]
	return ok
}
