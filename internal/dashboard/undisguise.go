package dashboard

import (
	"bytes"
	"fmt"
	"regexp"

	"github.com/casehook/casehook/internal/doorway"
)

// exact are the parts of a page that are not read but taken as they are: what forms send back,
// and what is copied.
var exact = regexp.MustCompile(`\s(?:value|data-copy)="[^"]*"|<textarea[^>]*>[^<]*`)

// undisguise returns a page in which characters that are not seen, and would have what stands beside
// them read as something else, are seen: photo[U+202E]gpj.exe would read as photoexe.jpg. So nobody
// can disguise a name, a text or an answer, wherever it is told.
func undisguise(page []byte) []byte {
	if !bytes.ContainsFunc(page, doorway.Disguises) {
		return page
	}
	var shown bytes.Buffer
	for len(page) > 0 {
		part := exact.FindIndex(page)
		if part == nil {
			part = []int{len(page), len(page)}
		}
		for _, r := range string(page[:part[0]]) {
			if doorway.Disguises(r) {
				fmt.Fprintf(&shown, "[U+%04X]", r)
			} else {
				shown.WriteRune(r)
			}
		}
		shown.Write(page[part[0]:part[1]])
		page = page[part[1]:]
	}
	return shown.Bytes()
}
