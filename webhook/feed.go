package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// maxPage is how many bytes of the log are read at once.
const maxPage = 256 << 20

// FeedClient reads casehook's log over REST, with the key of a reader.
type FeedClient struct {
	// URL is where casehook is, e.g. "https://casehook.example".
	URL string
	// Key is an API key with the role reader, or one that may more.
	Key string
	// HTTP makes the requests; nil means [http.DefaultClient].
	HTTP *http.Client
}

// CaseEvents returns the events of a case after a place in it, oldest first, each in the form of the body of a
// webhook. Places are 1, 2, 3 …, up to 10,000, and after 0 come all. An error is the last pair: the log could not
// be read any further. It holds nothing of the log and not the key.
//
// The log is not cut to an endpoint: it has every event that the key may read, with the basic case, and
// documents in base64.
func (c *FeedClient) CaseEvents(ctx context.Context, caseID string, after int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		cursor := strconv.FormatInt(after, 10)
		for {
			page, err := c.page(ctx, caseID, cursor)
			if err != nil {
				yield(nil, fmt.Errorf("webhook: read the log of a case: %w", err))
				return
			}
			for _, body := range page.Data {
				if !yield(body, nil) {
					return
				}
			}
			if !page.HasMore {
				return
			}
			if page.NextCursor == cursor {
				yield(nil, errors.New("webhook: read the log of a case: the answer does not go on"))
				return
			}
			cursor = page.NextCursor
		}
	}
}

// feedPage is an answer of GET /v1/cases/{id}/events.
type feedPage struct {
	Data       []json.RawMessage `json:"data"`
	NextCursor string            `json:"nextCursor"`
	HasMore    bool              `json:"hasMore"`
}

func (c *FeedClient) page(ctx context.Context, caseID, after string) (*feedPage, error) {
	address := strings.TrimSuffix(c.URL, "/") + "/v1/cases/" + url.PathEscape(caseID) + "/events?after=" + url.QueryEscape(after)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("the URL of casehook cannot be read")
	}
	request.Header.Set("Authorization", "Bearer "+c.Key)
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(request)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // the rest repeats the address
	}
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %d", response.StatusCode)
	}
	text, err := io.ReadAll(http.MaxBytesReader(nil, response.Body, maxPage))
	if err != nil {
		return nil, fmt.Errorf("the answer was cut short, or is too large: %w", err)
	}
	page := new(feedPage)
	if err := json.Unmarshal(text, page); err != nil {
		return nil, errors.New("the answer is not a part of the log") // the error of json may repeat it
	}
	return page, nil
}
