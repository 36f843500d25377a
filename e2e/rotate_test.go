//go:build unix

package e2e_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/postgrestest"
)

func TestTheMasterKeyIsRotatedWhileNodesServeAndChange(t *testing.T) {
	data, database := t.TempDir(), postgrestest.DSN(t)
	node := func() *server { return serve(t, data, "--dev", "--database", database) }
	b := newBusy(t, 3, node)
	b.has(t, 100)

	out, err := casehook("keys", "rotate", "--data", data, "--database", database, "--wait", patience.String()).CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "every key in the database is wrapped by it")

	// At once the old key is taken away, while the nodes go on.
	path := filepath.Join(data, "master.key")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	fresh, old, found := bytes.Cut(text, []byte("\n"))
	require.True(t, found)
	require.NotEmpty(t, old)
	require.NoError(t, os.WriteFile(path+".new", fresh, 0o600))
	require.NoError(t, os.Rename(path+".new", path))
	b.has(t, 100)
	for i := range b.nodes {
		b.restart(t, i, node)
	}
	b.finish(t)
}

func TestTheMasterKeyOfTheEnvironmentIsRotatedWhileNodesServeAndChange(t *testing.T) {
	data, database := t.TempDir(), postgrestest.DSN(t)
	old, fresh := newMasterKey(), newMasterKey()
	with := func(keys string) func() *server {
		return func() *server {
			return start(t, exec.Command("env", "CASEHOOK_MASTER_KEY="+keys, binary), data, "--dev", "--database", database)
		}
	}
	b := newBusy(t, 3, with(old))
	b.has(t, 100)

	// The new key opens everywhere before anybody seals with it, and the old one everywhere
	// until nothing is sealed with it.
	for _, keys := range []string{old + "," + fresh, fresh + "," + old} {
		for i := range b.nodes {
			b.restart(t, i, with(keys))
			b.has(t, 10)
		}
	}
	rotate := casehook("keys", "rotate", "--data", data, "--database", database, "--wait", patience.String())
	rotate.Env = append(rotate.Env, "CASEHOOK_MASTER_KEY="+fresh+","+old)
	out, err := rotate.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "every key in the database is wrapped by it")
	for i := range b.nodes {
		b.restart(t, i, with(fresh))
		b.has(t, 10)
	}
	b.finish(t)
	require.NoFileExists(t, filepath.Join(data, "master.key"))
}

// newMasterKey is what openssl rand -base64 32 prints.
func newMasterKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return base64.StdEncoding.EncodeToString(key)
}

// busy are nodes, and clients that open, change and read cases on them all the time. The
// last node is asked for nothing but new cases: it never meets what another has sealed.
type busy struct {
	nodes   []*server
	stop    chan struct{}
	working sync.WaitGroup

	mu    sync.Mutex
	cases []string // that were opened
	urls  []string // of the nodes
}

func newBusy(t *testing.T, nodes int, node func() *server) *busy {
	b := &busy{stop: make(chan struct{})}
	for range nodes {
		b.nodes = append(b.nodes, node())
		b.urls = append(b.urls, b.nodes[len(b.nodes)-1].url)
	}
	for i := range b.nodes {
		b.working.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-b.stop:
					return
				default:
					b.work(t, i, fmt.Sprintf("%d-%d", i, n))
				}
			}
		})
	}
	t.Cleanup(b.end)
	return b
}

// work opens a case on a node. On all but the last it changes and reads one besides.
func (b *busy) work(t *testing.T, node int, key string) {
	a := b.ask(t, node, "POST /v1/cases", `{"type":"migraine","title":"Headache","submitter":{"firstName":"Sam","lastName":"Sample","email":"sam@mail.example"}}`, key)
	if a.status != 201 {
		return // and t has failed
	}
	b.mu.Lock()
	b.cases = append(b.cases, a.text("id"))
	id := b.cases[mathrand.N(len(b.cases))]
	b.mu.Unlock()
	if node < len(b.nodes)-1 {
		b.ask(t, node, "POST /v1/cases/"+id+"/comments", `{"text":"It throbs."}`, "comment-"+key)
		b.ask(t, node, "GET /v1/cases/"+id, "", "")
	}
}

// ask asks a node. Where nobody listens there, the next one is asked, as a load balancer does.
func (b *busy) ask(t *testing.T, node int, call, body, key string) answer {
	for i := range 100 * len(b.nodes) {
		b.mu.Lock()
		url := b.urls[(node+i)%len(b.urls)]
		b.mu.Unlock()
		if url == "" {
			continue
		}
		var header []string
		if key != "" {
			header = []string{"Idempotency-Key", key}
		}
		a, err := client{url, adminKey}.do(call, []byte(body), header...)
		if err != nil {
			continue
		}
		if a.status/100 != 2 {
			t.Errorf("%s: %d %s", call, a.status, a.body)
		}
		return a
	}
	t.Errorf("%s: nobody answered", call)
	return answer{}
}

// has waits until n more cases were opened.
func (b *busy) has(t *testing.T, n int) {
	t.Helper()
	b.mu.Lock()
	want := len(b.cases) + n
	b.mu.Unlock()
	require.Eventually(t, func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return t.Failed() || len(b.cases) >= want
	}, patience, 5*time.Millisecond)
	if t.Failed() {
		t.FailNow()
	}
}

// restart ends a node and starts it as it is to be from now on.
func (b *busy) restart(t *testing.T, i int, node func() *server) {
	t.Helper()
	b.mu.Lock()
	b.urls[i] = ""
	b.mu.Unlock()
	require.Zero(t, b.nodes[i].terminate(t))
	b.nodes[i] = node()
	b.mu.Lock()
	b.urls[i] = b.nodes[i].url
	b.mu.Unlock()
}

// end has the clients end.
func (b *busy) end() {
	select {
	case <-b.stop:
	default:
		close(b.stop)
	}
	b.working.Wait()
}

// finish ends the clients, and requires that all cases can be read, on one node or another.
func (b *busy) finish(t *testing.T) {
	t.Helper()
	b.end()
	if t.Failed() {
		t.FailNow()
	}
	for i, id := range b.cases {
		client{b.urls[i%len(b.urls)], adminKey}.call(t, "GET /v1/cases/"+id, nil)
	}
}
