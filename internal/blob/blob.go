// Package blob keeps the bytes of attachments, sealed, in a folder of the data
// directory or in a bucket of an S3-compatible store. The database knows which
// attachments there are and whose; a blob is only its id and its bytes, readable
// with the key of its case.
//
// Start with [Open] or [OpenBucket]. [Store.Put] and [Store.Get] stream: a document
// of any size takes a few hundred kilobytes of memory, or on its way to a bucket a
// few megabytes. Bytes are sealed before they leave the process. A blob is there
// whole or not at all, also after a power cut.
//
// The blob 0190a6e1-…-3c7f lies in the folder 7f, named for the end of the id,
// the part of a UUIDv7 that is random; in a bucket its key is 7f/0190a6e1-…-3c7f,
// so that blobs can be moved from one to the other by copying them.
package blob

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"

	"github.com/casehook/casehook/internal/vault"
)

// ErrInvalidID means that an id is not a UUID as [uuid.UUID.String] writes it:
// 36 characters, in lower case. No path is made of it.
var ErrInvalidID = errors.New("blob id is not a UUID in lower case with hyphens")

// A Store keeps blobs in one place. It is safe for concurrent use, also by several
// processes.
type Store struct {
	place place
}

// place is where sealed blobs lie. The ids that it is given were checked.
type place interface {
	// create begins a blob, which is not there yet.
	create(ctx context.Context, id string) (unfinished, error)
	// open returns what was written. Where there is none the error wraps
	// fs.ErrNotExist.
	open(ctx context.Context, id string) (io.ReadCloser, error)
	// remove removes a blob. That it is absent is no error.
	remove(ctx context.Context, id string) error
	close() error
}

// An unfinished blob is finished or discarded.
type unfinished interface {
	io.Writer
	// finish has the blob there, in place of what its id held before. With an
	// error it is still to be discarded.
	finish() error
	// discard leaves nothing of the blob, also once its context is done.
	discard() error
}

// Info describes the plaintext of a blob.
type Info struct {
	Size   int64 // in bytes
	SHA256 [32]byte
}

// Put seals what r gives with key and keeps it as the blob id, in place of what
// that id held before. When it returns without error the blob is kept for good; with
// an error, or once ctx is done, nothing of it is left, but where a bucket has
// finished it and its answer was lost. ctx is asked between reads: it does not
// interrupt a read of r that hangs.
func (s *Store) Put(ctx context.Context, key *vault.Key, id string, r io.Reader) (Info, error) {
	if err := check(id); err != nil {
		return Info{}, err
	}
	info, err := s.put(ctx, key, id, r)
	if err != nil {
		return Info{}, fmt.Errorf("put blob %s: %w", id, err)
	}
	return info, nil
}

func (s *Store) put(ctx context.Context, key *vault.Key, id string, r io.Reader) (Info, error) {
	if err := ctx.Err(); err != nil {
		return Info{}, err
	}
	to, err := s.place.create(ctx, id)
	if err != nil {
		return Info{}, err
	}
	info, err := seal(to, key, id, contextReader{ctx, r})
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = to.finish()
	}
	if err != nil {
		return Info{}, errors.Join(err, to.discard())
	}
	return info, nil
}

// Get opens the blob id; the caller closes it. Where it is absent the error
// wraps [fs.ErrNotExist]. What it reads is whole only when it ends with io.EOF:
// a blob that was changed, cut short or sealed by another key gives
// [vault.ErrTampered], here or from a read. Reads fail once ctx is done.
func (s *Store) Get(ctx context.Context, key *vault.Key, id string) (io.ReadCloser, error) {
	if err := check(id); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("get blob %s: %w", id, err)
	}
	sealed, err := s.place.open(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("get blob %s: %w", id, err)
	}
	plain, err := key.NewReader(sealed, where(id))
	if err != nil {
		sealed.Close()
		return nil, fmt.Errorf("get blob %s: %w", id, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{contextReader{ctx, plain}, sealed}, nil
}

// Delete removes the blob id. That it is absent is no error.
func (s *Store) Delete(ctx context.Context, id string) error {
	if err := check(id); err != nil {
		return err
	}
	err := ctx.Err()
	if err == nil {
		err = s.place.remove(ctx, id)
	}
	if err != nil {
		return fmt.Errorf("delete blob %s: %w", id, err)
	}
	return nil
}

// Close releases the place. Blobs that Get opened stay readable.
func (s *Store) Close() error {
	return s.place.close()
}

// check wants an id of which a path can be made. Every path into a Store is made of
// one that it has checked.
func check(id string) error {
	parsed, err := uuid.Parse(id)
	if err != nil || parsed.String() != id {
		return ErrInvalidID
	}
	return nil
}

// folderOf returns the folder that the blob id lies in.
func folderOf(id string) string { return id[len(id)-2:] }

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
