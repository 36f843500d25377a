package dashboard

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/google/uuid"

	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
)

// search leads to what is meant by a short id, or by an id of whatever has one. What somebody
// looks for may be a name: it is in no address, which histories and the logs of proxies keep.
func (d *Dashboard) search(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(r)
	if err != nil {
		return err
	}
	path, err := d.find(r.Context(), caller(r), meant(form.text("q")))
	if isNotFound(err) {
		return refusal.Of(refusal.NotFound, "Nothing here has this id. Search by the whole short id of a case, such as ADA-7K2QX, or by the id of a case, an event (the webhook-id), a delivery or an endpoint.")
	}
	if err != nil {
		return err
	}
	return d.goTo(w, r, path, "")
}

// between are what may stand around an id in a line that was copied.
const between = " \t\r\n:=,;\"'`<>()[]{}"

// meant returns the one id that a text has, or else its one short id, also where that is in a
// line that was copied, such as "webhook-id: …"; else the text as it is.
func meant(text string) string {
	var ids, shortIDs []string
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(between, r) }) {
		word = strings.TrimPrefix(word, "msg_")
		if _, err := uuid.Parse(word); err == nil {
			ids = append(ids, word)
		} else if shortID.MatchString(word) {
			shortIDs = append(shortIDs, word)
		}
	}
	switch {
	case len(ids) == 1:
		return ids[0]
	case len(ids) == 0 && len(shortIDs) == 1:
		return shortIDs[0]
	}
	return text
}

// A short id with its prefix, which is the same for an organisation, and without.
var (
	shortID       = regexp.MustCompile(`^[A-Za-z]{3}-[0-9A-Za-z]{5}$`)
	withoutPrefix = regexp.MustCompile(`^[0-9A-Za-z]{5}$`)
)

// find returns the path of what has an id or a short id.
func (d *Dashboard) find(ctx context.Context, who service.Caller, name string) (path string, err error) {
	caseID, err := d.findCase(ctx, who, name)
	if !isNotFound(err) {
		return "/cases/" + caseID, err
	}
	parsed, notAnID := uuid.Parse(strings.TrimSpace(name))
	if notAnID != nil {
		return "", err
	}
	id := parsed.String()
	for _, known := range []struct {
		path string
		find func() error
	}{
		{"/deliveries?" + url.Values{"eventId": {id}}.Encode(), func() error { _, err := d.service.FindEvent(ctx, who, id); return err }},
		{"/deliveries/" + id, func() error { _, _, err := d.service.Delivery(ctx, seeing(who, false), id); return err }},
		{"/endpoints/" + id, func() error { _, err := d.service.Endpoint(ctx, who, id); return err }},
	} {
		if err = known.find(); !isNotFound(err) {
			return known.path, err
		}
	}
	return "", err
}

// findCase returns the id of the case that has an id or a short id.
func (d *Dashboard) findCase(ctx context.Context, who service.Caller, name string) (string, error) {
	name = strings.TrimSpace(name)
	if id, err := uuid.Parse(name); err == nil {
		c, err := d.service.Case(ctx, who, id.String(), 0)
		if err != nil {
			return "", err
		}
		return c.ID, nil
	}
	if name == "" {
		return "", refusal.Of(refusal.NotFound, "nothing has no id")
	}
	if withoutPrefix.MatchString(name) {
		organization, err := d.service.Organization(ctx, who)
		if err != nil {
			return "", err
		}
		name = organization.ShortIDPrefix + "-" + name
	}
	found, _, err := d.service.Cases(ctx, seeing(who, false), service.CaseFilter{ShortID: strings.ToUpper(name)}, service.Page{Limit: 1})
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", refusal.Of(refusal.NotFound, "no case has this short id")
	}
	return found[0].ID, nil
}

// isNotFound reports whether err is that there is no such thing.
func isNotFound(err error) bool {
	refused, ok := errors.AsType[*refusal.Error](err)
	return ok && refused.Kind == refusal.NotFound
}
