package vault

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/tink-crypto/tink-go/v2/tink"
	"golang.org/x/sync/singleflight"
)

// KeyFile is a master made of the keys in a file, which may be given more of them while
// it is used: it reads the file again when it is told to, when it is to seal and the file
// is another one, and when it finds data that was sealed by a key that it does not know.
// It is safe for concurrent use, and prints as its [Keyring] does.
type KeyFile struct {
	path string

	loads singleflight.Group // one at a time, so that none puts back what an older file has

	mu   sync.Mutex  // protects what follows
	text [32]byte    // SHA-256 of that of the file
	ring *Keyring    // of the keys in it
	seen os.FileInfo // of the file that they are known to be those of; nil before load
}

var _ tink.AEAD = (*KeyFile)(nil)

// OpenKeyFile returns the master of the file at path, which is made as by
// [LoadOrCreateKeyring].
func OpenKeyFile(path string) (*KeyFile, error) {
	text, err := readOrCreateKeyFile(path)
	if err != nil {
		return nil, err
	}
	ring, err := parseKeyFile(path, text)
	if err != nil {
		return nil, err
	}
	return &KeyFile{path: path, text: sha256.Sum256(text), ring: ring}, nil
}

// Reload reads the file again. Where that fails, or the first key of a file that has
// changed is in a KMS that cannot be asked, the keys stay as they were.
func (k *KeyFile) Reload() error {
	err := k.load()
	if err == nil {
		_, err = k.newest() // another's load may have read a file that was there before
	}
	return err
}

// load reads the file, unless another is doing so: then it waits, and returns what that
// returns. So a KMS that does not answer holds up all who wait as long as one, and is
// asked for one.
func (k *KeyFile) load() error {
	_, err, _ := k.loads.Do("", func() (any, error) {
		// Before it is read: what comes in between is found by the next look.
		file, err := os.Stat(k.path)
		if err != nil {
			return nil, fmt.Errorf("open master key file: %w", err)
		}
		text, err := readKeyFile(k.path)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		k.mu.Lock()
		ring, same := k.ring, sum == k.text
		k.mu.Unlock()
		if !same {
			if ring, err = parseKeyFile(k.path, text); err != nil {
				return nil, err
			}
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		k.text, k.ring, k.seen = sum, ring, file
		return nil, nil
	})
	return err
}

func (k *KeyFile) current() *Keyring {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ring
}

// newest returns the keys of the file as it is now. The error is [ErrUnavailable] where
// they cannot be had: the first of those that were read before may not seal any more.
func (k *KeyFile) newest() (*Keyring, error) {
	for {
		file, err := os.Stat(k.path)
		if err != nil {
			return nil, fmt.Errorf("open master key file: %w: %w", ErrUnavailable, err)
		}
		k.mu.Lock()
		ring := k.ring
		same := k.seen != nil && os.SameFile(file, k.seen) && file.ModTime().Equal(k.seen.ModTime()) && file.Size() == k.seen.Size()
		k.mu.Unlock()
		if same {
			return ring, nil
		}
		if err := k.load(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
}

// Encrypt seals with the first key of the file as it is when Encrypt returns, so that who
// has put a new key there finds nothing later that was sealed by another one. The error is
// [ErrUnavailable] where the file cannot be looked at, or has changed and its keys cannot
// be had, and where a KMS cannot be asked to seal.
func (k *KeyFile) Encrypt(plaintext, associatedData []byte) ([]byte, error) {
	for {
		ring, err := k.newest()
		if err != nil {
			return nil, err
		}
		sealed, err := ring.Encrypt(plaintext, associatedData)
		if err != nil {
			return nil, err
		}
		now, err := k.newest() // a KMS may take its time
		if err != nil {
			return nil, err
		}
		if now == ring {
			return sealed, nil
		}
	}
}

// Decrypt is that of the [Keyring] that is in the file.
func (k *KeyFile) Decrypt(ciphertext, associatedData []byte) ([]byte, error) {
	plaintext, err := k.current().Decrypt(ciphertext, associatedData)
	if !errors.Is(err, ErrUnknownMasterKey) || k.Reload() != nil {
		return plaintext, err
	}
	return k.current().Decrypt(ciphertext, associatedData)
}

// Sealer returns what everything begins with that is sealed now. The error is
// [ErrUnavailable] where Encrypt would not know either by which key it is to seal.
func (k *KeyFile) Sealer() ([]byte, error) {
	ring, err := k.newest()
	if err != nil {
		return nil, err
	}
	return ring.Sealer(), nil
}

// Len returns how many keys there are.
func (k *KeyFile) Len() int { return len(k.current().keys) }

// Format implements [fmt.Formatter]: no verb shows a key.
func (k *KeyFile) Format(f fmt.State, verb rune) { k.current().Format(f, verb) }

// Sealer returns what everything begins with that is sealed now: the header of the first
// key.
func (k *Keyring) Sealer() []byte {
	return append([]byte{keyringVersion}, k.keys[0].id[:]...)
}

// Len returns how many keys there are.
func (k *Keyring) Len() int { return len(k.keys) }

// Sealer returns what every key begins with that is wrapped now; nil where the master does
// not tell. The error is [ErrUnavailable] where that cannot be known for now.
func (v *Vault) Sealer() ([]byte, error) {
	switch master := v.master.(type) {
	case interface{ Sealer() []byte }:
		return master.Sealer(), nil
	case interface{ Sealer() ([]byte, error) }:
		return master.Sealer()
	}
	return nil, nil
}

// Reload has the master find out whether it was given other keys, where it can be.
func (v *Vault) Reload() error {
	if master, ok := v.master.(interface{ Reload() error }); ok {
		return master.Reload()
	}
	return nil
}

// FirstIs reports whether the first key that was read is that one, as [ParseKeyring] reads
// it.
func (k *KeyFile) FirstIs(key string) bool {
	ring, err := ParseKeyring(key)
	return err == nil && bytes.Equal(ring.Sealer(), k.current().Sealer())
}

// AddMasterKey puts a key, as [ParseKeyring] reads it, before those in the file at path,
// which is there whole at any time, with the old keys or with all of them. A key that is
// in a line of its own is moved; one that does not seal and open is refused. Two that do
// so at once do not lose each other's key: one of them fails.
func AddMasterKey(path, key string) (err error) {
	if _, err := readKeyFile(path); err != nil {
		return err
	}
	next := path + ".new"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there: another rotation writes it, or has ended before it was done; if none runs, remove it", next)
	}
	if err != nil {
		return fmt.Errorf("add a master key: %w", err)
	}
	text, err := os.ReadFile(path)
	if err == nil {
		text = withFirst(key, text)
		_, err = parseKeyFile(path, text)
	}
	if err == nil {
		_, err = f.Write(text)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		return fmt.Errorf("add a master key: %w", errors.Join(err, os.Remove(next)))
	}
	if err := syncFolder(filepath.Dir(path)); err != nil {
		return fmt.Errorf("add a master key: %w", err)
	}
	return nil
}

// withFirst returns the text of a file of keys with one put before the others.
func withFirst(key string, text []byte) []byte {
	lines := []string{key}
	for line := range strings.SplitSeq(string(text), "\n") {
		if strings.TrimSpace(line) != key {
			lines = append(lines, line)
		}
	}
	return []byte(strings.Join(lines, "\n"))
}
