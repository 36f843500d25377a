package blob

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

const (
	temporary = "tmp" // the folder of blobs that are being written

	// abandonedAfter is how long nothing was written to an unfinished blob that
	// Open removes. Younger ones may be another process's work.
	abandonedAfter = time.Hour
)

// folder is a place on this machine. It touches nothing outside of it, whatever links
// are put there.
type folder struct {
	root *os.Root
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
	f := &folder{root: root}
	if err := errors.Join(f.makeFolders(), f.sweep()); err != nil {
		root.Close()
		return nil, fmt.Errorf("open blob store: %w", err)
	}
	return &Store{place: f}, nil
}

// file is an unfinished blob in a folder.
type file struct {
	*os.File
	in   *folder
	id   string
	name string // in the root, while it is being written
}

func (f *folder) create(_ context.Context, id string) (unfinished, error) {
	name := filepath.Join(temporary, id+"."+rand.Text())
	to, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &file{File: to, in: f, id: id, name: name}, nil
}

func (f *file) finish() error {
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	path := filepath.Join(folderOf(f.id), f.id)
	if err := f.in.root.Rename(f.name, path); err != nil {
		return err
	}
	if err := f.in.sync(folderOf(f.id)); err != nil {
		return errors.Join(err, f.in.root.Remove(path))
	}
	return nil
}

func (f *file) discard() error {
	f.Close() // it may be closed already
	if err := f.in.root.Remove(f.name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (f *folder) open(_ context.Context, id string) (io.ReadCloser, error) {
	return f.root.Open(filepath.Join(folderOf(id), id))
}

func (f *folder) remove(_ context.Context, id string) error {
	err := f.root.Remove(filepath.Join(folderOf(id), id))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return f.sync(folderOf(id))
}

func (f *folder) close() error { return f.root.Close() }

// makeFolders makes every folder at once, so that a Put only has to sync the
// one that it writes to.
func (f *folder) makeFolders() error {
	names := []string{temporary}
	for i := range 256 {
		names = append(names, fmt.Sprintf("%02x", i))
	}
	for _, name := range names {
		if err := f.root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return f.sync(".")
}

// sweep removes the abandoned among the unfinished blobs.
func (f *folder) sweep() error {
	entries, err := fs.ReadDir(f.root.FS(), temporary)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && time.Since(info.ModTime()) > abandonedAfter {
			err = f.root.Remove(filepath.Join(temporary, entry.Name()))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // finished or swept by another
			return err
		}
	}
	return nil
}

// sync makes the names in a folder survive a power cut.
func (f *folder) sync(name string) error {
	if runtime.GOOS == "windows" { // it cannot sync folders
		return nil
	}
	opened, err := f.root.Open(name)
	if err != nil {
		return err
	}
	defer opened.Close()
	return opened.Sync()
}
