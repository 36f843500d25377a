package doorway

import (
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"github.com/casehook/casehook/internal/caselog"
)

// Disguises reports whether a character is not seen, and has others read as something else: it
// turns their direction (UAX 9, section 2), or is a control that is no white space.
func Disguises(r rune) bool {
	return unicode.Is(unicode.Bidi_Control, r) || unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r'
}

// undisguised returns the name under which a document is saved: what is seen of it is what it is.
func undisguised(fileName string) string {
	return strings.Map(func(r rune) rune {
		if Disguises(r) {
			return '_'
		}
		return r
	}, fileName)
}

// SendDocument answers with a document and closes it, and tells its SHA-256 by Repr-Digest
// (RFC 9530, section 3). What else is known of it, its name and its size, is told too;
// nil is nothing. It is always saved and never shown: what a stranger has uploaded must not
// run as a page of this server.
func (x *Exchange) SendDocument(w http.ResponseWriter, document io.ReadCloser, sha256 []byte, known *caselog.Attachment) {
	defer document.Close()
	header := w.Header()
	header.Set("Content-Disposition", "attachment")
	header.Set("Content-Type", "application/octet-stream")
	header.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sha256)+":")
	if known != nil {
		header.Set("Content-Length", strconv.FormatInt(known.Size, 10))
		if named := mime.FormatMediaType("attachment", map[string]string{"filename": undisguised(known.FileName)}); named != "" {
			header.Set("Content-Disposition", named)
		}
	}
	w.WriteHeader(http.StatusOK)
	if _, err := io.Copy(w, document); err != nil && !errors.Is(err, ErrReplaced) {
		// Broken off, so that nobody takes it for the whole document.
		x.Log.Warn("document broken off", "route", x.Route, "request", x.ID, "error", err)
		panic(http.ErrAbortHandler)
	}
}
