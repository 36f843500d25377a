package vault

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// LoadOrCreateKeyring reads the master keys in the file at path, in the form
// that [ParseKeyring] reads. Where there is no such file it is made, with mode
// 0600 and one new key, in a folder that must exist. The file appears whole or
// not at all, and of several processes that make it at once one wins: all end
// up with its key.
//
// The first key is tried, so that the KMS that has it, where one does, must answer.
//
// A file that group or others may read is refused. (Windows has no such mode:
// there the folder's access list must protect it.)
func LoadOrCreateKeyring(path string) (*Keyring, error) {
	text, err := readOrCreateKeyFile(path)
	if err != nil {
		return nil, err
	}
	return parseKeyFile(path, text)
}

func readOrCreateKeyFile(path string) (text []byte, err error) {
	text, err = readKeyFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return text, err
	}
	if err := createKeyFile(path); err != nil {
		return nil, fmt.Errorf("create master key file: %w", err)
	}
	return readKeyFile(path)
}

// readKeyFile returns what is in the file, which only its owner may read.
func readKeyFile(path string) (text []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open master key file: %w", err)
	}
	defer f.Close()

	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open master key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("master key file %s is not a regular file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("master key file %s is open to group or others (mode %04o): run chmod 600 %s", path, mode, path)
	}

	if text, err = io.ReadAll(f); err != nil {
		return nil, fmt.Errorf("read master key file: %w", err)
	}
	return text, nil
}

// parseKeyFile returns the keys that are in the text of the file, the first of them tried.
func parseKeyFile(path string, text []byte) (*Keyring, error) {
	ring, err := ParseKeyring(string(text))
	if err != nil {
		return nil, fmt.Errorf("master key file %s: %w", path, err)
	}
	if err := ring.Check(); err != nil {
		return nil, fmt.Errorf("master key file %s: %w", path, err)
	}
	return ring, nil
}

// createKeyFile makes the file with one new key, unless somebody else has made
// it meanwhile.
func createKeyFile(path string) error {
	folder := filepath.Dir(path)
	f, err := os.CreateTemp(folder, ".master-key-*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()

	if _, err := io.WriteString(f, NewMasterKey()+"\n"); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	// Unlike a rename, a link never replaces the file of whoever was first.
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// Data sealed by a key that a power cut takes away would be lost.
	return syncFolder(folder)
}

func syncFolder(path string) error {
	if runtime.GOOS == "windows" { // it cannot sync folders
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
