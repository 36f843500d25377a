package vault_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/casehook/casehook/internal/vault"
)

// anyWhere draws places whose fields run into one another easily.
func anyWhere() *rapid.Generator[vault.Where] {
	field := rapid.StringMatching(`[ab.\x00-\x03]{0,3}`)
	return rapid.Custom(func(t *rapid.T) vault.Where {
		return vault.Where{
			Table:  field.Draw(t, "table"),
			Row:    field.Draw(t, "row"),
			Column: field.Draw(t, "column"),
		}
	})
}

func TestWhatIsSealedOpensInItsPlaceOnly(t *testing.T) {
	key := newKey(t)
	rapid.Check(t, func(t *rapid.T) {
		plaintext := rapid.SliceOf(rapid.Byte()).Draw(t, "plaintext")
		where := anyWhere().Draw(t, "where")
		elsewhere := anyWhere().Filter(func(w vault.Where) bool { return w != where }).Draw(t, "elsewhere")

		sealed, err := key.Seal(plaintext, where)
		require.NoError(t, err)
		opened, err := key.Open(sealed, where)
		require.NoError(t, err)
		if !bytes.Equal(plaintext, opened) {
			t.Fatal(cmp.Diff(plaintext, opened))
		}
		_, err = key.Open(sealed, elsewhere)
		require.ErrorIs(t, err, vault.ErrTampered)
	})
}

func TestWhatWasEditedDoesNotOpen(t *testing.T) {
	key := newKey(t)
	rapid.Check(t, func(t *rapid.T) {
		plaintext := rapid.SliceOf(rapid.Byte()).Draw(t, "plaintext")
		sealed, err := key.Seal(plaintext, place)
		require.NoError(t, err)

		_, err = key.Open(edit(t, sealed), place)
		require.ErrorIs(t, err, vault.ErrTampered)
	})
}

// edit returns sealed with a byte changed, bytes cut off or bytes added.
func edit(t *rapid.T, sealed []byte) []byte {
	edited := bytes.Clone(sealed)
	at := rapid.IntRange(0, len(sealed)-1).Draw(t, "at")
	switch rapid.SampledFrom([]string{"change", "cut", "cut the start", "add"}).Draw(t, "edit") {
	case "change":
		edited[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
	case "cut":
		edited = edited[:at]
	case "cut the start":
		edited = edited[at+1:]
	case "add":
		edited = append(edited, rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "added")...)
	}
	return edited
}

func TestSealingTwiceGivesDifferentBytes(t *testing.T) {
	key := newKey(t)
	one, err := key.Seal([]byte("OPEN"), place)
	require.NoError(t, err)
	other, err := key.Seal([]byte("OPEN"), place)
	require.NoError(t, err)
	require.NotEqual(t, one, other)
}

func TestSealedBytesDoNotShowThePlaintext(t *testing.T) {
	marker := []byte("Ada Lovelace, F32.1")
	sealed, err := newKey(t).Seal(marker, place)
	require.NoError(t, err)
	require.NotContains(t, string(sealed), string(marker))
}

func TestARowDoesNotOpenAsAStreamNorAStreamAsARow(t *testing.T) {
	key := newKey(t)
	row, err := key.Seal(make([]byte, 100), place)
	require.NoError(t, err)
	_, err = readStream(key, row)
	require.ErrorIs(t, err, vault.ErrTampered)

	_, err = key.Open(sealStream(t, key, make([]byte, 100)), place)
	require.ErrorIs(t, err, vault.ErrTampered)
}

func TestMACTellsListsOfPartsApart(t *testing.T) {
	key := newKey(t)
	lists := [][]string{
		nil, {""}, {"", ""}, {"ab", "c"}, {"a", "bc"}, {"abc"}, {"c", "ab"}, {"\x01a"}, {"ab", "c", ""},
	}
	for i, one := range lists {
		require.Len(t, key.MAC(one...), 32)
		for j, other := range lists {
			require.Equal(t, i == j, bytes.Equal(key.MAC(one...), key.MAC(other...)), "%q and %q", one, other)
		}
	}
}

func TestKeysNeverPrintTheirBytes(t *testing.T) {
	key, ring := newKey(t), newKeyring(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o"} {
		require.Equal(t, "vault.Key", fmt.Sprintf(verb, key), verb)
		require.Equal(t, "vault.Key", fmt.Sprintf(verb, *key), verb)
		require.Equal(t, "vault.Keyring(1 keys)", fmt.Sprintf(verb, ring), verb)
		require.Equal(t, "vault.Keyring(1 keys)", fmt.Sprintf(verb, *ring), verb)
	}

	var text, json bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("made", "key", key, "ring", ring)
	require.Contains(t, text.String(), `key=vault.Key ring="vault.Keyring(1 keys)"`)
	slog.New(slog.NewJSONHandler(&json, nil)).Info("made", "key", key, "ring", ring)
	require.Contains(t, json.String(), `"key":{},"ring":{}`)
}

func TestErrorsDoNotNameTheRow(t *testing.T) {
	_, err := newKey(t).Open(nil, vault.Where{Table: "users", Row: "ada@clinic.example", Column: "profile"})
	require.ErrorContains(t, err, "open users.profile: ")
	require.NotContains(t, err.Error(), "ada")
}

func TestAKeyIsSafeForConcurrentUse(t *testing.T) {
	key := newKey(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			where := vault.Where{Table: "events", Row: fmt.Sprint(i)}
			for j := range 50 {
				plaintext := fmt.Sprintf("event %d of case %d", j, i)
				sealed, err := key.Seal([]byte(plaintext), where)
				if err != nil {
					t.Error(err)
				}
				opened, err := key.Open(sealed, where)
				if err != nil || string(opened) != plaintext {
					t.Errorf("want %q, got %q, %v", plaintext, opened, err)
				}
				key.MAC(plaintext)
			}
		})
	}
	group.Wait()
}

func FuzzOpen(f *testing.F) {
	v := vault.New(newKeyring(f))
	key, wrapped, err := v.NewKey("case-1", nil)
	require.NoError(f, err)
	sealed, err := key.Seal([]byte("body"), place)
	require.NoError(f, err)
	f.Add([]byte(nil))
	f.Add(make([]byte, 100))
	f.Add(wrapped)
	f.Add(sealed)
	f.Add(sealStream(f, key, []byte("content")))

	// A key of its own for the target: whatever comes was not sealed by it.
	stranger := newKey(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := stranger.Open(data, place)
		require.ErrorIs(t, err, vault.ErrTampered)
		_, err = readStream(stranger, data)
		require.ErrorIs(t, err, vault.ErrTampered)
		_, err = v.OpenKey("case-2", nil, data)
		if err == nil {
			t.Fatal("a data key that nobody wrapped was opened")
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	key, plaintext := newKey(b), make([]byte, 1500)
	b.SetBytes(int64(len(plaintext)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := key.Seal(plaintext, place); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	key := newKey(b)
	sealed, err := key.Seal(make([]byte, 1500), place)
	require.NoError(b, err)
	b.SetBytes(1500)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := key.Open(sealed, place); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenKey(b *testing.B) {
	v := vault.New(newKeyring(b))
	_, wrapped, err := v.NewKey("case-1", nil)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.OpenKey("case-1", nil, wrapped); err != nil {
			b.Fatal(err)
		}
	}
}
