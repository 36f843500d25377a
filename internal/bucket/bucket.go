// Package bucket opens a bucket of an S3-compatible store, for those who keep something
// there.
//
// Start with [Parse] and [Open].
package bucket

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"
)

const (
	// attempts is how often a request is made that fails for reasons that may pass.
	attempts = 4

	// reachedWithin is how long Open waits for the store.
	reachedWithin = 15 * time.Second

	// amazon is the endpoint where none is named.
	amazon = "https://s3.amazonaws.com"
)

// ErrInvalidURL means that a text does not name a bucket.
var ErrInvalidURL = errors.New("not of the form s3://BUCKET/PREFIX?endpoint=https://HOST:PORT&region=REGION")

// ErrUnavailable means that a bucket cannot be asked, or would not answer: what was asked
// for may succeed later.
var ErrUnavailable = errors.New("the bucket is not available")

// A Place is a bucket, or a part of one.
type Place struct {
	Name string
	// Prefix is what the keys of all objects begin with. It ends with a slash where it is
	// not empty.
	Prefix string
	// Endpoint is the store, an http or https URL without a path.
	Endpoint *url.URL
	// Region is where the bucket is. Empty means that the store is asked.
	Region string
}

// Parse reads a place that is written s3://BUCKET/PREFIX?endpoint=URL&region=REGION.
// Only the bucket must be there; without an endpoint it is Amazon's. The error is
// [ErrInvalidURL], and never repeats the text.
func Parse(text string) (Place, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "s3" || u.User != nil || u.Fragment != "" || s3utils.CheckValidBucketNameStrict(u.Host) != nil {
		return Place{}, ErrInvalidURL
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Place{}, ErrInvalidURL
	}
	p := Place{Name: u.Host, Prefix: strings.Trim(u.Path, "/"), Region: query.Get("region")}
	if p.Prefix != "" {
		p.Prefix += "/"
	}
	endpoint := amazon
	for name, values := range query {
		if len(values) > 1 || values[0] == "" || name != "endpoint" && name != "region" {
			return Place{}, ErrInvalidURL
		}
	}
	if query.Has("endpoint") {
		endpoint = query.Get("endpoint")
	}
	p.Endpoint, err = url.Parse(endpoint)
	if err != nil || p.Endpoint.Scheme != "https" && p.Endpoint.Scheme != "http" || p.Endpoint.Host == "" ||
		p.Endpoint.User != nil || strings.Trim(p.Endpoint.Path, "/") != "" || p.Endpoint.RawQuery != "" || p.Endpoint.Fragment != "" {
		return Place{}, ErrInvalidURL
	}
	if s3utils.CheckValidObjectNamePrefix(p.Prefix) != nil || strings.Contains("/"+p.Prefix, "/../") || strings.Contains("/"+p.Prefix, "/./") {
		return Place{}, ErrInvalidURL
	}
	return p, nil
}

// A Bucket is a place that was reached. It is safe for concurrent use, and has nothing to
// close but idle connections, which end by themselves.
type Bucket struct {
	minio.Core
	Place
}

// Open returns the bucket at a place, which must be there. The credentials are the
// first that are found of those in the environment (AWS_ACCESS_KEY_ID and
// AWS_SECRET_ACCESS_KEY), in the file of credentials (AWS_SHARED_CREDENTIALS_FILE and
// AWS_PROFILE), and of the machine's or the pod's role.
func Open(ctx context.Context, at Place) (*Bucket, error) {
	ctx, cancel := context.WithTimeout(ctx, reachedWithin)
	defer cancel()
	found := credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{},
	})
	client, err := minio.New(at.Endpoint.Host, &minio.Options{
		Creds: found, Secure: at.Endpoint.Scheme == "https", Region: at.Region, MaxRetries: attempts,
	})
	if err != nil {
		return nil, err
	}
	b := &Bucket{Core: minio.Core{Client: client}, Place: at}
	if err := b.reach(ctx, found); err != nil {
		return nil, fmt.Errorf("bucket %s at %s: %w", at.Name, at.Endpoint, err)
	}
	return b, nil
}

// reach makes sure that the bucket is there and that there are credentials for it.
func (b *Bucket) reach(ctx context.Context, found *credentials.Credentials) error {
	asking := b.CredContext()
	asking.Context = ctx
	value, err := found.GetWithContext(asking)
	if err != nil {
		return fmt.Errorf("find credentials: %w", err)
	}
	if value.SignerType.IsAnonymous() {
		return errors.New("no credentials found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	exists, err := b.BucketExists(ctx, b.Name)
	if err != nil {
		return fmt.Errorf("reach it: %w", err)
	}
	if !exists {
		return errors.New("there is no such bucket: make it first")
	}
	return nil
}

// Absent reports whether err is that there is no such object or upload.
func Absent(err error) bool {
	answer, ok := errors.AsType[minio.ErrorResponse](err)
	return ok && (answer.Code == minio.NoSuchKey || answer.Code == minio.NoSuchUpload)
}

// Unavailable returns err, where it is not nil, as [ErrUnavailable], unless whoever asked
// gave up.
func Unavailable(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
