package vault_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/casehook/casehook/internal/vault"
)

const (
	chunk      = 64 << 10                  // a sealed chunk
	firstPlain = chunk - (1 + 32 + 7) - 16 // what the first holds, beside header and tag
	plain      = chunk - 16                // what each further one holds
)

func sealStream(t testing.TB, key *vault.Key, content []byte) []byte {
	t.Helper()
	var sealed bytes.Buffer
	w, err := key.NewWriter(&sealed, place)
	require.NoError(t, err)
	_, err = w.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return sealed.Bytes()
}

// readStream returns what could be read before the end or the error.
func readStream(key *vault.Key, sealed []byte) ([]byte, error) {
	r, err := key.NewReader(bytes.NewReader(sealed), place)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// anyContent draws bytes of a length at or around the border of a chunk, or of
// any length up to three chunks.
func anyContent() *rapid.Generator[[]byte] {
	near := func(n int) *rapid.Generator[int] { return rapid.IntRange(n-2, n+2) }
	size := rapid.OneOf(
		rapid.IntRange(0, 100),
		near(firstPlain), near(firstPlain+plain), near(chunk), near(2*chunk),
		rapid.IntRange(0, 3*chunk),
	)
	return rapid.Custom(func(t *rapid.T) []byte {
		content := make([]byte, size.Draw(t, "size"))
		rand.NewChaCha8([32]byte{rapid.Byte().Draw(t, "seed")}).Read(content)
		return content
	})
}

func TestAStreamComesBackAsItWasWritten(t *testing.T) {
	key := newKey(t)
	rapid.Check(t, func(t *rapid.T) {
		content := anyContent().Draw(t, "content")
		step := rapid.IntRange(1, 2*chunk).Draw(t, "step")

		var sealed bytes.Buffer
		w, err := key.NewWriter(&sealed, place)
		require.NoError(t, err)
		for rest := content; len(rest) > 0; {
			n, err := w.Write(rest[:min(step, len(rest))])
			require.NoError(t, err)
			rest = rest[n:]
		}
		require.NoError(t, w.Close())
		require.NoError(t, w.Close(), "closed twice")

		r, err := key.NewReader(iotest.HalfReader(&sealed), place)
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		if !bytes.Equal(content, got) {
			t.Fatalf("%d bytes came back as %d others", len(content), len(got))
		}
	})
}

func TestAnEditedStreamEndsWithErrTampered(t *testing.T) {
	key := newKey(t)
	rapid.Check(t, func(t *rapid.T) {
		content := anyContent().Draw(t, "content")
		var sealed bytes.Buffer
		w, err := key.NewWriter(&sealed, place)
		require.NoError(t, err)
		_, err = w.Write(content)
		require.NoError(t, err)
		require.NoError(t, w.Close())

		got, err := readStream(key, edit(t, sealed.Bytes()))
		require.ErrorIs(t, err, vault.ErrTampered)
		if !bytes.HasPrefix(content, got) {
			t.Fatal("bytes were returned that nobody wrote")
		}
	})
}

func TestAStreamIsRefused(t *testing.T) {
	key := newKey(t)
	content := bytes.Repeat([]byte("0123456789abcdef"), 4*chunk/16)
	sealed := sealStream(t, key, content)
	other := sealStream(t, key, content)

	var unclosed bytes.Buffer
	w, err := key.NewWriter(&unclosed, place)
	require.NoError(t, err)
	_, err = w.Write(content)
	require.NoError(t, err)

	swapped := bytes.Clone(sealed)
	copy(swapped[chunk:], sealed[2*chunk:3*chunk])
	copy(swapped[2*chunk:], sealed[chunk:2*chunk])
	mixed := bytes.Clone(sealed)
	copy(mixed[chunk:2*chunk], other[chunk:2*chunk])

	for _, test := range []struct {
		name   string
		sealed []byte
	}{
		{"when it is empty", nil},
		{"when it is cut within its header", sealed[:20]},
		{"when it is cut after its header", sealed[:40]},
		{"when it is cut at the border of a chunk", sealed[:2*chunk]},
		{"when its last byte is missing", sealed[:len(sealed)-1]},
		{"when its writer was not closed", unclosed.Bytes()},
		{"when two of its chunks have changed places", swapped},
		{"when it holds a chunk of another stream", mixed},
		{"when another stream follows it", append(bytes.Clone(sealed), other...)},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := readStream(key, test.sealed)
			require.ErrorIs(t, err, vault.ErrTampered)
		})
	}
	t.Run("when another key reads it", func(t *testing.T) {
		_, err := readStream(newKey(t), sealed)
		require.ErrorIs(t, err, vault.ErrTampered)
	})
	t.Run("when it was moved to another place", func(t *testing.T) {
		r, err := key.NewReader(bytes.NewReader(sealed), vault.Where{Table: place.Table, Row: "43", Column: place.Column})
		require.NoError(t, err)
		_, err = io.ReadAll(r)
		require.ErrorIs(t, err, vault.ErrTampered)
	})
}

func TestAReaderThatFailedNeverReportsTheEnd(t *testing.T) {
	key := newKey(t)
	sealed := sealStream(t, key, []byte("content"))
	sealed[len(sealed)-1] ^= 1

	r, err := key.NewReader(bytes.NewReader(sealed), place)
	require.NoError(t, err)
	for range 3 {
		n, err := r.Read(make([]byte, 100))
		require.Zero(t, n)
		require.ErrorIs(t, err, vault.ErrTampered)
	}
}

func TestAFailingSourceIsNotTakenForTampering(t *testing.T) {
	key := newKey(t)
	sealed := sealStream(t, key, make([]byte, 3*chunk))
	broken := errors.New("disk on fire")
	for _, good := range []int{0, 20, 40, chunk, 2*chunk + 5} {
		source := io.MultiReader(bytes.NewReader(sealed[:good]), iotest.ErrReader(broken))
		r, err := key.NewReader(source, place)
		if err == nil {
			_, err = io.ReadAll(r)
		}
		require.ErrorIs(t, err, broken, "after %d bytes", good)
		require.NotErrorIs(t, err, vault.ErrTampered)
	}
}

// fullDisk takes room bytes and fails from then on, or only once.
type fullDisk struct {
	bytes.Buffer
	room int
	full error
	once bool
}

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.full != nil && d.Len()+len(p) > d.room {
		err := d.full
		if d.once {
			d.full = nil
		}
		return 0, err
	}
	return d.Buffer.Write(p)
}

func TestAWriterThatFailedDoesNotCompleteTheStream(t *testing.T) {
	full := errors.New("disk full")
	key := newKey(t)
	disk := &fullDisk{room: chunk, full: full, once: true}
	w, err := key.NewWriter(disk, place)
	require.NoError(t, err)

	_, err = w.Write(make([]byte, 3*chunk))
	require.ErrorIs(t, err, full)
	_, err = w.Write([]byte("more"))
	require.ErrorIs(t, err, full)
	require.ErrorIs(t, w.Close(), full)
	_, err = readStream(key, disk.Bytes())
	require.ErrorIs(t, err, vault.ErrTampered)
}

func TestNewWriterReportsThatTheHeaderWasNotWritten(t *testing.T) {
	full := errors.New("disk full")
	_, err := newKey(t).NewWriter(&fullDisk{full: full}, place)
	require.ErrorIs(t, err, full)
}
