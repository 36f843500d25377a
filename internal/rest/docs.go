package rest

import (
	"embed"
	"io/fs"
	"net/http"
	"strings"
)

// docs is Swagger UI (swagger-ui-dist 5.35.0, Apache 2.0, see docs/LICENSE), and
// the page and the script that start it: nothing is loaded from elsewhere.
//
//go:embed docs
var docs embed.FS

// registerDocs serves the page that shows the OpenAPI document, under /docs/.
func (d *door) registerDocs() {
	files, err := fs.Sub(docs, "docs")
	if err != nil {
		panic("rest: " + err.Error()) // the folder is embedded above
	}
	page := http.StripPrefix("/docs", http.FileServerFS(files))
	d.mux.HandleFunc("GET /docs/", func(w http.ResponseWriter, r *http.Request) {
		if name := strings.TrimPrefix(r.URL.Path, "/docs/"); name != "" && !exists(files, name) {
			newProblem(http.StatusNotFound, nothingHere).write(w)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=3600")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; "+
			"img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		page.ServeHTTP(w, r)
	})
}

func exists(files fs.FS, name string) bool {
	info, err := fs.Stat(files, name)
	return err == nil && !info.IsDir()
}
