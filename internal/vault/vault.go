// Package vault keeps a stolen database unreadable. It does envelope
// encryption: each owner (a case, or an organisation) has a random data key,
// and only that key, wrapped by a master key, is stored beside the data.
//
// Start with a [Vault]. [Vault.NewKey] makes an owner's [Key] and its wrapped
// form to store; [Vault.OpenKey] turns the wrapped form back into the Key. A
// Key seals database columns ([Key.Seal]), files of any size
// ([Key.NewWriter]) and authenticates links ([Key.MAC]). The master is any
// [tink.AEAD], most often a [Keyring]: keys held by the operator, or by a KMS.
//
// A wrapped key lies in every backup of the database. So that an owner can be
// erased from those too, its key can be bound to a [Share], which is kept
// elsewhere: whoever destroys the share has erased everything that was sealed
// for that owner, wherever copies of it are.
//
// A master key is changed without touching any data: put the new one first in
// the Keyring, [Vault.Rewrap] every wrapped key, and drop the old.
//
// The package hides content, not shape: lengths, row counts and times show.
package vault

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/tink"
)

var (
	// ErrTampered means that sealed bytes do not open here: they were changed
	// or cut short, belong to another place or owner, or were sealed by
	// another key. Which of these it was cannot be told apart.
	ErrTampered = errors.New("sealed bytes were changed, moved, or sealed by another key")

	// ErrUnknownMasterKey means that a data key was wrapped by a master key
	// that the [Keyring] does not hold.
	ErrUnknownMasterKey = errors.New("wrapped by a master key that is not in the keyring")

	// ErrUnavailable means that a KMS could not be asked, or would not answer, or that the
	// file of the master keys could not be read: what was asked for may succeed later.
	ErrUnavailable = errors.New("the master key is not available")

	// ErrErased means that a share was destroyed, and with it all that was sealed by
	// the data key that is bound to it.
	ErrErased = errors.New("the share of the data key was destroyed")
)

// keySize is the length of data keys, their subkeys and master keys: AES-256.
const keySize = 32

// A Vault makes and opens data keys. It is safe for concurrent use if its
// master is.
type Vault struct {
	master tink.AEAD
}

// New returns a Vault whose data keys are wrapped by master.
func New(master tink.AEAD) *Vault {
	return &Vault{master: master}
}

// NewKey makes a data key for owner and returns it with its wrapped form, which
// is what to store. Only OpenKey with the same owner and share opens the wrapped
// form. A nil share binds it to none; one that was destroyed gives [ErrErased].
func (v *Vault) NewKey(owner string, share *Share) (key *Key, wrapped []byte, err error) {
	data := make([]byte, keySize)
	defer clear(data)
	rand.Read(data) // never fails: it ends the program instead

	bound, err := share.bind(owner, data)
	if err != nil {
		return nil, nil, fmt.Errorf("wrap data key of %s: %w", owner, err)
	}
	if wrapped, err = v.wrap(owner, bound); err != nil {
		return nil, nil, err
	}
	key, err = newKey(data)
	if err != nil {
		return nil, nil, err
	}
	return key, wrapped, nil
}

// OpenKey returns the data key that NewKey or Rewrap wrapped for owner. The error
// is [ErrErased] where the share was destroyed. With a [Keyring] as the master it is
// [ErrUnknownMasterKey] or [ErrTampered] else, or [ErrUnavailable] of a KMS; the errors
// of another master are passed on, wrapped.
func (v *Vault) OpenKey(owner string, share *Share, wrapped []byte) (*Key, error) {
	if share.erased() {
		return nil, fmt.Errorf("open data key of %s: %w", owner, ErrErased)
	}
	bound, err := v.unwrap(owner, wrapped)
	if err != nil {
		return nil, err
	}
	defer clear(bound)
	data, err := share.unbind(owner, bound)
	if err != nil {
		return nil, fmt.Errorf("open data key of %s: %w", owner, err)
	}
	defer clear(data)
	return newKey(data)
}

// Rewrap returns the same data key wrapped anew, by the key that the master
// seals with now. It takes no share, and leaves the data key bound to the one that
// it is bound to. What the data key has sealed stays as it is. Errors are those of
// OpenKey.
func (v *Vault) Rewrap(owner string, wrapped []byte) ([]byte, error) {
	bound, err := v.unwrap(owner, wrapped)
	if err != nil {
		return nil, err
	}
	defer clear(bound)
	return v.wrap(owner, bound)
}

func (v *Vault) wrap(owner string, bound []byte) ([]byte, error) {
	wrapped, err := v.master.Encrypt(bound, ownedBy(owner))
	if err != nil {
		return nil, fmt.Errorf("wrap data key of %s: %w", owner, err)
	}
	return wrapped, nil
}

func (v *Vault) unwrap(owner string, wrapped []byte) ([]byte, error) {
	bound, err := v.master.Decrypt(wrapped, ownedBy(owner))
	if err != nil {
		return nil, fmt.Errorf("open data key of %s: %w", owner, err)
	}
	if len(bound) != keySize && len(bound) != boundSize {
		clear(bound)
		return nil, fmt.Errorf("open data key of %s: %w", owner, ErrTampered)
	}
	return bound, nil
}

// ownedBy is the associated data of a wrapped data key.
func ownedBy(owner string) []byte {
	return []byte("casehook data key of " + owner)
}
