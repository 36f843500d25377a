//go:build unix

package e2e_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// failing are the ways in which receivers fail, and one that does not. Each says again what it was sent, wherever
// that can be said, and a mark.
var failing = map[string]func(w http.ResponseWriter, body []byte, mark string){
	"answers 500": func(w http.ResponseWriter, body []byte, mark string) {
		w.Header().Set("X-Echo", mark)
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write(append([]byte(mark), body...))
	},
	"takes it": func(w http.ResponseWriter, body []byte, mark string) {
		w.Header().Set("X-Echo", mark)
		_, _ = w.Write(append([]byte(mark), body...))
	},
	"answers 410": func(w http.ResponseWriter, _ []byte, mark string) { http.Error(w, mark, http.StatusGone) },
	"is busy": func(w http.ResponseWriter, _ []byte, mark string) {
		w.Header().Set("Retry-After", mark)
		http.Error(w, mark, http.StatusServiceUnavailable)
	},
	"leads elsewhere": func(w http.ResponseWriter, _ []byte, mark string) {
		w.Header().Set("Location", "https://"+mark+".example/"+mark)
		w.WriteHeader(http.StatusTemporaryRedirect)
	},
	"finds it too large": func(w http.ResponseWriter, _ []byte, mark string) {
		http.Error(w, mark, http.StatusRequestEntityTooLarge)
	},
	"breaks off": func(w http.ResponseWriter, body []byte, mark string) {
		w.Header().Set("Content-Length", "100000")
		_, _ = w.Write([]byte(mark))
	},
	"resets": raw(func(c *net.TCPConn, _ []byte, _ string) { _ = c.SetLinger(0) }),
	"does not speak HTTP": raw(func(c *net.TCPConn, body []byte, mark string) {
		_, _ = fmt.Fprintf(c, "%s %s\r\n\r\n", mark, body)
	}),
	"has a header that is none": raw(func(c *net.TCPConn, body []byte, mark string) {
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\n%s %s\r\n\r\n", mark, body)
	}),
	"has a length that is none": raw(func(c *net.TCPConn, _ []byte, mark string) {
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n", mark)
	}),
	"says more than was asked": raw(func(c *net.TCPConn, body []byte, mark string) {
		_, _ = fmt.Fprintf(c, "HTTP/1.1 204 No Content\r\n\r\n%s %s", mark, body)
	}),
}

// raw answers by the connection itself.
func raw(say func(c *net.TCPConn, body []byte, mark string)) func(http.ResponseWriter, []byte, string) {
	return func(w http.ResponseWriter, body []byte, mark string) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		say(c.(*net.TCPConn), body, mark)
		_ = c.Close()
	}
}

// subscribed are endpoints, all of which fail, by how they do.
type subscribed map[string]string

// signedLinks finds the signatures of the links in a body.
var signedLinks = regexp.MustCompile(`/documents/[^"]*?signature=([A-Za-z0-9_-]+)`)

// subscribeAll makes an endpoint for each way to fail, with marks in its settings.
func (l *leak) subscribeAll(t *testing.T) subscribed {
	t.Helper()
	made := subscribed{}
	links := make(chan string, 1000)
	subscribe := func(how, url string) {
		header := l.garden.Plant("endpoint header name")
		a := l.do(t, "POST /v1/endpoints", encode(t, object{
			"url": url + "/" + l.garden.Plant("endpoint url path") + "?token=" + l.garden.Plant("endpoint url query"), "description": l.garden.Plant("endpoint description"),
			"clearance": object{"phi": true, "restricted": true}, "timeoutSeconds": 2, "payload": "full", "ordering": "none",
			"headers": object{header: l.garden.Plant("endpoint header value")},
		}))
		require.Equal(t, 201, a.status, string(a.body))
		l.watchKey(t, "endpoint secret", a.text("secret"))
		a = l.do(t, "POST /v1/endpoints/"+a.text("id")+"/rotate-secret", nil)
		require.Equal(t, 200, a.status, string(a.body))
		l.watchKey(t, "endpoint secret", a.text("secret"))
		made[how] = a.text("id")
	}
	stop := make(chan struct{})
	for how, answer := range failing {
		mark := l.garden.Plant("receiver answer " + how)
		partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			for _, link := range signedLinks.FindAllSubmatch(body, -1) {
				l.garden.Watch("signed link", string(link[1]))
				select {
				case links <- string(link[0]):
				default: // there are enough
				}
			}
			answer(w, body, mark)
		}))
		t.Cleanup(partner.Close)
		subscribe(how, partner.URL)
	}
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		<-stop
	}))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(stop) })
	subscribe("hangs", hanging.URL)

	other := httptest.NewUnstartedServer(http.NotFoundHandler())
	other.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	other.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t, l.garden.Plant("receiver certificate"))}}
	other.StartTLS()
	t.Cleanup(other.Close)
	_, port, err := net.SplitHostPort(other.Listener.Addr().String())
	require.NoError(t, err)
	subscribe("has the certificate of another", "https://localhost:"+port)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	subscribe("does not speak TLS", strings.Replace(plain.URL, "http:", "https:", 1))
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	subscribe("is not there", gone.URL)
	subscribe("has no address", "http://"+l.garden.Plant("endpoint url host")+".invalid")
	t.Cleanup(func() { require.NotEmpty(t, links, "no link was sent") })
	return made
}

