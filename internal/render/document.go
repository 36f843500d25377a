package render

import (
	"crypto/rand"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
)

// documents are those that a body carries: how they are shown, and which are to be
// streamed.
type documents struct {
	caseID    string
	link      func(caseID, documentID string, sha256 []byte) (url string, expires time.Time)
	linked    bool   // all of them are links
	maxInline *int   // what is larger, in bytes, is a link; nil: nothing for its size
	mark      string // stands in the text for each of inline
	inline    []document
}

// document is a document to be streamed into a body.
type document struct {
	before []byte // what of the body comes between the document before and this one
	id     string
	size   int64 // in bytes
}

// show puts a's document into shown: as a link, or as a mark in whose place it
// will be streamed.
func (d *documents) show(shown *caseupdate.Attachment, a caselog.Attachment) {
	if d.linked || d.maxInline != nil && a.Size > int64(*d.maxInline) {
		url, expires := d.link(d.caseID, a.DocumentID(), a.SHA256)
		at := caseupdate.At(expires)
		shown.URL, shown.URLExpiresAt = &url, &at
		return
	}
	if a.Size == 0 { // there is nothing to stream
		shown.Content = new(string)
		return
	}
	if d.mark == "" {
		// At least 128 random bits: nobody who writes into a case can guess it.
		d.mark = rand.Text()
	}
	shown.Content = &d.mark
	d.inline = append(d.inline, document{id: a.DocumentID(), size: a.Size})
}

// hide puts an empty document, or an empty link, into shown, by the endpoint's mode
// alone: the size is not told either. A link that is not there does not expire:
// urlExpiresAt is absent. The key of what was hidden is returned, "" where a's document
// is empty anyway.
func (d *documents) hide(shown *caseupdate.Attachment, a caselog.Attachment) (key string) {
	if d.linked {
		shown.URL = new(string)
		return "url"
	}
	shown.Content = new(string)
	if a.Size == 0 {
		return ""
	}
	return "content"
}

// encodedLen returns how long size bytes are in base64, padded.
func encodedLen(size int64) int64 { return (size + 2) / 3 * 4 }
