package share

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/casehook/casehook/internal/bucket"
)

const (
	// answeredWithin is how long a bucket is waited for.
	answeredWithin = 20 * time.Second

	// maxRaces is how often a block is read again that others have changed meanwhile.
	maxRaces = 50
)

// objects is a place in an S3-compatible store. A block is changed only where it is still
// the one that was read: of two that destroy shares of it at once, neither brings back
// what the other has destroyed.
type objects struct{ *bucket.Bucket }

// OpenBucket returns the Store in a bucket, which must be there; see [bucket.Open]. A
// bucket that keeps versions is refused, as what is destroyed there would stay; so is a
// store that overwrites an object whatever the condition (If-Match).
func OpenBucket(ctx context.Context, at bucket.Place) (*Store, error) {
	opened, err := bucket.Open(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("open the shares: %w", err)
	}
	o := objects{opened}
	if err := o.check(ctx); err != nil {
		return nil, fmt.Errorf("open the shares: bucket %s at %s: %w", at.Name, at.Endpoint, err)
	}
	return &Store{place: o}, nil
}

// check makes sure that what is destroyed here is gone.
func (o objects) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answeredWithin)
	defer cancel()
	versioning, err := o.GetBucketVersioning(ctx, o.Name)
	if err != nil {
		return fmt.Errorf("ask whether it keeps versions: %w", err)
	}
	if versioning.Status != "" {
		return errors.New("it keeps versions, or has kept some: shares that are destroyed would stay in it; take one that never did")
	}
	probe := "probe-" + rand.Text()
	if err := o.put(ctx, probe, []byte(probe), ""); err != nil {
		return fmt.Errorf("try to write: %w", err)
	}
	err = o.put(ctx, probe, []byte(probe), "00000000000000000000000000000000")
	removed := o.RemoveObject(ctx, o.Name, o.Prefix+probe, minio.RemoveObjectOptions{})
	switch {
	case err == nil:
		return errors.Join(errors.New("the store overwrites objects whatever the condition (If-Match): two erasures at once could undo each other"), removed)
	case !raced(err):
		return errors.Join(fmt.Errorf("try to write: %w", err), removed)
	case removed != nil:
		return fmt.Errorf("try to remove: %w", removed)
	}
	return nil
}

// put writes an object, where tag is not empty over the one that has it.
func (o objects) put(ctx context.Context, name string, content []byte, tag string) error {
	options := minio.PutObjectOptions{ContentType: "application/octet-stream", DisableContentSha256: true}
	if tag != "" {
		options.SetMatchETag(tag)
	}
	sum := sha256.Sum256(content)
	_, err := o.PutObject(ctx, o.Name, o.Prefix+name, bytes.NewReader(content), int64(len(content)), "", hex.EncodeToString(sum[:]), options)
	return err
}

// get returns a part of an object, and its tag.
func (o objects) get(ctx context.Context, name string, offset, length int64) (content []byte, tag string, err error) {
	var options minio.GetObjectOptions
	if err := options.SetRange(offset, offset+length-1); err != nil {
		return nil, "", err
	}
	answer, info, _, err := o.GetObject(ctx, o.Name, o.Prefix+name, options)
	if bucket.Absent(err) {
		return nil, "", fs.ErrNotExist
	}
	if err != nil {
		return nil, "", bucket.Unavailable(err)
	}
	defer answer.Close()
	content = make([]byte, length)
	if _, err := io.ReadFull(answer, content); err != nil {
		return nil, "", bucket.Unavailable(err)
	}
	if info.ETag == "" { // the condition of a change
		return nil, "", bucket.Unavailable(errors.New("the store tells no ETag"))
	}
	return content, info.ETag, nil
}

func (o objects) create(block string, content []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), answeredWithin)
	defer cancel()
	return bucket.Unavailable(o.put(ctx, block, content, ""))
}

func (o objects) read(block string, offset int64, share []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), answeredWithin)
	defer cancel()
	content, _, err := o.get(ctx, block, offset, int64(len(share)))
	copy(share, content)
	clear(content)
	return err
}

func (o objects) erase(block string, offset int64) error {
	ctx, cancel := context.WithTimeout(context.Background(), answeredWithin)
	defer cancel()
	for range maxRaces {
		content, tag, err := o.get(ctx, block, 0, PerBlock*int64(size))
		if err != nil {
			return err
		}
		clear(content[offset : offset+int64(size)])
		err = o.put(ctx, block, content, tag)
		clear(content)
		if !raced(err) {
			return bucket.Unavailable(err)
		}
	}
	return bucket.Unavailable(errors.New("others change the block all the time"))
}

func (o objects) close() error { return nil }

// raced reports whether err is that an object is not the one that was to be overwritten.
func raced(err error) bool {
	answer, ok := errors.AsType[minio.ErrorResponse](err)
	return ok && (answer.StatusCode == http.StatusPreconditionFailed || answer.StatusCode == http.StatusConflict)
}
