package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNoCallTakesWhatCannotBeText sends a NUL and broken UTF-8, which some databases
// refuse, in all parameters of all calls.
func TestNoCallTakesWhatCannotBeText(t *testing.T) {
	s := newServer(t)
	broken := map[string]string{"a NUL": "%00" + canary, "broken UTF-8": "%ff" + canary}
	for path, operations := range s.paths {
		for method, call := range operations {
			for name, value := range broken {
				t.Run(call.OperationID+"/"+name, func(t *testing.T) {
					answered := func(path string, status int, field string, how ...asked) {
						got := s.do(t, strings.ToUpper(method), path, nil, how...)
						require.Equal(t, status, got.status, got)
						requireNoCanary(t, got.String())
						if field != "" {
							require.Len(t, got.faults(t), 1)
							require.Regexp(t, "^"+field+": must ", got.faults(t)[0])
						}
					}
					for _, parameter := range call.Parameters {
						switch {
						case parameter.In == "path" && method == "put":
							got := s.do(t, http.MethodPut, strings.Replace(path, "{id}", value, 1), strings.NewReader(userBody))
							require.Equal(t, http.StatusUnprocessableEntity, got.status, got)
							require.Regexp(t, "^id: must ", got.faults(t)[0])
							requireNoCanary(t, got.String())
						case parameter.In == "path":
							one := strings.Replace(path, "{"+parameter.Name+"}", value, 1)
							answered(pathParameter.ReplaceAllString(one, "unknown"), http.StatusNotFound, "")
						case parameter.In == "query" && call.OperationID == "openDocument":
							answered(pathParameter.ReplaceAllString(path, "unknown")+"?"+parameter.Name+"="+value, http.StatusNotFound, "")
						case parameter.In == "query":
							who := s.admin
							if smallest[call.OperationID] == "operator" {
								who = operatorKey
							}
							answered(pathParameter.ReplaceAllString(path, "unknown")+"?"+parameter.Name+"="+value, http.StatusUnprocessableEntity, parameter.Name, as(who))
						case parameter.Name == "Casehook-Actor" && name != "a NUL": // net/http lets none in
							answered(pathParameter.ReplaceAllString(path, "unknown"), http.StatusUnprocessableEntity, "Casehook-Actor", with("Casehook-Actor", "\xff"+canary))
						}
					}
				})
			}
		}
	}
	requireNoCanary(t, s.log.String())
}

const userBody = `{"firstName":"Nora","lastName":"Example","email":"nora@clinic.example"}`
