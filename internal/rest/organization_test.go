package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheOperatorMakesOrganizations(t *testing.T) {
	s := newServer(t)
	operator := as(operatorKey)
	body := `{"name":"Acme","shortIdPrefix":"ACM"}`
	once := with("Idempotency-Key", "acme")
	made := s.post(t, "/v1/organizations", body, operator, once)
	require.Equal(t, http.StatusCreated, made.status, made)
	require.Equal(t, "ACM", made.text(t, "shortIdPrefix"))

	again := s.post(t, "/v1/organizations", body, operator, once)
	require.Equal(t, http.StatusCreated, again.status, again)
	require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
	require.JSONEq(t, string(made.body), string(again.body))
	require.Equal(t, http.StatusConflict, s.post(t, "/v1/organizations", body, operator).status)
	require.Equal(t, http.StatusConflict, s.post(t, "/v1/organizations", body, operator, with("Idempotency-Key", "other")).status)

	listed := s.get(t, "/v1/organizations", operator)
	require.Equal(t, http.StatusOK, listed.status, listed)
	require.Len(t, listed.at(t, "data"), 2)
	require.Equal(t, "Acme", listed.text(t, "data", 1, "name"))
	require.NotContains(t, string(listed.body), made.text(t, "adminKey"))
	for _, name := range []string{"Ωmega & Söhne <b>", "שלום", "👩‍⚕️ \u2028 '; DROP TABLE", "../../etc/passwd"} {
		got := s.post(t, "/v1/organizations", `{"name":"`+name+`","shortIdPrefix":"ACM"}`, operator)
		require.Equal(t, http.StatusCreated, got.status, got)
		require.Equal(t, strings.ReplaceAll(name, `\u2028`, "\u2028"), got.text(t, "name"))
	}

	admin := as(made.text(t, "adminKey"))
	require.Empty(t, s.get(t, "/v1/cases", admin).at(t, "data"))
	require.Len(t, s.get(t, "/v1/api-keys", admin).at(t, "data"), 1)
	for _, refused := range []struct {
		path, want string
		how        asked
	}{
		{"/v1/organizations", "this needs the operator's key", admin},
		{"/v1/cases", "the operator's key makes and lists organizations only: this needs a key of an organization, of the role reader", operator},
		{"/v1/api-keys", "the operator's key makes and lists organizations only: this needs a key of an organization, of the role admin", operator},
	} {
		got := s.get(t, refused.path, refused.how)
		require.Equal(t, http.StatusForbidden, got.status, got)
		require.Equal(t, refused.want, got.detail(t))
	}
	require.Equal(t, http.StatusUnprocessableEntity, s.get(t, "/v1/organizations", operator, with("Casehook-Actor", "anyone")).status)
}

func TestWhatCannotBeAnOrganizationIsRefused(t *testing.T) {
	s := newServer(t)
	for _, test := range []struct{ name, body, fault string }{
		{"without a name", `{"name":" ","shortIdPrefix":"ACM"}`, "name: must be 1 to 200 bytes long, without control characters"},
		{"small letters", `{"name":"Acme","shortIdPrefix":"acm"}`, "shortIdPrefix: must be three letters from A to Z"},
		{"four letters", `{"name":"Acme","shortIdPrefix":"ACME"}`, "shortIdPrefix: must be three letters from A to Z"},
		{"a line end after it", `{"name":"Acme","shortIdPrefix":"ACM\n"}`, "shortIdPrefix: must be three letters from A to Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			refused := s.post(t, "/v1/organizations", test.body, as(operatorKey))
			require.Equal(t, []string{test.fault}, refused.faults(t))
		})
	}
}