// certificate is good for a host of that name, and for nobody who is asked here.
func certificate(t *testing.T, mark string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: mark}, DNSNames: []string{strings.ToLower(mark) + ".example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}

// wait waits until an attempt at each endpoint was recorded.
func (s subscribed) wait(t *testing.T, l *leak) {
	t.Helper()
	for how, id := range s {
		require.Eventually(t, func() bool {
			var list struct{ Data []object }
			a := l.do(t, "GET /v1/deliveries?tried=true&endpointId="+id, nil)
			return json.Unmarshal(a.body, &list) == nil && len(list.Data) > 0
		}, patience, 20*time.Millisecond, how)
	}
	require.Eventually(t, func() bool { // what was taken has a receipt, in a block
		var blocks int
		return l.db.QueryRowContext(t.Context(), `SELECT count(*) FROM receipt_blocks`).Scan(&blocks) == nil && blocks > 0
	}, patience, 20*time.Millisecond)
}

// refuseAll makes every request that is refused.
func (l *leak) refuseAll(t *testing.T) {
	t.Helper()
	for _, requests := range [][]refused{impossible, malformed, unwelcome} {
		for _, r := range requests {
			header := make([]string, len(r.header))
			for i := range header {
				header[i] = l.existing.Replace(r.header[i])
			}
			a := l.do(t, l.existing.Replace(r.call), []byte(r.body), header...)
			require.Equal(t, r.status, a.status, r.name)
		}
	}
	mark := l.garden.Plant
	ask := func(status int, call string, body string, header ...string) answer {
		t.Helper()
		a := l.do(t, l.existing.Replace(call), []byte(body), header...)
		require.Equal(t, status, a.status, "%s: %s", call, a.body)
		return a
	}
	operator := []string{"Authorization", "Bearer " + operatorKey}

	// What is said of what is too much, of ids that are taken, and of what ended.
	ask(422, "POST /v1/cases/{case}/comments", `{"text":[`+strings.Repeat("1,", 200_000)+`"`+mark("text")+`"]}`)
	ask(422, "POST /v1/events", `[]`)
	ask(422, "POST /v1/events", `{"caseId":"`+mark("text")+`","event":"`+mark("text")+`","payload":{"`+mark("field name")+`":"`+mark("text")+`"},"actor":{"id":"`+mark("text")+`"}}`)
	erased := l.c.open(t).text("id")
	ask(204, "DELETE /v1/cases/"+erased, "")
	told := func(id, caseID string) string {
		return `{"id":"` + id + `","caseId":"` + caseID + `","event":"ESCALATE_CASE","payload":{"escalated":{"caseId":"` + caseID + `","isEscalated":true,"caller":{"id":"a","firstName":"` +
			mark("text") + `","lastName":"a"}}}}`
	}
	ask(409, "POST /v1/events", told("0190a6e1-0000-7000-8000-000000000001", erased))
	ask(201, "POST /v1/events", told("0190a6e1-0000-7000-8000-000000000002", "0190a6e1-0000-7000-8000-000000000003"))
	ask(409, "POST /v1/events", told("0190a6e1-0000-7000-8000-000000000002", "0190a6e1-0000-7000-8000-000000000004"))
	name := mark("organisation name")
	made := ask(201, "POST /v1/organizations", `{"name":"`+name+`","shortIdPrefix":"ABC"}`, operator...)
	l.garden.Watch("api key", made.text("adminKey"))
	ask(409, "POST /v1/organizations", `{"name":"`+name+`","shortIdPrefix":"ABC"}`, operator...)
	ask(403, "GET /v1/cases/{case}", "", operator...)
	revoked := ask(201, "POST /v1/api-keys", `{"name":"a","role":"reader"}`)
	l.garden.Watch("api key", revoked.text("key"))
	ask(204, "DELETE /v1/api-keys/"+revoked.text("id"), "")
	ask(401, "GET /v1/cases", "", "Authorization", "Bearer "+revoked.text("key"))
	blind := ask(201, "POST /v1/api-keys", `{"name":"a","role":"reader","clearance":{"phi":false,"restricted":false}}`)
	l.garden.Watch("api key", blind.text("key"))
	phi := ask(201, "POST /v1/cases/{case}/attachments", `{"fileName":"`+mark("file name")+`","isPHI":true,"content":"aGk="}`)
	ask(403, "GET /v1/cases/{case}/attachments/"+phi.text("id")+"/content", "", "Authorization", "Bearer "+blind.text("key"))

	// Of an endpoint.
	quiet := ask(201, "POST /v1/endpoints", `{"url":"https://`+strings.ToLower(mark("endpoint url host"))+`.invalid/","clearance":{"phi":true,"restricted":true}}`).text("id")
	ask(200, "POST /v1/endpoints/"+quiet+"/pause", "")
	for range 7 {
		ask(200, "POST /v1/endpoints/"+quiet+"/rotate-secret", "")
	}
	ask(409, "POST /v1/endpoints/"+quiet+"/rotate-secret", "")
	ask(422, "PATCH /v1/endpoints/"+quiet, `{"url":"`+mark("endpoint url")+`","headers":{"`+mark("header")+`":"\r\n`+mark("header")+`"}}`)
	replay := ask(202, "POST /v1/endpoints/"+quiet+"/replay", `{}`).text("id")
	if a := l.do(t, "POST /v1/endpoints/"+quiet+"/replay", []byte(`{}`)); a.status == 409 {
		ask(200, "POST /v1/replays/"+replay+"/stop", "")
	}
	ask(409, "POST /v1/replays/"+replay+"/stop", "")
	comment := ask(201, "POST /v1/cases/{case}/comments", `{"text":"`+mark("text")+`"}`)
	var list struct{ Data []struct{ ID string } }
	require.NoError(t, json.Unmarshal(ask(200, "GET /v1/deliveries?endpointId="+quiet+"&eventId="+comment.events()[0], "").body, &list))
	require.NotEmpty(t, list.Data)
	ask(200, "POST /v1/deliveries/"+list.Data[0].ID+"/cancel", "")
	ask(409, "POST /v1/deliveries/"+list.Data[0].ID+"/cancel", "")

	// Forms, and bodies that do not come.
	form := func(status int, media, body string, header ...string) {
		t.Helper()
		ask(status, "POST /v1/cases/{case}/attachments", body, append([]string{"Content-Type", media}, header...)...)
	}
	const boundary = "multipart/form-data; boundary=b"
	part := func(head, body string) string {
		return "--b\r\nContent-Disposition: form-data; " + head + "\r\n\r\n" + body + "\r\n"
	}
	file := func(name, body string) string { return part(`name="file"; filename="`+name+`"`, body) }
	form(415, boundary, "", "Content-Encoding", mark("coding"))
	form(400, "multipart/form-data; a="+mark("media type"), file(mark("file name"), mark("text")))
	form(400, boundary, mark("text"))
	form(422, boundary, "--b--\r\n")
	form(400, boundary, file(mark("file name"), mark("text")))
	form(413, boundary, part(`name="fileName"`, mark("file name")+strings.Repeat("a", 70_000))+"--b--\r\n")
	form(413, boundary, file(mark("file name"), mark("text")+strings.Repeat("a", 400_000))+"--b--\r\n")
	form(422, boundary, part(`name="`+mark("field name")+`"`, mark("text"))+"--b--\r\n")
	form(422, boundary, part(`name="isPHI"`, mark("text"))+file("a", "a")+"--b--\r\n")
	form(400, boundary, file(mark("file name")+"\x01", mark("text"))+"--b--\r\n")
	form(422, boundary, file("a", mark("text"))+file(mark("file name"), mark("text"))+"--b--\r\n")
	form(201, boundary, file(mark("file name"), mark("text"))+"--b--\r\n")
	l.breakOff(t, mark("text"))
	l.notHTTP(t, mark)
}

// breakOff sends half of a body.
func (l *leak) breakOff(t *testing.T, mark string) {
	t.Helper()
	c, err := net.Dial("tcp", l.s.address())
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "POST /v1/cases HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer "+l.c.key+"\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"title\":\""+mark)
	require.NoError(t, err)
	require.NoError(t, c.(*net.TCPConn).CloseWrite())
	said, err := io.ReadAll(c)
	require.NoError(t, err)
	head, body, _ := strings.Cut(string(said), "\r\n\r\n")
	l.hear(t, "half of a body", answer{status: 400, header: http.Header{"": {head}}, body: []byte(body)})
}

