package vault

import (
	"fmt"
	"io"

	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"
)

// chunkSize is the length of a sealed chunk, tag included. The first chunk of a
// stream is shorter by the header, so that chunks start at multiples of it.
const chunkSize = 64 << 10

// streams seals byte streams by the scheme of Tink's AES-GCM-HKDF streaming
// AEAD: a fresh key for each stream, and chunks that know their number and
// whether they are the last.
type streams struct {
	aead *subtle.AESGCMHKDF
}

func newStreams(key []byte) (streams, error) {
	aead, err := subtle.NewAESGCMHKDF(key, "SHA256", keySize, chunkSize, 0)
	if err != nil {
		return streams{}, fmt.Errorf("make stream cipher: %w", err)
	}
	return streams{aead: aead}, nil
}

func (s streams) newWriter(w io.Writer, where Where) (io.WriteCloser, error) {
	sealing, err := s.aead.NewEncryptingWriter(w, where.bytes())
	if err != nil {
		return nil, fmt.Errorf("seal stream %s: %w", where, err)
	}
	return &streamWriter{sealing: sealing, where: where}, nil
}

func (s streams) newReader(r io.Reader, where Where) (io.Reader, error) {
	sealed := &source{r: r}
	opening, err := s.aead.NewDecryptingReader(sealed, where.bytes())
	if err != nil {
		return nil, sealed.explain(where)
	}
	return &streamReader{opening: opening, sealed: sealed, where: where}, nil
}

// streamWriter keeps its first error. Tink's writer does not: closed after a
// failed write, it would end the stream as though it were whole.
type streamWriter struct {
	sealing io.WriteCloser
	where   Where
	err     error
}

func (w *streamWriter) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.sealing.Write(p)
	w.keep(err)
	return n, w.err
}

func (w *streamWriter) Close() error {
	if w.err != nil {
		return w.err
	}
	w.keep(w.sealing.Close())
	return w.err
}

func (w *streamWriter) keep(err error) {
	if err != nil {
		w.err = fmt.Errorf("seal stream %s: %w", w.where, err)
	}
}

// streamReader keeps its first error. Tink's reader does not: asked again after
// a last chunk that did not open, it would report the end of the stream.
type streamReader struct {
	opening io.Reader
	sealed  *source
	where   Where
	err     error
}

func (r *streamReader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.opening.Read(p)
	switch err {
	case nil:
	case io.EOF:
		r.err = io.EOF
	default:
		r.err = r.sealed.explain(r.where)
	}
	return n, r.err
}

// source remembers why reading failed, to tell a broken disk from sealed bytes
// that were changed.
type source struct {
	r   io.Reader
	err error // other than io.EOF
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// explain returns the error for a stream that could not be opened.
func (s *source) explain(where Where) error {
	err := s.err
	if err == nil {
		err = ErrTampered
	}
	return fmt.Errorf("open stream %s: %w", where, err)
}
