package e2e_test

import (
	"strings"
	"testing"
)

func TestEveryPageIsUsableOnAPhone(t *testing.T) {
	s := serve(t, t.TempDir(), "--dev")
	c := client{s.url, adminKey}
	long := strings.Repeat("a-very-long-path/", 35)
	sick := c.call(t, "POST /v1/endpoints", object{"url": "http://127.0.0.1:9/" + long, "clearance": object{"phi": true, "restricted": true}}).text("id")
	c.call(t, "POST /v1/endpoints", object{"url": "http://127.0.0.1:9/", "description": strings.Repeat("laboratory ", 12), "clearance": object{"phi": false, "restricted": false}})
	c.call(t, "POST /v1/api-keys", object{"name": strings.Repeat("laboratory", 12), "role": "reader"})
	c.call(t, "PUT /v1/users/"+strings.Repeat("u", 60), object{"firstName": strings.Repeat("Max", 20), "lastName": "de Wit", "email": strings.Repeat("m", 50) + "@clinic.example"})
	opened := c.open(t).text("id")
	v := signIn(t, s, adminKey)
	for _, path := range []string{
		"/", "/cases", "/cases/" + opened, "/deliveries", "/endpoints", "/endpoints/" + sick, "/endpoints/" + sick + "/edit",
		"/endpoints/" + sick + "/replay", "/live", "/keys", "/users", "/users/new", "/audit",
	} {
		v.open(path)
		v.check()
	}
	v.script(`document.querySelector("td details").open = true`)
	v.check()
}
