package dashboard

import "net/http"

// question is asked before what cannot be undone: what happens, to what, and how much is lost.
// Its page is at the path of the change itself, which POST then does. With a script, the page
// that leads there shows it as a dialog.
type question struct {
	Title   string // without its question mark
	About   string // the name of what it is about, where that has one
	Text    string
	Button  string            // the word for doing it
	Class   string            // of that button: "danger" where something is lost
	Dismiss string            // the words for leaving it as it is
	Back    string            // where those lead
	Sends   map[string]string // what is sent with the answer, by the names of its fields
}

// ask shows the page of a question, which lies below others.
func (d *Dashboard) ask(w http.ResponseWriter, r *http.Request, q question, above ...crumb) error {
	return d.show(w, r, page{Template: "question", Title: q.Button, Crumbs: above, Data: q})
}
