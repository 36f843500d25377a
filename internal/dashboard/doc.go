// Package dashboard is the browser's door: pages for operations and support, rendered here
// and served with all that they need, so that nothing is loaded from elsewhere.
//
// Start with [New]. Like each door it translates and decides nothing; what it asks package
// service for is what the REST door asks for, under the same names of operations, with the
// same roles and clearance, and on the same record.
//
// # Adding a page
//
//  1. A Go file named by its noun (endpoint.go) has the handlers, each a method
//     func (d *Dashboard) listEndpoints(w http.ResponseWriter, r *http.Request) error,
//     and the structs that its templates show.
//  2. routes.go gets a line for each handler: pattern, operation, handler, and the word for
//     the navigation where it has a place there. The role is that of the operation, in
//     service/operation.go; who has it not, neither sees the word nor gets in.
//  3. templates/endpoints.html defines "content", over [page]: .Data is what the handler gave,
//     .May "pauseEndpoint" whether who looks may do so. The partials are in kit.html, what
//     else templates can call in kit.go.
//  4. A handler that looks ends with d.show(w, r, page{Template: "endpoints", …}); one that
//     changes ends with d.goTo(w, r, "/endpoints/…", "It is paused."); what fails is returned.
//     caller(r) says who asks, readForm(r) reads the query or the form. The route of a change
//     names the page that has its form, for whose session has ended meanwhile, and says
//     whether that is filled in.
//  5. What may tell of a patient is a [private], which a [veil] makes: it is not in the page
//     until somebody asks for it, and that is on record. See case.go.
//  6. htmx asks with hx-get and hx-target="#main" and is given the same page without its frame.
//  7. What cannot be undone is asked about first: GET at the path of the change shows a
//     [question], under the operation previewChange, and the partial "ask" leads there.
//  8. A page that is to be up to date by itself asks a route of its own, under the operation
//     by which it was opened, with refresh set and the page named.
package dashboard