// notHTTP sends what net/http refuses by itself.
func (l *leak) notHTTP(t *testing.T, mark func(string) string) {
	t.Helper()
	for _, request := range []string{
		mark("request") + "\r\n\r\n",
		"GET /" + mark("path") + " HTTP/9.9\r\n\r\n",
		"GET /%zz" + mark("path") + " HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: " + mark("host") + "\x00\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\n" + mark("header") + "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nA: " + mark("header") + "\x00\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: " + mark("coding") + "\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + mark("length") + "\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nA: " + mark("header") + strings.Repeat("a", 100_000) + "\r\n\r\n",
		"GET /v1/cases?a;" + mark("query") + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		"\x16\x03\x01" + mark("TLS") + "\r\n\r\n",
	} {
		c, err := net.Dial("tcp", l.s.address())
		require.NoError(t, err)
		_, err = io.WriteString(c, request)
		require.NoError(t, err)
		require.NoError(t, c.(*net.TCPConn).CloseWrite())
		said, _ := io.ReadAll(c) // it may be reset
		require.NoError(t, c.Close())
		require.Empty(t, l.garden.Find(said), "%q is answered by %q", request, said)
	}
}

// requireRefusedAddresses has it refuse addresses at attempts, and in settings.
func (l *leak) requireRefusedAddresses(t *testing.T, receivers subscribed) {
	t.Helper()
	a := l.do(t, "POST /v1/endpoints", []byte(`{"url":"https://127.0.0.1/`+l.garden.Plant("endpoint url path")+`","clearance":{"phi":true,"restricted":true}}`))
	require.Equal(t, 422, a.status)
	a = l.do(t, "POST /v1/endpoints/"+receivers["answers 500"]+"/test", nil)
	require.Equal(t, 200, a.status, string(a.body))
	require.Contains(t, string(a.body), "refused: ")
}

