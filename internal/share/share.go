// Package share keeps the shares that the keys of cases are bound to, in a folder of
// the data directory. The database knows them by name only: without this folder it opens
// no case, and what is destroyed here is opened by no copy of the database.
//
// Start with [Open]. The shares lie in blocks, files of 4,096 shares of 32 random bytes. A
// block is on disk before the first of its shares is given out, so that a share costs no
// write of its own; each process makes blocks of its own. The share
// "0d4f…-c4e1/17" is the 17th of the block 0d4f…-c4e1, counted from 0. One that was
// destroyed is 32 zeros.
package share

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
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

// A Store keeps shares in one folder, and touches nothing outside it whatever links are
// put there. It is safe for concurrent use, also by several processes.
type Store struct {
	root *os.Root

	mu    sync.Mutex    // protects what follows
	block string        // from which shares are given out, "" for none
	left  []vault.Share // of it, those that nobody was given
}

// Open returns the Store in the folder dir, which is made with mode 0700 where it is
// absent.
func Open(dir string) (*Store, error) {
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		err = syncPath(filepath.Dir(dir))
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("open the shares: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the shares: %w", err)
	}
	return &Store{root: root}, nil
}

// Close releases the folder.
func (s *Store) Close() error { return s.root.Close() }

// New returns a share that nobody was given before, and its name. It is on disk.
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

// makeBlock makes a block and has it on disk. s.mu is held.
func (s *Store) makeBlock() error {
	name, content := uuid.NewString(), make([]byte, PerBlock*size)
	defer clear(content)
	rand.Read(content) // never fails: it ends the program instead
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = s.sync()
	}
	if err != nil {
		return errors.Join(err, s.root.Remove(name))
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
	f, err := s.root.Open(block)
	if err != nil {
		return share, fmt.Errorf("read share %s: %w", name, err)
	}
	defer f.Close()
	if _, err := f.ReadAt(share[:], offset); err != nil {
		return vault.Share{}, fmt.Errorf("read share %s: %w", name, err)
	}
	return share, nil
}

// Destroy overwrites the share with that name. When it returns without error it is gone
// from the disk, as far as that overwrites in place. That it was destroyed before is no
// error.
func (s *Store) Destroy(name string) (err error) {
	block, offset, err := parse(name)
	if err != nil {
		return err
	}
	f, err := s.root.OpenFile(block, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("destroy share %s: %w", name, err)
	}
	_, err = f.WriteAt(make([]byte, size), offset)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("destroy share %s: %w", name, err)
	}
	return nil
}

// sync makes the names in the folder survive a power cut.
func (s *Store) sync() error {
	if runtime.GOOS == "windows" { // it cannot sync folders
		return nil
	}
	f, err := s.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncPath is sync for any folder.
func syncPath(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
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
