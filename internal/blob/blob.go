// Package blob keeps the bytes of attachments, sealed, in a folder of the data
// directory. The database knows which attachments there are and whose; a blob
// is only its id and its bytes, readable with the key of its case.
//
// Start with [Open]. [Store.Put] and [Store.Get] stream: a document of any size
// takes a few hundred kilobytes of memory. A blob is there whole or not at all,
// also after a power cut.
//
// The blob 0190a6e1-…-3c7f lies in the folder 7f, named for the end of the id,
// the part of a UUIDv7 that is random. Unfinished blobs lie in the folder tmp.
package blob

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/google/uuid"

	"github.com/casehook/casehook/internal/vault"
)

// ErrInvalidID means that an id is not a UUID as [uuid.UUID.String] writes it:
// 36 characters, in lower case. No path is made of it.
var ErrInvalidID = errors.New("blob id is not a UUID in lower case with hyphens")

const (
	unfinished = "tmp" // the folder of blobs that are being written

	// abandonedAfter is how long nothing was written to an unfinished blob that
	// Open removes. Younger ones may be another process's work.
	abandonedAfter = time.Hour
)

// A Store keeps blobs in one folder, and touches nothing outside it whatever
// links are put there. It is safe for concurrent use, also by several processes.
type Store struct {
	root *os.Root
}

// Info describes the plaintext of a blob.
type Info struct {
	Size   int64 // in bytes
	SHA256 [32]byte
}

// Open returns the Store in the folder dir, which is made with mode 0700 where
// it is absent. It removes what crashed processes left unfinished an hour ago or
// earlier.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open blob store: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open blob store: %w", err)
	}
	s := &Store{root: root}
	if err := errors.Join(s.makeFolders(), s.sweep()); err != nil {
		root.Close()
		return nil, fmt.Errorf("open blob store: %w", err)
	}
	return s, nil
}

// Put seals what r gives with key and keeps it as the blob id, in place of what
// that id held before. When it returns without error the blob is on disk; with
// an error, or once ctx is done, nothing of it is left. ctx is asked between
// reads: it does not interrupt a read of r that hangs.
func (s *Store) Put(ctx context.Context, key *vault.Key, id string, r io.Reader) (Info, error) {
	folder, err := folderOf(id)
	if err != nil {
		return Info{}, err
	}
	info, err := s.put(ctx, key, id, folder, r)
	if err != nil {
		return Info{}, fmt.Errorf("put blob %s: %w", id, err)
	}
	return info, nil
}

func (s *Store) put(ctx context.Context, key *vault.Key, id, folder string, r io.Reader) (Info, error) {
	temporary := filepath.Join(unfinished, id+"."+rand.Text())
	f, err := s.root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Info{}, err
	}
	defer s.root.Remove(temporary) // finds nothing once it was renamed
	defer f.Close()

	info, err := seal(f, key, id, contextReader{ctx, r})
	if err != nil {
		return Info{}, err
	}
	if err := f.Sync(); err != nil {
		return Info{}, err
	}
	if err := f.Close(); err != nil {
		return Info{}, err
	}
	if err := ctx.Err(); err != nil {
		return Info{}, err
	}
	path := filepath.Join(folder, id)
	if err := s.root.Rename(temporary, path); err != nil {
		return Info{}, err
	}
	if err := s.syncFolder(folder); err != nil {
		return Info{}, errors.Join(err, s.root.Remove(path))
	}
	return info, nil
}

// Get opens the blob id; the caller closes it. Where it is absent the error
// wraps [fs.ErrNotExist]. What it reads is whole only when it ends with io.EOF:
// a blob that was changed, cut short or sealed by another key gives
// [vault.ErrTampered], here or from a read. Reads fail once ctx is done.
func (s *Store) Get(ctx context.Context, key *vault.Key, id string) (io.ReadCloser, error) {
	folder, err := folderOf(id)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("get blob %s: %w", id, err)
	}
	f, err := s.root.Open(filepath.Join(folder, id))
	if err != nil {
		return nil, fmt.Errorf("get blob %s: %w", id, err)
	}
	plain, err := key.NewReader(f, where(id))
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("get blob %s: %w", id, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{contextReader{ctx, plain}, f}, nil
}

// Delete removes the blob id. That it is absent is no error.
func (s *Store) Delete(ctx context.Context, id string) error {
	folder, err := folderOf(id)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("delete blob %s: %w", id, err)
	}
	err = s.root.Remove(filepath.Join(folder, id))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete blob %s: %w", id, err)
	}
	if err := s.syncFolder(folder); err != nil {
		return fmt.Errorf("delete blob %s: %w", id, err)
	}
	return nil
}

// Close releases the folder. Blobs that Get opened stay readable.
func (s *Store) Close() error {
	return s.root.Close()
}

// makeFolders makes every folder at once, so that a Put only has to sync the
// one that it writes to.
func (s *Store) makeFolders() error {
	names := []string{unfinished}
	for i := range 256 {
		names = append(names, fmt.Sprintf("%02x", i))
	}
	for _, name := range names {
		if err := s.root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return s.syncFolder(".")
}

// sweep removes the abandoned among the unfinished blobs.
func (s *Store) sweep() error {
	entries, err := fs.ReadDir(s.root.FS(), unfinished)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && time.Since(info.ModTime()) > abandonedAfter {
			err = s.root.Remove(filepath.Join(unfinished, entry.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // finished or swept by another
			return err
		}
	}
	return nil
}

// syncFolder makes the names in a folder survive a power cut.
func (s *Store) syncFolder(name string) error {
	if runtime.GOOS == "windows" { // it cannot sync folders
		return nil
	}
	f, err := s.root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// folderOf returns the folder that the blob id lies in. Every path into the
// Store is made of an id that it has checked.
func folderOf(id string) (string, error) {
	parsed, err := uuid.Parse(id)
	if err != nil || parsed.String() != id {
		return "", ErrInvalidID
	}
	return id[len(id)-2:], nil
}

// where is the place that a blob is sealed for.
func where(id string) vault.Where {
	return vault.Where{Table: "blobs", Row: id, Column: "content"}
}

// seal writes what r gives to w, sealed. The stream is closed only after r has
// ended well: what an error cuts short must not pass for whole.
func seal(w io.Writer, key *vault.Key, id string, r io.Reader) (Info, error) {
	sealed, err := key.NewWriter(w, where(id))
	if err != nil {
		return Info{}, err
	}
	sum := sha256.New()
	size, err := io.Copy(io.MultiWriter(sum, sealed), r)
	if err != nil {
		return Info{}, err
	}
	if err := sealed.Close(); err != nil {
		return Info{}, err
	}
	return Info{Size: size, SHA256: [32]byte(sum.Sum(nil))}, nil
}

// contextReader fails once its context is done.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
