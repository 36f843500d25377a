package vault_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/kmstest"
	"github.com/casehook/casehook/internal/vault"
)

// gate holds up what is asked of a KMS while it is shut.
type gate struct {
	mu      sync.Mutex
	opened  chan struct{} // closed by open; nil while nothing is held up
	arrived chan struct{} // given one when a question is held up
	asked   int           // how many questions came
}

// startGate starts a gate before the KMS that the environment names.
func startGate(t *testing.T) *gate {
	t.Helper()
	u, err := url.Parse(os.Getenv("AWS_ENDPOINT_URL_KMS"))
	require.NoError(t, err)
	g, proxy := &gate{arrived: make(chan struct{}, 100)}, httputil.NewSingleHostReverseProxy(u)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.mu.Lock()
		opened := g.opened
		g.asked++
		g.mu.Unlock()
		if opened != nil {
			g.arrived <- struct{}{}
			<-opened
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	t.Cleanup(g.open)
	t.Setenv("AWS_ENDPOINT_URL_KMS", s.URL)
	return g
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.opened = make(chan struct{})
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened != nil {
		close(g.opened)
		g.opened = nil
	}
}

func TestWhoSealsWhileANewMasterKeyIsTriedWaitsForIt(t *testing.T) {
	uri := kmstest.Start(t).NewKey()
	g := startGate(t)
	path := filepath.Join(t.TempDir(), "master.key")
	file := openKeyFile(t, path)
	require.NoError(t, vault.AddMasterKey(path, uri))
	want := parseKeyring(t, uri).Sealer()

	g.shut()
	var sealing sync.WaitGroup
	seal := func() {
		sealed, err := file.Encrypt([]byte("data key"), nil)
		if err != nil || !bytes.HasPrefix(sealed, want) {
			t.Errorf("sealed %x, %v, want it by %x", sealed, err, want)
		}
	}
	sealing.Go(seal)
	<-g.arrived
	for range 8 {
		sealing.Go(seal)
	}
	sealing.Go(func() {
		if sealer, err := file.Sealer(); err != nil || !bytes.Equal(sealer, want) {
			t.Errorf("the sealer is %x, %v, want %x", sealer, err, want)
		}
	})
	letPass(t, filepath.Join(t.TempDir(), "other.key"))
	g.open()
	sealing.Wait()
}

func TestAKMSThatRefusesIsAskedForAllWhoWait(t *testing.T) {
	kms := kmstest.Start(t)
	uri := kms.NewKey()
	g := startGate(t)
	path := filepath.Join(t.TempDir(), "master.key")
	file := openKeyFile(t, path)
	require.NoError(t, vault.AddMasterKey(path, uri))
	kms.Deny(uri, true)

	g.shut()
	g.asked = 0
	const callers = 20
	failed := make(chan error, callers)
	seal := func() {
		_, err := file.Encrypt([]byte("data key"), nil)
		failed <- err
	}
	go seal()
	<-g.arrived
	for range callers - 1 {
		go seal()
	}
	letPass(t, filepath.Join(t.TempDir(), "other.key"))
	g.open()
	for range callers {
		require.ErrorIs(t, <-failed, vault.ErrUnavailable)
	}
	require.Less(t, g.asked, callers, "one that comes late asks for itself")
}

func TestWhoOpensDoesNotWaitForANewMasterKey(t *testing.T) {
	uri := kmstest.Start(t).NewKey()
	g := startGate(t)
	path := filepath.Join(t.TempDir(), "master.key")
	file := openKeyFile(t, path)
	sealed, err := file.Encrypt([]byte("data key"), nil)
	require.NoError(t, err)
	require.NoError(t, vault.AddMasterKey(path, uri))

	g.shut()
	reloaded := make(chan error, 1)
	go func() { reloaded <- file.Reload() }()
	<-g.arrived
	_, err = file.Decrypt(sealed, nil)
	require.NoError(t, err)
	require.Equal(t, 1, file.Len())
	g.open()
	require.NoError(t, <-reloaded)
	require.Equal(t, 2, file.Len())
}

func TestAFileThatWasReadBeforeDoesNotReplaceOneThatWasReadAfterIt(t *testing.T) {
	uri, local := kmstest.Start(t).NewKey(), vault.NewMasterKey()
	g := startGate(t)
	path := filepath.Join(t.TempDir(), "master.key")
	file := openKeyFile(t, path)
	require.NoError(t, vault.AddMasterKey(path, uri))
	want := parseKeyring(t, local).Sealer()

	g.shut()
	first := make(chan error, 1)
	go func() { first <- file.Reload() }() // of the file with the key in the KMS in front
	<-g.arrived
	require.NoError(t, vault.AddMasterKey(path, local))
	second := make(chan error, 1)
	go func() {
		_, err := file.Encrypt([]byte("data key"), nil)
		second <- err
	}()
	letPass(t, path)
	g.open()
	require.NoError(t, <-second)
	require.NoError(t, <-first)
	require.Equal(t, 3, file.Len())
	sealed, err := file.Encrypt([]byte("data key"), nil)
	require.NoError(t, err)
	require.Equal(t, want, sealed[:5])
}

func TestReloadReadsTheFileAsItIsWhenItIsCalled(t *testing.T) {
	uri, local := kmstest.Start(t).NewKey(), vault.NewMasterKey()
	g := startGate(t)
	path := filepath.Join(t.TempDir(), "master.key")
	file := openKeyFile(t, path)
	require.NoError(t, vault.AddMasterKey(path, uri))

	g.shut()
	first := make(chan error, 1)
	go func() { first <- file.Reload() }()
	<-g.arrived
	require.NoError(t, vault.AddMasterKey(path, local))
	second := make(chan error, 1)
	go func() { second <- file.Reload() }()
	letPass(t, path)
	g.open()
	require.NoError(t, <-second)
	require.Equal(t, 3, file.Len())
	require.NoError(t, <-first)
}

func TestNothingIsSealedWhileItIsNotKnownWhichMasterKeyIsFirst(t *testing.T) {
	kms := kmstest.Start(t)
	for _, test := range []struct {
		name        string
		spoil, mend func(t *testing.T, path, uri string)
	}{
		{"because the KMS denies",
			func(_ *testing.T, _, uri string) { kms.Deny(uri, true) },
			func(_ *testing.T, _, uri string) { kms.Deny(uri, false) }},
		{"because the file is broken",
			func(t *testing.T, path, _ string) { rewrite(t, path, "broken\n") },
			func(t *testing.T, path, uri string) { rewrite(t, path, uri+"\n") }},
		{"because the file is gone",
			func(t *testing.T, path, _ string) { require.NoError(t, os.Rename(path, path+"-away")) },
			func(t *testing.T, path, _ string) { require.NoError(t, os.Rename(path+"-away", path)) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			path, uri := filepath.Join(t.TempDir(), "master.key"), kms.NewKey()
			file := openKeyFile(t, path)
			v := vault.New(file)
			_, wrapped, err := v.NewKey("case-1", nil)
			require.NoError(t, err)
			require.NoError(t, vault.AddMasterKey(path, uri))
			test.spoil(t, path, uri)
			for range 2 { // that it was looked at once changes nothing
				_, _, err = v.NewKey("case-2", nil)
				require.ErrorIs(t, err, vault.ErrUnavailable)
			}
			_, err = v.Rewrap("case-1", wrapped)
			require.ErrorIs(t, err, vault.ErrUnavailable)
			_, err = v.Sealer()
			require.ErrorIs(t, err, vault.ErrUnavailable)
			_, err = v.OpenKey("case-1", nil, wrapped)
			require.NoError(t, err, "what is there still opens")
			test.mend(t, path, uri)
			_, wrapped, err = v.NewKey("case-2", nil) // nobody has called Reload
			require.NoError(t, err)
			require.Equal(t, parseKeyring(t, uri).Sealer(), wrapped[:5])
		})
	}
}

// letPass does a few times what another does once, which has come far by then.
func letPass(t *testing.T, path string) {
	t.Helper()
	for range 3 {
		openKeyFile(t, path)
	}
}

// rewrite puts another file in the place of the one at path.
func rewrite(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+"-other", []byte(text), 0o600))
	require.NoError(t, os.Rename(path+"-other", path))
}
