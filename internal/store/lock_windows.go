package store

import (
	"errors"
	"fmt"
	"syscall"
)

// errSharingViolation is ERROR_SHARING_VIOLATION: somebody has the file.
const errSharingViolation = syscall.Errno(32)

// lockFile holds the file at path for this process, until the function that it
// returns is called or the process ends. A file that is not shared is a lock.
func lockFile(path string) (unlock func() error, err error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, fmt.Errorf("lock the database: %w", err)
	}
	const shared = 0
	file, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, shared, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, errSharingViolation) {
		return nil, ErrInUse
	}
	if err != nil {
		return nil, fmt.Errorf("lock the database: %w", err)
	}
	return func() error { return syscall.CloseHandle(file) }, nil
}
