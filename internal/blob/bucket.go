package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"
)

const (
	// partSize is how much is sent at once, and so what a Put takes of memory. It is
	// the least that S3 takes as a part, and 10,000 of them are 50 GB.
	partSize = 5 << 20

	// attempts is how often a request is made that fails for reasons that may pass.
	attempts = 4

	// reachedWithin is how long OpenBucket waits for the store, and discardedWithin
	// how long what is to be discarded is tried to be.
	reachedWithin   = 15 * time.Second
	discardedWithin = 10 * time.Second

	// staleAfter is how old an unfinished upload is that OpenBucket removes: longer
	// than the slowest client of the largest document may take.
	staleAfter = 48 * time.Hour

	// amazon is the endpoint where none is named.
	amazon = "https://s3.amazonaws.com"
)

// ErrInvalidURL means that a text does not name a bucket.
var ErrInvalidURL = errors.New("not of the form s3://BUCKET/PREFIX?endpoint=https://HOST:PORT&region=REGION")

// ErrUnavailable means that a bucket cannot be asked, or would not answer: what was asked
// for may succeed later.
var ErrUnavailable = errors.New("the bucket is not available")

// A Bucket names a place in an S3-compatible store.
type Bucket struct {
	Name string
	// Prefix is what the keys of all blobs begin with. It ends with a slash where it is
	// not empty.
	Prefix string
	// Endpoint is the store, an http or https URL without a path.
	Endpoint *url.URL
	// Region is where the bucket is. Empty means that the store is asked.
	Region string
}

// ParseBucket reads a place that is written s3://BUCKET/PREFIX?endpoint=URL&region=REGION.
// Only the bucket must be there; without an endpoint it is Amazon's. The error is
// [ErrInvalidURL], and never repeats the text.
func ParseBucket(text string) (Bucket, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "s3" || u.User != nil || u.Fragment != "" || s3utils.CheckValidBucketNameStrict(u.Host) != nil {
		return Bucket{}, ErrInvalidURL
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Bucket{}, ErrInvalidURL
	}
	b := Bucket{Name: u.Host, Prefix: strings.Trim(u.Path, "/"), Region: query.Get("region")}
	if b.Prefix != "" {
		b.Prefix += "/"
	}
	endpoint := amazon
	for name, values := range query {
		if len(values) > 1 || values[0] == "" || name != "endpoint" && name != "region" {
			return Bucket{}, ErrInvalidURL
		}
	}
	if query.Has("endpoint") {
		endpoint = query.Get("endpoint")
	}
	b.Endpoint, err = url.Parse(endpoint)
	if err != nil || b.Endpoint.Scheme != "https" && b.Endpoint.Scheme != "http" || b.Endpoint.Host == "" ||
		b.Endpoint.User != nil || strings.Trim(b.Endpoint.Path, "/") != "" || b.Endpoint.RawQuery != "" || b.Endpoint.Fragment != "" {
		return Bucket{}, ErrInvalidURL
	}
	if s3utils.CheckValidObjectNamePrefix(b.Prefix) != nil || strings.Contains("/"+b.Prefix, "/../") || strings.Contains("/"+b.Prefix, "/./") {
		return Bucket{}, ErrInvalidURL
	}
	return b, nil
}

// bucket is a place in an S3-compatible store.
type bucket struct {
	core   minio.Core
	name   string
	prefix string
}

// OpenBucket returns the Store in a bucket, which must be there. The credentials are the
// first that are found of those in the environment (AWS_ACCESS_KEY_ID and
// AWS_SECRET_ACCESS_KEY), in the file of credentials (AWS_SHARED_CREDENTIALS_FILE and
// AWS_PROFILE), and of the machine's or the pod's role. It removes uploads that crashed
// processes left unfinished two days ago or earlier.
func OpenBucket(ctx context.Context, b Bucket) (*Store, error) {
	ctx, cancel := context.WithTimeout(ctx, reachedWithin)
	defer cancel()
	found := credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{},
	})
	client, err := minio.New(b.Endpoint.Host, &minio.Options{
		Creds: found, Secure: b.Endpoint.Scheme == "https", Region: b.Region, MaxRetries: attempts,
	})
	if err != nil {
		return nil, fmt.Errorf("open blob store: %w", err)
	}
	p := &bucket{core: minio.Core{Client: client}, name: b.Name, prefix: b.Prefix}
	if err := p.reach(ctx, found); err != nil {
		return nil, fmt.Errorf("open blob store: bucket %s at %s: %w", b.Name, b.Endpoint, err)
	}
	return &Store{place: p}, nil
}

