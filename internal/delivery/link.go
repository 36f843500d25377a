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
		"signature": {base64.RawURLEncoding.EncodeToString(linkSignature(key, caseID, attachmentID, digest, until))},
	}
	return publicURL + "/documents/" + caseID + "/" + attachmentID + "?" + query.Encode(), expires
}

// CheckLink reports whether MintLink made the link, and it has not expired.
func CheckLink(key *vault.Key, caseID, attachmentID, digest, expires, signature string, now time.Time) bool {
	given, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || !hmac.Equal(given, linkSignature(key, caseID, attachmentID, digest, expires)) {
		return false
	}
	until, err := strconv.ParseInt(expires, 10, 64)
	return err == nil && now.Unix() < until
}

func linkSignature(key *vault.Key, caseID, attachmentID, digest, expires string) []byte {
	return key.MAC("document link", caseID, attachmentID, digest, expires)
}
