package share

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// folder is a place on this machine. It touches nothing outside of it, whatever links are
// put there.
type folder struct {
	root *os.Root
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
	return &Store{place: folder{root}}, nil
}

func (f folder) create(block string, content []byte) error {
	to, err := f.root.OpenFile(block, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = to.Write(content)
	if err == nil {
		err = to.Sync()
	}
	if err = errors.Join(err, to.Close()); err == nil {
		err = f.sync()
	}
	if err != nil {
		return errors.Join(err, f.root.Remove(block))
	}
	return nil
}

func (f folder) read(block string, offset int64, share []byte) error {
	from, err := f.root.Open(block)
	if err != nil {
		return err
	}
	defer from.Close()
	_, err = from.ReadAt(share, offset)
	return err
}

func (f folder) erase(block string, offset int64) error {
	in, err := f.root.OpenFile(block, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = in.WriteAt(make([]byte, size), offset)
	if err == nil {
		err = in.Sync()
	}
	return errors.Join(err, in.Close())
}

func (f folder) close() error { return f.root.Close() }

// sync makes the names in the folder survive a power cut.
func (f folder) sync() error {
	if runtime.GOOS == "windows" { // it cannot sync folders
		return nil
	}
	opened, err := f.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(opened.Sync(), opened.Close())
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
