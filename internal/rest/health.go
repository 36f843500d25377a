package rest

import "net/http"

// registerHealth serves what the operator's tools ask for.
func (d *door) registerHealth() {
	d.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { ok(w) })
	d.mux.HandleFunc("GET /readyz", d.ready)
	if d.metrics != nil {
		d.mux.Handle("GET /metrics", d.metrics.Handler())
	}
}

// ready answers by 200 where changes can be recorded now, else by 503.
func (d *door) ready(w http.ResponseWriter, r *http.Request) {
	if err := d.service.Ready(r.Context()); err != nil {
		d.log.Warn("not ready", "request", exchangeOf(r.Context()).ID, "error", err)
		newProblem(http.StatusServiceUnavailable, "changes cannot be recorded now").write(w)
		return
	}
	ok(w)
}

func ok(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_ = writeJSON(w, map[string]string{"status": "ok"}) // a string can be written
}
