// Package screenshots_test makes the pictures of the dashboard in docs/images: a server with a
// day's work behind it, made up by story_test.go, is looked at in Chromium.
//
//	go test ./e2e/screenshots -update
//
// Without -update the pictures that are there are only checked.
package screenshots_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "make the pictures anew")

// folder is where the pictures are, and maxPicture how large one may be, in bytes.
const (
	folder     = "../../docs/images"
	maxPicture = 150_000
)

// picture is a page as somebody sees it.
type picture struct {
	name   string // of the file, without .png
	path   string // of the page; {case} and the like stand for what clinic.places has
	theme  string // "" is light
	width  int64  // of the screen; 0 is 1280
	height int64  // 0 is 800
	reveal bool   // what tells of patients is shown
	until  string // a selector of what is there once the page's scripts have run; "" waits for none
}

// pictures are all that there are.
var pictures = []picture{
	{name: "home", path: "/", height: 900, until: "canvas"},
	{name: "home-dark", path: "/", height: 900, theme: "dark", until: "canvas"},
	{name: "deliveries", path: "/deliveries"},
	{name: "delivery", path: "/deliveries/{delivery}", height: 1000, reveal: true},
	{name: "live", path: "/live", until: "[data-live-pause]"},
	{name: "endpoints", path: "/endpoints"},
	{name: "endpoint", path: "/endpoints/{endpoint}", height: 900},
	{name: "cases", path: "/cases", reveal: true},
	{name: "cases-dark", path: "/cases", reveal: true, theme: "dark"},
	{name: "cases-narrow", path: "/cases", reveal: true, width: 390},
	{name: "case", path: "/cases/{case}", height: 900},
	{name: "case-dark", path: "/cases/{case}", height: 900, theme: "dark"},
}

func TestPictures(t *testing.T) {
	if *update {
		take(t, open(t))
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.png"))
	require.NoError(t, err)
	var names, there []string
	for _, p := range pictures {
		names = append(names, p.name)
	}
	for _, file := range files {
		there = append(there, filepath.Base(file[:len(file)-len(".png")]))
		known, err := os.Stat(file)
		require.NoError(t, err)
		require.LessOrEqual(t, known.Size(), int64(maxPicture), file)
	}
	require.ElementsMatch(t, names, there, "make screenshots makes those that are missing; the others are to be deleted")
}
