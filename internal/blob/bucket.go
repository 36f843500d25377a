package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/casehook/casehook/internal/bucket"
)

const (
	// partSize is how much is sent at once, and so what a Put takes of memory. It is
	// the least that S3 takes as a part, and 10,000 of them are 50 GB.
	partSize = 5 << 20

	// discardedWithin is how long what is to be discarded is tried to be.
	discardedWithin = 10 * time.Second

	// staleAfter is how old an unfinished upload is that OpenBucket removes: longer
	// than the slowest client of the largest document may take.
	staleAfter = 48 * time.Hour

	// sweptWithin is how long it may take to remove them. What is left then, the next
	// start removes.
	sweptWithin = 15 * time.Second
)

// objects is a place in an S3-compatible store.
type objects struct{ *bucket.Bucket }

// OpenBucket returns the Store in a bucket, which must be there; see [bucket.Open]. It
// removes uploads of blobs that crashed processes left unfinished two days ago or earlier.
// Where that fails it logs so: nothing else depends on it.
func OpenBucket(ctx context.Context, at bucket.Place, log *slog.Logger) (*Store, error) {
	opened, err := bucket.Open(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("open blob store: %w", err)
	}
	o := objects{opened}
	sweeping, cancel := context.WithTimeout(ctx, sweptWithin)
	defer cancel()
	if err := o.sweep(sweeping); err != nil {
		log.Warn("could not remove abandoned uploads of documents", "error", err)
	}
	return &Store{place: o}, nil
}

// sweep removes the abandoned among the unfinished uploads of blobs. The bucket may have
// others.
func (o objects) sweep(ctx context.Context) error {
	var key, upload string
	for {
		page, err := o.ListMultipartUploads(ctx, o.Name, o.Prefix, key, upload, "", 0)
		if err != nil {
			return err
		}
		for _, u := range page.Uploads {
			if time.Since(u.Initiated) < staleAfter || !o.isBlob(u.Key) {
				continue
			}
			if err := o.AbortMultipartUpload(ctx, o.Name, u.Key, u.UploadID); err != nil && !bucket.Absent(err) {
				return err
			}
		}
		if !page.IsTruncated {
			return nil
		}
		key, upload = page.NextKeyMarker, page.NextUploadIDMarker
	}
}

func (o objects) key(id string) string { return o.Prefix + folderOf(id) + "/" + id }

// isBlob reports whether a key is that of a blob.
func (o objects) isBlob(key string) bool {
	id := key[strings.LastIndex(key, "/")+1:]
	return check(id) == nil && key == o.key(id)
}

// upload is an unfinished blob in a bucket. What is small is sent as one object at its
// end, all else in parts.
type upload struct {
	ctx  context.Context
	to   objects
	key  string
	id   string // of the multipart upload, "" until there is one
	part []byte // what was not sent yet; less than partSize between calls
	sent []minio.CompletePart
}

func (o objects) create(ctx context.Context, id string) (unfinished, error) {
	return &upload{ctx: ctx, to: o, key: o.key(id)}, nil
}

func (u *upload) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		some := min(len(p), partSize-len(u.part))
		u.part = append(u.part, p[:some]...)
		if len(u.part) == partSize {
			if err := u.send(); err != nil {
				return n, err
			}
		}
		p, n = p[some:], n+some
	}
	return n, nil
}

// send sends the part that is there.
func (u *upload) send() (err error) {
	if u.id == "" {
		if u.id, err = u.to.NewMultipartUpload(u.ctx, u.to.Name, u.key, putOptions); err != nil {
			return fmt.Errorf("begin the upload: %w", bucket.Unavailable(err))
		}
	}
	number := len(u.sent) + 1
	part, err := u.to.PutObjectPart(u.ctx, u.to.Name, u.key, u.id, number, bytes.NewReader(u.part), int64(len(u.part)),
		minio.PutObjectPartOptions{Sha256Hex: sum(u.part), DisableContentSha256: true})
	if err != nil {
		return fmt.Errorf("upload part %d: %w", number, bucket.Unavailable(err))
	}
	u.sent = append(u.sent, minio.CompletePart{PartNumber: number, ETag: part.ETag})
	u.part = u.part[:0]
	return nil
}

func (u *upload) finish() error {
	if u.id == "" {
		_, err := u.to.PutObject(u.ctx, u.to.Name, u.key, bytes.NewReader(u.part), int64(len(u.part)), "", sum(u.part), putOptions)
		return bucket.Unavailable(err)
	}
	if len(u.part) > 0 {
		if err := u.send(); err != nil {
			return err
		}
	}
	if _, err := u.to.CompleteMultipartUpload(u.ctx, u.to.Name, u.key, u.id, u.sent, putOptions); err != nil {
		return fmt.Errorf("finish the upload: %w", bucket.Unavailable(err))
	}
	return nil
}

func (u *upload) discard() error {
	if u.id == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), discardedWithin)
	defer cancel()
	if err := u.to.AbortMultipartUpload(ctx, u.to.Name, u.key, u.id); err != nil && !bucket.Absent(err) {
		return fmt.Errorf("discard the upload: %w", err)
	}
	return nil
}

// putOptions tell nothing of what is in a blob. Its SHA-256 goes along in each request,
// so that the store refuses what was changed on the way.
var putOptions = minio.PutObjectOptions{ContentType: "application/octet-stream", DisableContentSha256: true}

func sum(part []byte) string {
	sum := sha256.Sum256(part)
	return hex.EncodeToString(sum[:])
}

func (o objects) open(ctx context.Context, id string) (io.ReadCloser, error) {
	content, _, _, err := o.GetObject(ctx, o.Name, o.key(id), minio.GetObjectOptions{})
	if bucket.Absent(err) {
		return nil, fs.ErrNotExist
	}
	return content, bucket.Unavailable(err)
}

func (o objects) remove(ctx context.Context, id string) error {
	err := o.RemoveObject(ctx, o.Name, o.key(id), minio.RemoveObjectOptions{})
	if bucket.Absent(err) {
		return nil
	}
	return bucket.Unavailable(err)
}

// close has nothing to release but idle connections, which end by themselves.
func (o objects) close() error { return nil }
