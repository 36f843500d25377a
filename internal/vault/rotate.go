package vault

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/tink-crypto/tink-go/v2/tink"
)

// KeyFile is a master made of the keys in a file, which may be given more of them while
// it is used: it reads the file again when it is told to, and when it finds data that was
// sealed by a key that it does not know. It is safe for concurrent use, and prints as its
// [Keyring] does.
type KeyFile struct {
	path string
	mu   sync.Mutex // protects ring
	ring *Keyring
}

var _ tink.AEAD = (*KeyFile)(nil)

// OpenKeyFile returns the master of the file at path, which is made as by
// [LoadOrCreateKeyring].
func OpenKeyFile(path string) (*KeyFile, error) {
	ring, err := LoadOrCreateKeyring(path)
	if err != nil {
		return nil, err
	}
	return &KeyFile{path: path, ring: ring}, nil
}

// Reload reads the file again. Where that fails, the keys stay as they were.
func (k *KeyFile) Reload() error {
	ring, err := loadKeyring(k.path)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ring = ring
	return nil
}

func (k *KeyFile) current() *Keyring {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ring
}

// Encrypt seals with the first key.
func (k *KeyFile) Encrypt(plaintext, associatedData []byte) ([]byte, error) {
	return k.current().Encrypt(plaintext, associatedData)
}

// Decrypt is that of the [Keyring] that is in the file.
func (k *KeyFile) Decrypt(ciphertext, associatedData []byte) ([]byte, error) {
	plaintext, err := k.current().Decrypt(ciphertext, associatedData)
	if !errors.Is(err, ErrUnknownMasterKey) || k.Reload() != nil {
		return plaintext, err
	}
	return k.current().Decrypt(ciphertext, associatedData)
}

// Sealer returns what everything begins with that is sealed now.
func (k *KeyFile) Sealer() []byte { return k.current().Sealer() }

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
// not tell.
func (v *Vault) Sealer() []byte {
	if master, ok := v.master.(interface{ Sealer() []byte }); ok {
		return master.Sealer()
	}
	return nil
}

// Reload has the master find out whether it was given other keys, where it can be.
func (v *Vault) Reload() error {
	if master, ok := v.master.(interface{ Reload() error }); ok {
		return master.Reload()
	}
	return nil
}

// AddMasterKey puts a new key before those in the file at path, which is there whole at
// any time, with the old keys or with all of them. Two that do so at once do not lose each
// other's key: one of them fails.
func AddMasterKey(path string) (err error) {
	if _, err := loadKeyring(path); err != nil {
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
	old, err := os.ReadFile(path)
	if err == nil {
		_, err = io.WriteString(f, NewMasterKey()+"\n"+string(old))
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
