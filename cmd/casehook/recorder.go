package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
)

// recorder keeps webhooks in a directory as they come, each under the next number: 000001.json has
// the bytes of the body, 000001.headers the headers, one a line. It goes on where an earlier one
// ended, and keeps no more than limit bytes: who can reach the listener must not fill the disk.
type recorder struct {
	dir   string
	limit int64

	mu   sync.Mutex // protects what follows
	next int
	kept int64 // bytes, since it was made
}

// maxKept is how many bytes a recorder keeps.
const maxKept = 1 << 30

// errKeptAll means that a recorder keeps nothing more.
var errKeptAll = errors.New("as much is recorded as one run keeps: start it again for more")

// newRecorder makes the directory, where it is not there.
func newRecorder(dir string) (*recorder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a directory for what comes: %w", err)
	}
	return &recorder{dir: dir, limit: maxKept, next: 1}, nil
}

// keep writes a webhook.
func (r *recorder) keep(header http.Header, body []byte) error {
	var lines bytes.Buffer
	if err := header.Write(&lines); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	size := int64(lines.Len() + len(body))
	if r.kept+size > r.limit {
		return errKeptAll
	}
	r.kept += size
	for ; ; r.next++ {
		name := filepath.Join(r.dir, fmt.Sprintf("%06d", r.next))
		err := create(name+".headers", lines.Bytes())
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		r.next++
		return create(name+".json", body)
	}
}

// create writes a new file, which only its owner may read: it may hold a patient's data.
func create(name string, content []byte) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}
