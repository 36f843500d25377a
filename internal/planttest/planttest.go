// Package planttest plants marks in what casehook is told, and finds them where they must
// not be, however they are written.
//
// A [Garden] gives out marks by [Garden.Plant], and is told by [Garden.Watch] of what
// cannot be a mark: dates, numbers, and the secrets that casehook makes. [Garden.Find]
// names all of it that a text shows.
package planttest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Stem begins every mark. It is good in a path, a query, a header, a host and a JSON
// string, and none of them escapes it.
const Stem = "PLANTED-4711"

// Garden is what was planted. Its zero value is empty; it is safe for concurrent use.
type Garden struct {
	mu      sync.Mutex
	planted []plant
}

type plant struct {
	name    string
	needles [][]byte // each way in which it is written
}

// Plant returns a mark of its own for what has that name.
func (g *Garden) Plant(name string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	mark := fmt.Sprintf("%s-%04dz", Stem, len(g.planted)) // none begins another
	g.planted = append(g.planted, plant{name, Written(mark)})
	return mark
}

// Watch has a text found as well that is no mark.
func (g *Garden) Watch(name, text string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.planted = append(g.planted, plant{name, Written(text)})
}

// Names returns the names of all that was planted or is watched.
func (g *Garden) Names() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	names := make([]string, len(g.planted))
	for i, p := range g.planted {
		names[i] = p.name
	}
	return names
}

// Find returns the names of all that a text shows, sorted, each once. In letters of
// either case it finds what is not encoded.
func (g *Garden) Find(text []byte) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	lower := bytes.ToLower(text)
	var found []string
	for _, p := range g.planted {
		shown := slices.ContainsFunc(p.needles, func(needle []byte) bool { return bytes.Contains(text, needle) }) ||
			bytes.Contains(lower, bytes.ToLower(p.needles[0]))
		if shown && !slices.Contains(found, p.name) {
			found = append(found, p.name)
		}
	}
	slices.Sort(found)
	return found
}

// Written returns a text in each way in which it may be written: first as it is; in base64,
// of either alphabet, wherever in the encoded bytes it stands; in hex; in a URL and in
// quotes; and with each character escaped as in a URL, in JSON and in HTML.
func Written(text string) [][]byte {
	ways := [][]byte{[]byte(text)}
	for before := range 3 { // bytes of something else, in its first group
		ways = append(ways, inBase64(base64.RawStdEncoding, text, before), inBase64(base64.RawURLEncoding, text, before))
	}
	ways = append(ways, []byte(url.QueryEscape(text)), []byte(url.PathEscape(text)), []byte(strings.Trim(strconv.Quote(text), `"`)))
	digits := hex.EncodeToString([]byte(text))
	ways = append(ways, []byte(digits), []byte(strings.ToUpper(digits)))
	for _, form := range []string{"%%%02X", "%%%02x", `\u%04x`, `\u%04X`, "&#%d;", "&#x%x;", `\x%02x`} {
		var escaped strings.Builder
		for _, b := range []byte(text) {
			fmt.Fprintf(&escaped, form, b)
		}
		ways = append(ways, []byte(escaped.String()))
	}
	return ways
}

// inBase64 returns those characters of an encoding of text that depend on nothing else: it
// stands after so many bytes of a group of three, and others may follow.
func inBase64(encoding *base64.Encoding, text string, before int) []byte {
	encoded := encoding.EncodeToString(append(make([]byte, before), text...))
	first := []int{0, 2, 3}[before]
	last := (before + len(text)) * 8 / 6 // the next one has bits of what follows
	return []byte(encoded[first:last])
}