// requireWithheld has it refuse to retry what an endpoint may not be told any more.
func (l *leak) requireWithheld(t *testing.T) {
	t.Helper()
	do := func(status int, call, body string) answer {
		t.Helper()
		a := l.do(t, call, []byte(body))
		require.Equal(t, status, a.status, "%s: %s", call, a.body)
		return a
	}
	caseID := l.c.open(t).text("id")
	endpoint := do(201, "POST /v1/endpoints", `{"url":"https://partner.invalid/","clearance":{"phi":true,"restricted":true}}`).text("id")
	do(200, "POST /v1/endpoints/"+endpoint+"/pause", "")
	do(201, "POST /v1/cases/"+caseID+"/comments", `{"text":"`+l.garden.Plant("text")+`","isRestricted":true}`)
	do(200, "PATCH /v1/endpoints/"+endpoint, `{"clearance":{"phi":true,"restricted":false}}`)
	do(200, "POST /v1/endpoints/"+endpoint+"/resume", "")
	var list struct{ Data []object }
	require.Eventually(t, func() bool {
		a := l.do(t, "GET /v1/deliveries?state=canceled&endpointId="+endpoint, nil)
		return json.Unmarshal(a.body, &list) == nil && len(list.Data) == 1
	}, patience, 20*time.Millisecond)
	do(409, fmt.Sprintf("POST /v1/deliveries/%s/retry", list.Data[0]["id"]), "")
}

// requireDisabled has it say why an endpoint that is gone is not paused.
func (l *leak) requireDisabled(t *testing.T, receivers subscribed) {
	t.Helper()
	require.Equal(t, 409, l.do(t, "POST /v1/endpoints/"+receivers["answers 410"]+"/pause", nil).status)
}

