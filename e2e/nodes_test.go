//go:build unix

package e2e_test

import (
	"encoding/json"
	"flag"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/postgrestest"
	"github.com/casehook/casehook/internal/s3test"
)

// changes is how many changes two nodes are asked for: enough for hundreds to be under
// way when one is killed. Ask for more by -changes.
var changes = flag.Int("changes", 3000, "changes that two nodes are asked for")

func TestNothingIsLostWhenOneOfTwoNodesIsKilled(t *testing.T) {
	data, database := t.TempDir(), postgrestest.DSN(t)
	nodes := []*server{
		serve(t, data, "--dev", "--database", database),
		serve(t, data, "--dev", "--database", database),
	}
	dying, living := client{nodes[0].url, adminKey}, client{nodes[1].url, adminKey}
	r := startGo(t)
	living.subscribe(t, r)
	l := newLoad(t, living, 200, *changes)
	l.nodes = []client{dying, living}
	close(l.restarted)
	readers := make([]*feedReader, 2)
	var reading sync.WaitGroup
	stop := make(chan struct{})
	for i := range readers {
		readers[i] = &feedReader{client: living}
		reading.Go(func() { readers[i].follow(t, stop) })
	}

	done := make(chan struct{})
	go func() {
		defer close(done)
		l.run(t, 32)
	}()
	<-l.half
	nodes[0].kill()
	<-done
	if t.Failed() {
		t.FailNow()
	}
	require.NotZero(t, l.unanswered.Load(), "the node was killed when nobody needed it")
	l.checkLog(t)
	close(stop)
	reading.Wait()
	for _, reader := range readers {
		require.Eventually(t, func() bool { return reader.read(t) && len(reader.seen) >= len(l.events) }, patience, 10*time.Millisecond)
		require.ElementsMatch(t, l.events, reader.seen, "the feed skips nothing, and tells nothing twice")
	}
	twice := l.checkReceived(t, r, nodes[1])
	t.Logf("%d changes, %d had no answer at first, %d deliveries came twice", *changes, l.unanswered.Load(), twice)
	require.LessOrEqual(t, twice, 2*maxInFlight, "more was sent twice than can have been under way")
}

// feedReader follows the feed.
type feedReader struct {
	client client
	after  string
	seen   []string // the ids of the events
}

// follow reads what there is, again and again until stop is closed.
func (r *feedReader) follow(t *testing.T, stop <-chan struct{}) {
	for r.read(t) {
		select {
		case <-stop:
			return
		default:
		}
	}
}

// read reads a page, and reports whether that went well.
func (r *feedReader) read(t *testing.T) bool {
	a, err := r.client.do("GET /v1/events?limit=50&after="+url.QueryEscape(r.after), nil)
	if err != nil || a.status != http.StatusOK {
		t.Errorf("read the feed: %d %s, %v", a.status, a.body, err)
		return false
	}
	var page struct {
		Data []struct {
			Payload struct{ Activity struct{ ID string } }
		}
		NextCursor string
	}
	if err := json.Unmarshal(a.body, &page); err != nil {
		t.Errorf("read the feed: %v", err)
		return false
	}
	for _, event := range page.Data {
		r.seen = append(r.seen, event.Payload.Activity.ID)
	}
	r.after = page.NextCursor
	return true
}

func TestANodeWithoutTheMasterKeyDoesNotStart(t *testing.T) {
	database := postgrestest.DSN(t)
	serve(t, t.TempDir(), "--dev", "--database", database)
	other := t.TempDir()
	out, err := casehook("serve", "--data", other, "--database", database, "--listen", "127.0.0.1:0").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "master.key is missing")
	require.NoFileExists(t, filepath.Join(other, "master.key"), "nobody may take it for the right one")
}

func TestNodesShareNoDirectoryWhereAllIsInBuckets(t *testing.T) {
	outside, database := s3test.Start(t, "documents", "shares"), postgrestest.DSN(t)
	settings := filepath.Join(t.TempDir(), "settings.yaml")
	require.NoError(t, os.WriteFile(settings, []byte("master-key: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\ndev: true\n"+
		"documents: s3://documents?endpoint="+outside.URL+"\nshares: s3://shares?endpoint="+outside.URL+"\ndatabase: "+database+"\n"), 0o600))
	datas := []string{t.TempDir(), t.TempDir()}
	one := client{serve(t, datas[0], "--config", settings).url, adminKey}
	other := client{serve(t, datas[1], "--config", settings).url, adminKey}
	one.register(t, "nora")
	id := one.open(t).text("id")
	attachment := one.call(t, "POST /v1/cases/"+id+"/attachments", object{"fileName": "note.txt", "content": "aGVsbG8="}).text("id")

	content := other.call(t, "GET /v1/cases/"+id+"/attachments/"+attachment+"/content", nil)
	require.Equal(t, "hello", string(content.body))
	other.call(t, "DELETE /v1/cases/"+id, nil, "Casehook-Actor", "nora")
	for _, c := range []client{one, other} {
		a, err := c.do("GET /v1/cases/"+id, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusNotFound, a.status)
	}
	require.Empty(t, outside.Keys(t, "documents"))
	blocks := outside.Keys(t, "shares")
	require.Len(t, blocks, 1)
	require.Equal(t, make([]byte, 32), outside.Object(t, "shares", blocks[0])[:32], "the share of the case")
	for _, data := range datas {
		files, err := os.ReadDir(data)
		require.NoError(t, err)
		require.Empty(t, files, "nothing is kept on the node")
	}
}
