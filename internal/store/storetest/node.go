package storetest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/vault"
)

// lease is how long a process that says nothing counts as alive.
const lease = 30 * time.Second

var nodeTests = []test{
	{"a process that leaves gives its lanes back", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		require.Zero(t, c.live())
		handed, waiting := c.create(outbox), c.create(nil)
		due := begin.Add(time.Hour)
		failed := c.create(outbox)
		c.fail(outbox.take()[1], due)
		c.clock.pass(time.Second)
		require.NoError(t, c.Leave(t.Context()))
		require.Empty(t, c.claim(e.ID), "it is gone")
		c.live()
		require.ElementsMatch(t, []string{handed, waiting}, c.claim(e.ID))
		c.clock.pass(time.Hour)
		require.Equal(t, []string{failed}, c.claim(e.ID))
	}},
	{"a process that lives keeps its lanes", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		c.create(outbox)
		for range 3 {
			require.Zero(t, c.live())
			c.clock.pass(lease - time.Second)
		}
		require.Empty(t, c.claim(e.ID))
	}},
	{"a process that is late goes on under another name, without its lanes", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		lost := 0
		c.OnLoss(func() { lost++ })
		outbox := new(tray)
		id := c.create(outbox)
		m := outbox.take()[0]
		former := c.node
		c.clock.pass(lease + time.Second)
		require.Equal(t, int64(1), c.live())
		require.NotEqual(t, former, c.node)
		require.Equal(t, 1, lost)
		c.comments(1, id, outbox)
		require.Empty(t, outbox.take(), "the lane is not its own")
		require.Equal(t, []string{id}, c.claim(e.ID))
		end := &store.End{Node: former, EndpointID: e.ID, Lane: id, Through: 1, Settled: func(remains, due bool) { require.False(t, remains || due) }}
		require.NoError(t, c.Record(t.Context(), store.Outcome{
			Message: m,
			Attempt: &store.Attempt{Number: 1, StartedAt: c.clock.Now(), StatusCode: 204},
			State:   store.Delivered,
			End:     end,
		}))
		require.Empty(t, c.claim(e.ID), "what it did before does not take the lane away")
		require.Equal(t, []int64{2}, sequences(c.load(e.ID, id).Messages), "but counts")
	}},
	{"where the clock is set back nothing is lost, and the order holds", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		id := c.create(outbox)
		node := c.node
		c.clock.pass(-time.Hour)
		require.Zero(t, c.live())
		require.Equal(t, node, c.node)
		c.comments(2, id, outbox)
		messages := outbox.take()
		require.Equal(t, []int64{1, 2, 3}, sequences(messages))
		c.deliver(messages[0], nil)
		c.fail(messages[1], c.clock.Now().Add(time.Minute))
		waiting := c.create(nil)
		require.Equal(t, []string{waiting}, c.claim(e.ID))
		c.clock.pass(time.Minute)
		require.Equal(t, []string{id}, c.claim(e.ID))
		require.Equal(t, []int64{2, 3}, sequences(c.load(e.ID, id).Messages))
		feed, err := c.Feed(t.Context(), c.org.ID, store.Position{}, 10)
		require.NoError(t, err)
		require.Len(t, feed, 4)
		requireLog(t, c, id, 3)
	}},
	{"a process without a name has no lanes", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		c.reopen()
		outbox := new(tray)
		id := c.create(outbox)
		require.Empty(t, outbox.take())
		require.Empty(t, c.claim(e.ID))
		c.live()
		require.Equal(t, []string{id}, c.claim(e.ID))
	}},
	{"what a process left behind is handed to the next, in order", func(t *testing.T, url string) {
		c := newClinic(t, url)
		ordered, free := c.endpoint(), c.endpoint(unordered)
		outbox := new(tray)
		require.Zero(t, c.live())

		// One lane was handed over, one claimed, one waits for its retry, one is done.
		handed := c.create(outbox)
		c.comments(2, handed, outbox)
		c.deliver(byLane(outbox.take())[ordered.ID+" "+handed][0], nil)
		claimed := c.create(nil)
		c.comments(1, claimed, nil)
		c.claim(ordered.ID)
		c.claim(free.ID)
		retried := c.create(outbox)
		due := begin.Add(2 * lease)
		c.fail(byLane(outbox.take())[ordered.ID+" "+retried][0], due)
		done := c.create(outbox)
		for _, m := range outbox.take() {
			require.False(t, c.deliver(m, &store.End{Through: m.Sequence}))
		}

		c.reopen()
		c.clock.pass(lease + time.Second)
		require.Equal(t, int64(2+3+2+1), c.live(), "two ordered lanes, and the messages without order")
		require.ElementsMatch(t, []string{handed, claimed}, c.claim(ordered.ID))
		require.Equal(t, []int64{2, 3}, sequences(c.load(ordered.ID, handed).Messages))
		require.Equal(t, []int64{1, 2}, sequences(c.load(ordered.ID, claimed).Messages))
		byCase := make(map[string][]int64)
		for _, lane := range c.claim(free.ID) {
			m := c.load(free.ID, lane).Messages[0]
			byCase[m.Event.CaseID] = append(byCase[m.Event.CaseID], m.Sequence)
		}
		require.Len(t, byCase, 3)
		require.ElementsMatch(t, []int64{1, 2, 3}, byCase[handed])
		require.ElementsMatch(t, []int64{1, 2}, byCase[claimed])
		require.ElementsMatch(t, []int64{1}, byCase[retried])
		c.clock.pass(lease)
		require.Equal(t, []string{retried}, c.claim(ordered.ID))
		require.Equal(t, 1, c.load(ordered.ID, retried).Messages[0].Tries)

		outbox = new(tray)
		c.comments(1, done, outbox)
		require.Equal(t, []int64{2, 2}, sequences(outbox.take()), "and a lane that was empty is handed over")
	}},
	{"a process that comes late cannot settle what is another's by now", func(t *testing.T, url string) {
		c := newClinic(t, url)
		e := c.endpoint()
		outbox := new(tray)
		require.Zero(t, c.live())
		id := c.create(outbox)
		m := outbox.take()[0]
		c.reopen()
		c.clock.pass(lease + time.Second)
		require.Equal(t, int64(1), c.live())
		require.False(t, c.end(m, store.End{Through: 1}))
		require.Equal(t, []string{id}, c.claim(e.ID), "it waits still")
	}},
	{"what was answered before a process was killed is there, and is sent in order", func(t *testing.T, url string) {
		masterKey := vault.NewMasterKey() // which the other process has too
		keyring, err := vault.ParseKeyring(masterKey)
		require.NoError(t, err)
		c := &clinic{t: t, ctx: t.Context(), url: url, keyring: keyring, clock: &clock{now: begin}}
		c.open()
		c.org, err = c.EnsureOrganization(t.Context(), "Killed", "KIL")
		require.NoError(t, err)
		e := c.endpoint()
		require.NoError(t, c.Close())

		answered := killWriter(t, url, masterKey, c.folder)

		c.open()
		c.clock.pass(lease + time.Second)
		c.live()
		for id, sequence := range answered {
			state, _, err := c.Case(t.Context(), c.org.ID, id, 0)
			require.NoError(t, err)
			require.GreaterOrEqual(t, state.Version, sequence)
			requireLog(t, c, id, int(state.Version))
		}
		s := newSender(c, false)
		s.claim(t, e.ID, 1000)
		for s.work(t, nil) {
		}
		for id, sequence := range answered {
			sent := s.sent[laneName{e.ID, id}]
			require.GreaterOrEqual(t, int64(len(sent)), sequence)
			require.Equal(t, count(len(sent)), sent)
		}
	}},
}

