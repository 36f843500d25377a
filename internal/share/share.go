// Package share keeps the shares that the keys of cases are bound to, in a folder of
// the data directory or in a bucket of an S3-compatible store. The database knows them by
// name only: without them it opens no case, and what is destroyed here is opened by no
// copy of the database.
//
// Start with [Open] or [OpenBucket]. The shares lie in blocks, files or objects of 4,096 shares of 32 random bytes. A
// block is kept before the first of its shares is given out, so that a share costs no
// write of its own; each process makes blocks of its own. The share
// "0d4f…-c4e1/17" is the 17th of the block 0d4f…-c4e1, counted from 0. One that was
// destroyed is 32 zeros.
package share

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/google/uuid"

	"github.com/casehook/casehook/internal/vault"
)

// PerBlock is how many shares a block has.
const PerBlock = 4096

const size = len(vault.Share{})

// ErrInvalidName means that a name is none that New gives. No path is made of it.
var ErrInvalidName = errors.New("not the name of a share")

// A Store keeps shares in one place. It is safe for concurrent use, also by several
// processes.
type Store struct {
	place place

	mu    sync.Mutex    // protects what follows
	block string        // from which shares are given out, "" for none
	left  []vault.Share // of it, those that nobody was given
}

// place is where blocks lie. A block that is absent gives an error that wraps
// fs.ErrNotExist.
type place interface {
	// create makes a block, whole and for good.
	create(block string, content []byte) error
	// read fills share with what is in a block at offset.
	read(block string, offset int64, share []byte) error
	// erase writes zeros over a share, which is gone for good then.
	erase(block string, offset int64) error
	close() error
}

// Close releases the place.
func (s *Store) Close() error { return s.place.close() }

// New returns a share that nobody was given before, and its name. It is kept already.
func (s *Store) New() (name string, share vault.Share, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.left) == 0 {
		if err := s.makeBlock(); err != nil {
			return "", vault.Share{}, fmt.Errorf("make a block of shares: %w", err)
		}
	}
	name = s.block + "/" + strconv.Itoa(PerBlock-len(s.left))
	share = s.left[0]
	s.left[0] = vault.Share{} // memory must not outlive what is destroyed
	s.left = s.left[1:]
	return name, share, nil
}

// makeBlock makes a block. s.mu is held.
func (s *Store) makeBlock() error {
	name, content := uuid.NewString(), make([]byte, PerBlock*size)
	defer clear(content)
	rand.Read(content) // never fails: it ends the program instead
	if err := s.place.create(name, content); err != nil {
		return err
	}
	s.block, s.left = name, make([]vault.Share, PerBlock)
	for i := range s.left {
		copy(s.left[i][:], content[i*size:])
	}
	return nil
}

// Get returns the share with that name, the zero value where it was destroyed. Where its
// block is absent the error wraps [fs.ErrNotExist].
func (s *Store) Get(name string) (share vault.Share, err error) {
	block, offset, err := parse(name)
	if err != nil {
		return share, err
	}
	if err := s.place.read(block, offset, share[:]); err != nil {
		return vault.Share{}, fmt.Errorf("read share %s: %w", name, err)
	}
	return share, nil
}

// Destroy overwrites the share with that name. When it returns without error it is gone,
// as far as its place overwrites what it keeps. That it was destroyed before is no error.
func (s *Store) Destroy(name string) error {
	block, offset, err := parse(name)
	if err != nil {
		return err
	}
	if err := s.place.erase(block, offset); err != nil {
		return fmt.Errorf("destroy share %s: %w", name, err)
	}
	return nil
}

// parse returns the block of a share, and where in it the share is.
func parse(name string) (block string, offset int64, err error) {
	block, number, _ := strings.Cut(name, "/")
	id, err := uuid.Parse(block)
	if err != nil || id.String() != block {
		return "", 0, ErrInvalidName
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n >= PerBlock || strconv.Itoa(n) != number {
		return "", 0, ErrInvalidName
	}
	return block, int64(n * size), nil
}