// hangUp leaves while a call waits for a table that the test has locked.
func (l *leak) hangUp(t *testing.T) {
	t.Helper()
	tx, err := l.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), `LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE`)
	require.NoError(t, err)
	ctx, leave := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.s.url+"/v1/deliveries?caseId="+l.garden.Plant("case id"), nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+l.c.key)
	left := make(chan error, 1)
	go func() {
		_, err := http.DefaultClient.Do(request)
		left <- err
	}()
	require.Eventually(t, func() bool {
		var waiting int
		return l.db.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'`).Scan(&waiting) == nil && waiting > 0
	}, patience, 10*time.Millisecond)
	leave()
	require.Error(t, <-left)
	require.Eventually(t, func() bool { return strings.Contains(l.s.log.String(), `"status":499`) }, patience, 10*time.Millisecond)
	require.NoError(t, tx.Rollback())
}

// findsNoDatabase makes changes, and asks, while the database is gone.
func (l *leak) findsNoDatabase(t *testing.T) {
	t.Helper()
	for _, call := range []string{"POST /v1/cases/{case}/comments", "POST /v1/cases", "PUT /v1/users/" + l.garden.Plant("user id"), "GET /v1/users", "GET /readyz", "GET /v1/cases/" + l.garden.Plant("case id")} {
		var body []byte
		if !strings.HasPrefix(call, "GET") {
			body = l.mark(t, call, `{"text":"§"}`)
		}
		for _, w := range wordings {
			if w.call == call || strings.HasPrefix(call, "PUT") && strings.HasPrefix(w.call, "PUT") {
				body = l.mark(t, call, w.body)
			}
		}
		a := l.do(t, l.existing.Replace(call), body)
		require.Equal(t, http.StatusServiceUnavailable, a.status, "%s: %s", call, a.body)
	}
}

// fill goes on until the server's disk is full.
func (l *leak) fill(t *testing.T) {
	t.Helper()
	l.s.terminate(t)
	info, err := os.Stat(strings.TrimPrefix(l.database, "sqlite:"))
	require.NoError(t, err)
	limit := fmt.Sprintf(`ulimit -f %d; exec "$@"`, info.Size()>>10+1000)
	l.serve(t, exec.Command("/bin/sh", "-c", limit, "sh", binary), "--dev")
	for n := 0; ; n++ {
		require.Less(t, n, 1000, "the disk does not get full")
		body := `{"text":"` + l.garden.Plant("text") + strings.Repeat(" It itches.", 900) + `"}`
		if l.do(t, l.existing.Replace("POST /v1/cases/{case}/comments"), []byte(body)).status == http.StatusServiceUnavailable {
			return
		}
	}
}

// damage changes what is kept of the case, behind the server's back.
func (l *leak) damage(t *testing.T, ids *strings.Replacer) {
	t.Helper()
	caseID := l.existing.Replace("{case}")
	for _, change := range []string{
		`UPDATE events SET body = (SELECT body FROM events ORDER BY position LIMIT 1) WHERE case_id = '` + caseID + `' AND sequence > 1`,
		`UPDATE attempts SET answer = CAST('` + l.garden.Plant("row") + `' AS ` + l.bytes() + `) WHERE answer IS NOT NULL`,
		`UPDATE users SET profile = CAST('` + l.garden.Plant("row") + `' AS ` + l.bytes() + `)`,
		`UPDATE idempotency_keys SET answer = CAST('` + l.garden.Plant("row") + `' AS ` + l.bytes() + `)`,
		`UPDATE receipts SET event_id = '` + l.garden.Plant("row") + `'`,
		`CREATE UNIQUE INDEX broken ON api_keys ((1)) WHERE name >= '~'`,
		`UPDATE deliveries SET due_at = 0 WHERE state = 'pending'`,
		`UPDATE lanes SET due_at = 0, owner = NULL`,
		`DELETE FROM endpoint_health`,
	} {
		_, err := l.db.ExecContext(t.Context(), change)
		require.NoError(t, err, change)
	}
	documents := 0
	require.NoError(t, filepath.WalkDir(filepath.Join(l.data, "blobs"), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		documents++
		switch documents % 3 {
		case 0:
			return os.Remove(path)
		case 1:
			return os.Truncate(path, 10)
		}
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		content[len(content)-1] ^= 1
		return os.WriteFile(path, content, 0o600)
	}))
	require.Greater(t, documents, 3)
}

// bytes is the type of bytes in SQL.
func (l *leak) bytes() string {
	if strings.HasPrefix(l.database, "sqlite:") {
		return "BLOB"
	}
	return "bytea"
}