// live renews the lease of the clinic's process.
func (c *clinic) live() (released int64) {
	c.t.Helper()
	released, err := c.Live(c.ctx, lease, func(now store.Standing) { c.node = now.Node })
	require.NoError(c.t, err)
	return released
}

// The environment of the process that is killed.
const (
	childURL       = "CASEHOOK_STORETEST_URL"
	childMasterKey = "CASEHOOK_STORETEST_MASTER_KEY"
	childShares    = "CASEHOOK_STORETEST_SHARES"
)

// killWriter has another process write to the database, and kills it in the middle
// of that. It returns the last sequence that was answered of each case.
func killWriter(t *testing.T, url, masterKey, shares string) map[string]int64 {
	t.Helper()
	root, _, _ := strings.Cut(t.Name(), "/")
	child := exec.Command(os.Args[0], "-test.run=^"+root+"$")
	child.Env = append(os.Environ(), childURL+"="+url, childMasterKey+"="+masterKey, childShares+"="+shares)
	input, err := child.StdinPipe()
	require.NoError(t, err)
	output, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	defer input.Close()

	answered := make(map[string]int64)
	scanner := bufio.NewScanner(output)
	for lines := 1; scanner.Scan(); lines++ {
		var id string
		var sequence int64
		if n, _ := fmt.Sscanf(scanner.Text(), "answered %s %d", &id, &sequence); n == 2 {
			answered[id] = max(answered[id], sequence)
		}
		if lines == 100 {
			require.NoError(t, child.Process.Kill())
		}
	}
	require.Error(t, child.Wait(), "it was killed")
	require.NotEmpty(t, answered)
	return answered
}

// writeUntilKilled is what the process does that is killed. It returns false in any
// other.
func writeUntilKilled(t *testing.T) bool {
	url := os.Getenv(childURL)
	if url == "" {
		return false
	}
	go func() { // nothing is left behind where the parent ends first
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	keyring, err := vault.ParseKeyring(os.Getenv(childMasterKey))
	require.NoError(t, err)
	c := &clinic{t: t, ctx: t.Context(), url: url, keyring: keyring, folder: os.Getenv(childShares), clock: &clock{now: begin}}
	c.open()
	c.org, err = c.OrganizationNamed(t.Context(), "Killed")
	require.NoError(t, err)
	c.live()
	for i := range 8 {
		s := newSender(c, i%2 == 0) // half of the lanes are handed over, and not sent
		go func() {
			id := c.create(s)
			for version := int64(1); ; version++ {
				fmt.Printf("answered %s %d\n", id, version)
				c.do(id, s, comment(i))
			}
		}()
	}
	select {}
}
