package dashboard

import (
	"net/http"

	"github.com/casehook/casehook/internal/service"
)

// deletedView is an endpoint that there is no more.
type deletedView struct {
	service.DeletedEndpoint
	Endpoint endpointName
}

// unlessDeleted returns the error of a request, but where nothing was found because its endpoint
// was deleted: then it says so.
func (d *Dashboard) unlessDeleted(w http.ResponseWriter, r *http.Request, err error) error {
	id := r.PathValue("endpointId")
	if id == "" || !isNotFound(err) {
		return err
	}
	deleted, broken := d.service.DeletedEndpoints(r.Context(), caller(r), []string{id})
	if broken != nil {
		return broken
	}
	if len(deleted) == 0 {
		return err
	}
	if isPartial(r) { // the part that is asked for may not be on the page that says so
		w.Header().Set("HX-Redirect", endpointPath(id))
		w.WriteHeader(http.StatusNotFound) // as it is on record
		return nil
	}
	view := deletedView{deleted[0], deletedName(deleted[0])}
	return d.show(w, r, page{Template: "endpoint_deleted", Title: view.Endpoint.Name, Crumbs: []crumb{{"Endpoints", "/endpoints"}}, Status: http.StatusNotFound, Data: view})
}