// reach makes sure that the bucket is there and that there are credentials for it, and
// sweeps it.
func (b *bucket) reach(ctx context.Context, found *credentials.Credentials) error {
	asking := b.core.CredContext()
	asking.Context = ctx
	value, err := found.GetWithContext(asking)
	if err != nil {
		return fmt.Errorf("find credentials: %w", err)
	}
	if value.SignerType.IsAnonymous() {
		return errors.New("no credentials found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	exists, err := b.core.BucketExists(ctx, b.name)
	if err != nil {
		return fmt.Errorf("reach it: %w", err)
	}
	if !exists {
		return errors.New("there is no such bucket: make it first")
	}
	if err := b.sweep(ctx); err != nil {
		return fmt.Errorf("remove abandoned uploads: %w", err)
	}
	return nil
}

// sweep removes the abandoned among the unfinished uploads.
func (b *bucket) sweep(ctx context.Context) error {
	var key, upload string
	for {
		page, err := b.core.ListMultipartUploads(ctx, b.name, b.prefix, key, upload, "", 0)
		if err != nil {
			return err
		}
		for _, u := range page.Uploads {
			if time.Since(u.Initiated) < staleAfter {
				continue
			}
			if err := b.core.AbortMultipartUpload(ctx, b.name, u.Key, u.UploadID); err != nil && !absent(err) {
				return err
			}
		}
		if !page.IsTruncated {
			return nil
		}
		key, upload = page.NextKeyMarker, page.NextUploadIDMarker
	}
}

func (b *bucket) key(id string) string { return b.prefix + folderOf(id) + "/" + id }

// upload is an unfinished blob in a bucket. What is small is sent as one object at its
// end, all else in parts.
type upload struct {
	ctx  context.Context
	to   *bucket
	key  string
	id   string // of the multipart upload, "" until there is one
	part []byte // what was not sent yet; less than partSize between calls
	sent []minio.CompletePart
}

func (b *bucket) create(ctx context.Context, id string) (unfinished, error) {
	return &upload{ctx: ctx, to: b, key: b.key(id)}, nil
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
		if u.id, err = u.to.core.NewMultipartUpload(u.ctx, u.to.name, u.key, putOptions); err != nil {
			return fmt.Errorf("begin the upload: %w", unavailable(err))
		}
	}
	number := len(u.sent) + 1
	part, err := u.to.core.PutObjectPart(u.ctx, u.to.name, u.key, u.id, number, bytes.NewReader(u.part), int64(len(u.part)),
		minio.PutObjectPartOptions{Sha256Hex: sum(u.part), DisableContentSha256: true})
	if err != nil {
		return fmt.Errorf("upload part %d: %w", number, unavailable(err))
	}
	u.sent = append(u.sent, minio.CompletePart{PartNumber: number, ETag: part.ETag})
	u.part = u.part[:0]
	return nil
}

func (u *upload) finish() error {
	if u.id == "" {
		_, err := u.to.core.PutObject(u.ctx, u.to.name, u.key, bytes.NewReader(u.part), int64(len(u.part)), "", sum(u.part), putOptions)
		return unavailable(err)
	}
	if len(u.part) > 0 {
		if err := u.send(); err != nil {
			return err
		}
	}
	if _, err := u.to.core.CompleteMultipartUpload(u.ctx, u.to.name, u.key, u.id, u.sent, putOptions); err != nil {
		return fmt.Errorf("finish the upload: %w", unavailable(err))
	}
	return nil
}

func (u *upload) discard() error {
	if u.id == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), discardedWithin)
	defer cancel()
	if err := u.to.core.AbortMultipartUpload(ctx, u.to.name, u.key, u.id); err != nil && !absent(err) {
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

func (b *bucket) open(ctx context.Context, id string) (io.ReadCloser, error) {
	content, _, _, err := b.core.GetObject(ctx, b.name, b.key(id), minio.GetObjectOptions{})
	if absent(err) {
		return nil, fs.ErrNotExist
	}
	return content, unavailable(err)
}

func (b *bucket) remove(ctx context.Context, id string) error {
	err := b.core.RemoveObject(ctx, b.name, b.key(id), minio.RemoveObjectOptions{})
	if absent(err) {
		return nil
	}
	return unavailable(err)
}

// close has nothing to release but idle connections, which end by themselves.
func (b *bucket) close() error { return nil }

// absent reports whether err is that there is no such object or upload.
func absent(err error) bool {
	answer, ok := errors.AsType[minio.ErrorResponse](err)
	return ok && (answer.Code == minio.NoSuchKey || answer.Code == minio.NoSuchUpload)
}

// unavailable returns err, where it is not nil, as [ErrUnavailable], unless whoever asked
// gave up.
func unavailable(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
