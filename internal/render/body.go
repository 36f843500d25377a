package render

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/casehook/casehook/internal/vault"
)

// chunk is how much of a document is encoded at a time, in bytes: a multiple of
// three, so that only the last chunk is padded.
const chunk = 24 << 10

// errLength means that a body would not be as long as announced.
var errLength = errors.New("the document is not as long as its attachment says")

// Body is the body of a webhook. It is immutable and safe for concurrent use.
type Body struct {
	blobs     Blobs
	key       *vault.Key
	documents []document
	rest      []byte // what follows the last document
	length    int64
}

// newBody splits text at the marks of its documents.
func newBody(text []byte, d *documents, blobs Blobs, key *vault.Key) (*Body, error) {
	body := &Body{blobs: blobs, key: key, documents: d.inline, rest: text, length: int64(len(text))}
	if len(d.inline) == 0 {
		return body, nil
	}
	if key == nil {
		return nil, errors.New("the event carries documents, and there is no key to open them")
	}
	mark := []byte(d.mark)
	if bytes.Count(text, mark) != len(d.inline) {
		return nil, errors.New("the documents do not stand where they should")
	}
	for i := range body.documents {
		inline := &body.documents[i]
		if inline.size < 0 {
			return nil, errLength
		}
		inline.before, body.rest, _ = bytes.Cut(body.rest, mark)
		body.length += encodedLen(inline.size) - int64(len(mark))
	}
	return body, nil
}

// Len returns the length of the body in bytes. It reads nothing.
func (b *Body) Len() int64 { return b.length }

// Bytes returns the whole body, which must not be changed, where it carries no
// document that must be streamed. Else use [Body.Open].
func (b *Body) Bytes() ([]byte, bool) {
	if len(b.documents) > 0 {
		return nil, false
	}
	return b.rest, true
}

// Open returns a reader of the body, from its beginning; the caller closes it. It
// can be called often, and gives the same bytes each time. Documents are read from
// the blob store as the reader comes to them, until ctx is done.
//
// Only io.EOF says that the body is whole: a document that is absent, that was
// changed, or that is not as long as [Body.Len] counts on ends it with an error.
// Close may be called while a Read runs, as net/http does, and waits for it.
func (b *Body) Open(ctx context.Context) io.ReadCloser {
	if text, ok := b.Bytes(); ok {
		return io.NopCloser(bytes.NewReader(text))
	}
	return &stream{ctx: ctx, body: b, pending: b.text(0)}
}

// text returns what of the body comes before document i, or after the last one.
func (b *Body) text(i int) []byte {
	if i < len(b.documents) {
		return b.documents[i].before
	}
	return b.rest
}

// stream reads a body and encodes its documents on the way.
type stream struct {
	ctx  context.Context // bounds each Read, and so what Close waits for
	body *Body

	mu      sync.Mutex // protects what follows
	pending []byte     // to be read next
	next    int        // the document that comes after pending
	open    io.ReadCloser
	left    int64 // of the open document, in bytes
	raw     []byte
	encoded []byte
	err     error // once set, it stays
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.pending) == 0 {
		if s.err == nil {
			s.err = s.fill()
		}
		if s.err != nil {
			return 0, s.err
		}
	}
	n := copy(p, s.pending)
	s.pending = s.pending[n:]
	return n, nil
}

// Close implements io.Closer.
func (s *stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending, s.err = nil, fs.ErrClosed
	return s.closeDocument()
}

// fill gives pending the next bytes of the body; it may take several calls.
func (s *stream) fill() error {
	switch {
	case s.open == nil && s.next == len(s.body.documents):
		return io.EOF
	case s.open == nil:
		return s.openDocument()
	case s.left > 0:
		return s.encode()
	default:
		return s.endDocument()
	}
}

func (s *stream) openDocument() error {
	if s.raw == nil {
		s.raw = make([]byte, chunk)
		s.encoded = make([]byte, encodedLen(chunk))
	}
	next := s.body.documents[s.next]
	open, err := s.body.blobs.Get(s.ctx, s.body.key, next.id)
	if err != nil {
		return fmt.Errorf("open document %s: %w", next.id, err)
	}
	s.open, s.left = open, next.size
	return nil
}

func (s *stream) encode() error {
	raw := s.raw[:min(chunk, s.left)]
	switch _, err := io.ReadFull(s.open, raw); err {
	case nil:
	case io.EOF, io.ErrUnexpectedEOF:
		return s.failed(errLength)
	default:
		return s.failed(err)
	}
	s.left -= int64(len(raw))
	s.pending = s.encoded[:encodedLen(int64(len(raw)))]
	base64.StdEncoding.Encode(s.pending, raw)
	return nil
}

// endDocument makes sure that the open document has ended, and goes on to what
// follows it.
func (s *stream) endDocument() error {
	switch _, err := io.ReadFull(s.open, s.raw[:1]); err {
	case io.EOF:
	case nil:
		return s.failed(errLength)
	default:
		return s.failed(err)
	}
	if err := s.closeDocument(); err != nil {
		return s.failed(err)
	}
	s.next++
	s.pending = s.body.text(s.next)
	return nil
}

func (s *stream) failed(err error) error {
	return fmt.Errorf("read document %s: %w", s.body.documents[s.next].id, err)
}

func (s *stream) closeDocument() error {
	if s.open == nil {
		return nil
	}
	err := s.open.Close()
	s.open = nil
	return err
}
