package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
)

// The documents of this file say what endpoints are sent, to whoever writes a receiver. They are
// made when they are first asked for.

// registerPublished serves the JSON Schemas under /schemas/, with a list of them, and the AsyncAPI
// document.
func (d *door) registerPublished(o Options) {
	files := map[string]func() []byte{"/schemas/": once("the list of schemas", func() ([]byte, error) {
		return schemaList(o.PublicURL)
	})}
	for _, open := range []bool{false, true} {
		for _, s := range jsonSchemas(open) {
			files[s.path()] = once(s.path(), func() ([]byte, error) { return s.text(o.PublicURL) })
		}
	}
	d.mux.HandleFunc("GET /schemas/", func(w http.ResponseWriter, r *http.Request) {
		file, ok := files[r.URL.Path]
		if !ok {
			newProblem(http.StatusNotFound, nothingHere).write(w)
			return
		}
		media := "application/schema+json"
		if r.URL.Path == "/schemas/" {
			media = mediaJSON
		}
		publish(w, media, file())
	})

	document := once("the AsyncAPI document", func() ([]byte, error) { return json.Marshal(asyncAPI(o)) })
	d.mux.HandleFunc("GET /asyncapi.json", func(w http.ResponseWriter, _ *http.Request) {
		publish(w, mediaJSON, document())
	})
}

// once returns a function that makes a document when it is first called. It is built of constants
// and types alone.
func once(name string, write func() ([]byte, error)) func() []byte {
	return sync.OnceValue(func() []byte {
		document, err := write()
		if err != nil {
			panic(fmt.Sprintf("rest: write %s: %v", name, err))
		}
		return document
	})
}

func publish(w http.ResponseWriter, media string, document []byte) {
	w.Header().Set("Content-Type", media)
	_, _ = w.Write(document) // fails only where the client has hung up
}

// publishedSchema is where one schema is.
type publishedSchema struct {
	Name string `json:"name"`
	URL  string `json:"url"`
	Open string `json:"openUrl"` // of the one that lets new fields be
}

func schemaList(publicURL string) ([]byte, error) {
	var list struct {
		Data []publishedSchema `json:"data"`
	}
	open := jsonSchemas(true)
	for i, s := range jsonSchemas(false) {
		list.Data = append(list.Data, publishedSchema{s.name, publicURL + s.path(), publicURL + open[i].path()})
	}
	return json.Marshal(list)
}
