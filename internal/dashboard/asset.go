package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

// files are what pages load: the dashboard's own, htmx.org 2.0.11 (Zero-Clause BSD, see
// assets/LICENSE.htmx) and uplot 1.6.32 (MIT, see assets/LICENSE.uplot).
//
//go:embed assets
var files embed.FS

// asset is a file that pages load, under a name that changes with its bytes, so that browsers
// may keep it for ever.
type asset struct {
	path        string
	contentType string
	body        []byte
}

// assets are all of them, by the names of their files.
var assets = loadAssets()

func loadAssets() map[string]asset {
	loaded := make(map[string]asset)
	entries, err := fs.ReadDir(files, "assets")
	if err != nil {
		panic("dashboard: " + err.Error()) // the folder is embedded above
	}
	for _, entry := range entries {
		kind := mime.TypeByExtension(path.Ext(entry.Name()))
		if kind == "" {
			continue // a licence
		}
		body, err := files.ReadFile("assets/" + entry.Name())
		if err != nil {
			panic("dashboard: " + err.Error())
		}
		digest := sha256.Sum256(body)
		base, ext, _ := strings.Cut(entry.Name(), ".")
		loaded[entry.Name()] = asset{"/assets/" + base + "-" + hex.EncodeToString(digest[:6]) + "." + ext, kind, body}
	}
	return loaded
}

// assetPath returns where pages load a file from.
func assetPath(name string) string {
	a, ok := assets[name]
	if !ok {
		panic("dashboard: no asset is called " + name)
	}
	return a.path
}

// serveAsset answers by a file. While nodes of two versions run, a page may ask the one for what the
// other has: it is given the file of the same name, which nobody keeps, so that it has a style.
func serveAsset(w http.ResponseWriter, r *http.Request) {
	for _, a := range assets {
		if withoutDigest(a.path) != withoutDigest(r.URL.Path) {
			continue
		}
		if a.path == r.URL.Path {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		w.Header().Set("Content-Type", a.contentType)
		_, _ = w.Write(a.body) // fails only where the client has hung up
		return
	}
	http.NotFound(w, r)
}

// withoutDigest returns what stays of the path of an asset when its bytes change.
func withoutDigest(path string) string {
	base, rest, _ := strings.Cut(path, "-")
	_, ext, _ := strings.Cut(rest, ".")
	return base + "." + ext
}
