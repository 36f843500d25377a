package delivery

import (
	"crypto/hmac"
	"encoding/base64"
	"net/url"
	"strconv"
	"time"

	"github.com/casehook/casehook/internal/vault"
)

// linkLife is how long a link to a document is good for.
const linkLife = 15 * time.Minute

// MintLink returns a link to one document of a case, good for 15 minutes, and when
// it expires. It names the SHA-256 of the document's bytes. The case's key signs it:
// with the key, every link is gone.
func MintLink(key *vault.Key, publicURL, caseID, attachmentID string, sha256 []byte, now time.Time) (link string, expires time.Time) {
	expires = now.Add(linkLife).Truncate(time.Second)
	until := strconv.FormatInt(expires.Unix(), 10)
	digest := base64.RawURLEncoding.EncodeToString(sha256)
	query := url.Values{
		"digest":    {digest},
		"expires":   {until},
		"signature": {linkSignature(key, caseID, attachmentID, digest, until)},
	}
	return publicURL + "/documents/" + caseID + "/" + attachmentID + "?" + query.Encode(), expires
}

// IsGenuine reports whether MintLink made the link, which may have expired since.
func IsGenuine(key *vault.Key, caseID, attachmentID, digest, expires, signature string) bool {
	return hmac.Equal([]byte(signature), []byte(linkSignature(key, caseID, attachmentID, digest, expires)))
}

// CheckLink reports whether the link is genuine, and has not expired.
func CheckLink(key *vault.Key, caseID, attachmentID, digest, expires, signature string, now time.Time) bool {
	if !IsGenuine(key, caseID, attachmentID, digest, expires, signature) {
		return false
	}
	until, err := strconv.ParseInt(expires, 10, 64)
	return err == nil && now.Unix() < until
}

// linkSignature returns the signature as a link has it: one link has one spelling, which
// base64 alone does not give.
func linkSignature(key *vault.Key, caseID, attachmentID, digest, expires string) string {
	return base64.RawURLEncoding.EncodeToString(key.MAC("document link", caseID, attachmentID, digest, expires))
}
