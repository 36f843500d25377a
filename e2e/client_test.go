package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// object is a JSON object.
type object map[string]any

// client is somebody who calls the REST interface with a key.
type client struct{ url, key string }

// answer is what a call was answered.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do makes one request, such as "POST /v1/cases", and reads the whole answer. The
// header comes in pairs and over what the client would send; an empty value sends
// none.
func (c client) do(call string, body []byte, header ...string) (answer, error) {
	method, path, _ := strings.Cut(call, " ")
	request, err := http.NewRequest(method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Authorization", "Bearer "+c.key)
	if len(body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
		if header[i+1] == "" {
			request.Header.Del(header[i])
		}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, read}, err
}

// call makes a request that succeeds. A nil body is none.
func (c client) call(t *testing.T, call string, body object, header ...string) answer {
	t.Helper()
	a, err := c.do(call, encode(t, body), header...)
	require.NoError(t, err)
	require.Equalf(t, 2, a.status/100, "%s: %d %s", call, a.status, a.body)
	return a
}

func encode(t *testing.T, body object) []byte {
	t.Helper()
	if body == nil {
		return nil
	}
	encoded, err := json.Marshal(body)
	require.NoError(t, err)
	return encoded
}

// text returns a field of the answer that is a string, "" where it is none.
func (a answer) text(field string) string {
	var fields map[string]any
	_ = json.Unmarshal(a.body, &fields) // an answer without a body has no field
	text, _ := fields[field].(string)
	return text
}

// events returns the ids of the events that were recorded, in order.
func (a answer) events() []string { return strings.Split(a.header.Get("Casehook-Event-Id"), ",") }

// register makes users, whose names are their ids.
func (c client) register(t *testing.T, ids ...string) {
	t.Helper()
	for _, id := range ids {
		c.call(t, "PUT /v1/users/"+id, object{"firstName": id, "lastName": "Example", "email": id + "@clinic.example"})
	}
}

// subscribe has everything sent to r, which from then on verifies it.
func (c client) subscribe(t *testing.T, r *receiver) {
	t.Helper()
	made := c.call(t, "POST /v1/endpoints", object{
		"url":         r.url,
		"clearance":   object{"phi": true, "restricted": true},
		"signing":     []string{"standard", "cv"},
		"maxInFlight": maxInFlight,
	})
	r.trust(made.text("secret"))
}

// open makes a case and returns its creation.
func (c client) open(t *testing.T) answer {
	t.Helper()
	return c.call(t, "POST /v1/cases", object{
		"type":      "migraine",
		"title":     "Headache since Monday",
		"submitter": object{"firstName": "Sam", "lastName": "Sample", "email": "sam@mail.example"},
	})
}

// feed returns the log from a cursor on, "" for the beginning, and the cursor of its
// end.
func (c client) feed(t *testing.T, after string) (events []json.RawMessage, end string) {
	t.Helper()
	for {
		var page struct {
			Data       []json.RawMessage
			NextCursor string
			HasMore    bool
		}
		a := c.call(t, "GET /v1/events?limit=100&after="+url.QueryEscape(after), nil)
		require.NoError(t, json.Unmarshal(a.body, &page))
		events, after = append(events, page.Data...), page.NextCursor
		if !page.HasMore {
			return events, after
		}
	}
}