// requireDamaged asks for what was damaged.
func (l *leak) requireDamaged(t *testing.T, ids *strings.Replacer) {
	t.Helper()
	for _, call := range []string{"GET /v1/cases/{case}", "GET /v1/users", "GET /v1/cases/{case}/events", "GET /v1/events"} {
		a := l.do(t, l.existing.Replace(call), nil)
		require.Equal(t, http.StatusInternalServerError, a.status, "%s: %s", call, a.body)
	}
	for n, want := range []int{http.StatusCreated, http.StatusInternalServerError} {
		a := l.do(t, "POST /v1/api-keys", fmt.Appendf(nil, `{"name":"~%d%s","role":"reader"}`, n, l.garden.Plant("sent POST /v1/api-keys name")))
		require.Equal(t, want, a.status, string(a.body))
		if key := a.text("key"); key != "" {
			l.garden.Watch("api key", key)
		}
	}
	var told struct{ Attachments []struct{ ID string } }
	require.NoError(t, json.Unmarshal(l.do(t, ids.Replace("GET /v1/cases/{id}"), nil).body, &told))
	require.NotEmpty(t, told.Attachments)
	for _, attachment := range told.Attachments {
		if a, err := l.c.do(ids.Replace("GET /v1/cases/{id}/attachments/")+attachment.ID+"/content", nil); err == nil { // it may be broken off
			l.hear(t, "a document", a)
		}
	}
	require.Eventually(t, func() bool {
		log := l.s.log.String()
		return strings.Contains(log, "could not load a lane") && strings.Contains(log, "could not make a message")
	}, patience, 20*time.Millisecond)
}

// misuse runs commands with settings, keys and databases that are wrong.
func (l *leak) misuse(t *testing.T, master []byte) {
	t.Helper()
	mark := l.garden.Plant
	here := []string{"--data", l.data, "--database", l.database}
	other := make([]byte, 32)
	_, _ = rand.Read(other)
	wrong := base64.StdEncoding.EncodeToString(other)
	l.watchKey(t, "master key", wrong)
	file := filepath.Join(t.TempDir(), "casehook.yaml")
	for _, settings := range []string{
		"admin-key: '" + mark("setting") + "\n", "log-level: [" + mark("setting") + "]\n", mark("setting"), "keep-days: " + mark("setting") + "\n",
		"master-key: " + mark("setting") + "\n", "database: " + mark("setting") + "\n", "operator-key: a " + mark("setting") + "\n",
	} {
		require.NoError(t, os.WriteFile(file, []byte(settings), 0o600))
		l.run(t, nil, "serve", "--config", file, "--data", t.TempDir(), "--listen", "127.0.0.1:0")
	}
	for _, command := range [][]string{{"serve", "--listen", "127.0.0.1:0", "--log-level", "debug"}, {"keys", "list"}, {"keys", "rotate", "--wait", "100ms"}} {
		for _, key := range []string{wrong, "a" + wrong, mark("master key"), wrong + "," + wrong} {
			l.run(t, []string{"CASEHOOK_MASTER_KEY=" + key}, append(command, here...)...)
		}
		path := filepath.Join(l.data, "master.key")
		for _, text := range []string{mark("master key"), wrong, string(master) + mark("master key"), string(master) + string(master)} {
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			l.run(t, nil, append(command, here...)...)
		}
		require.NoError(t, os.Remove(path))
		l.run(t, nil, append(command, here...)...)
		require.NoError(t, os.WriteFile(path, master, 0o600))
		for _, database := range []string{
			"postgres://somebody:" + mark("password") + "@127.0.0.1:1/none", "postgres://somebody@127.0.0.1:1/none?password=" + mark("password"),
			"postgres://somebody:" + mark("password") + "@127.0.0.1:1/none?sslmode=wrong", "postgres://somebody:" + mark("password") + "@/none?host=/nowhere",
			"postgres://somebody:" + mark("password") + "@127.0.0.1:1/none?sslrootcert=/nowhere&sslmode=verify-full",
			"mysql://somebody:" + mark("password") + "@127.0.0.1/none",
		} {
			l.run(t, nil, append(command, "--data", l.data, "--database", database)...)
		}
	}
	l.run(t, nil, append([]string{"keys", "revoke", mark("key id")}, here...)...)
	l.run(t, nil, append([]string{"keys", "create", "--name", mark("name"), "--role", "owner"}, here...)...)
	l.run(t, nil, append([]string{"keys", "list", "--organization", mark("name")}, here...)...)
	l.run(t, nil, append([]string{"verify", "receipts"}, here...)...)
	l.run(t, nil, append([]string{"verify", "receipts", "--head", mark("head")}, here...)...)
}
