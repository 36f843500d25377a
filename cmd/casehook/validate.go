package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/casehook/casehook/caseupdate"
)

func newValidate() *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE...",
		Short: "Check bodies of webhooks against the format",
		Long: `Check bodies of webhooks against the format, one in each file: every key there, no key more,
each value of its type, and null only where the format has it. A fault is printed with its line,
its column and its path, and never with the value. The file - is standard input.`,
		Args: func(cmd *cobra.Command, files []string) error {
			if len(files) == 0 {
				return misuse{fmt.Errorf("usage: %s", cmd.UseLine())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, files []string) error {
			out := cmd.OutOrStdout()
			wrong, unread := 0, 0
			for _, file := range files {
				body, err := readFile(cmd, file)
				if err != nil {
					fmt.Fprintln(cmd.ErrOrStderr(), "casehook:", err)
					unread++
					continue
				}
				event, faults := inspect(body)
				slices.SortStableFunc(faults, fault.compare)
				for _, f := range faults {
					fmt.Fprintf(out, "%s:%d:%d: %s\n", file, f.line, f.column, f.text)
				}
				if len(faults) > 0 {
					wrong++
					continue
				}
				fmt.Fprintf(out, "%s: %s is as the format has it\n", file, event)
			}
			var failures []string
			if wrong > 0 {
				failures = append(failures, fmt.Sprintf("not as the format has it: %d of %d", wrong, len(files)))
			}
			if unread > 0 {
				failures = append(failures, fmt.Sprintf("not read: %d of %d", unread, len(files)))
			}
			if len(failures) > 0 {
				return errors.New(strings.Join(failures, "; "))
			}
			return nil
		},
	}
}

// readFile reads a file that was named as an argument, or standard input for -.
func readFile(cmd *cobra.Command, name string) ([]byte, error) {
	if name == "-" {
		content, err := io.ReadAll(cmd.InOrStdin())
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		return content, nil
	}
	return os.ReadFile(name)
}

// fault is what is not as the format has it, and where.
type fault struct {
	line, column int
	text         string
}

// compare says which of two faults comes first.
func (f fault) compare(other fault) int {
	return cmp.Or(cmp.Compare(f.line, other.line), cmp.Compare(f.column, other.column))
}

// inspect returns the event of a body, and what in it is not as the format has it.
func inspect(body []byte) (event caseupdate.Event, faults []fault) {
	found := func(path, allowed string) {
		at, _ := locate(body, steps(path))
		line, column := position(body, at.begin)
		faults = append(faults, fault{line, column, path + " " + allowed})
	}
	if err := json.Unmarshal(body, new(any)); err != nil {
		line, column := position(body, brokenAt(body, err))
		return "", []fault{{line, column, "must be JSON"}}
	}
	if at := invalidUTF8(body); at >= 0 {
		line, column := position(body, at)
		return "", []fault{{line, column, "must be UTF-8"}}
	}
	if top, _ := locate(body, nil); body[top.begin] != '{' {
		line, column := position(body, top.begin)
		return "", []fault{{line, column, "must be an object, with event and payload"}}
	}
	if faults := repeated(body); len(faults) > 0 {
		return "", faults
	}
	payload, missing := locate(body, []string{"payload"})
	switch {
	case len(missing) > 0:
		found("payload", "must be given")
	case body[payload.begin] != '{':
		found("payload", "must be an object")
	}
	name, missing := locate(body, []string{"event"})
	switch err := json.Unmarshal(body[name.begin:name.end], &event); {
	case len(missing) > 0:
		found("event", "must be given")
	case err != nil || !event.Known():
		found("event", caseupdate.Check("", nil)[0].Allowed)
	}
	for key, value := range members(body) {
		if key != "event" && key != "payload" {
			line, column := position(body, value.begin)
			faults = append(faults, fault{line, column, cut(key, 40) + " is not in the format"})
		}
	}
	if len(faults) > 0 {
		return event, faults
	}
	for _, f := range caseupdate.Check(event, body[payload.begin:payload.end]) {
		found("payload."+f.Path, f.Allowed)
	}
	if len(faults) > 0 {
		return event, faults
	}
	// What no type says.
	update, err := caseupdate.Parse(body)
	if err != nil {
		found("payload", "cannot be read")
		return event, faults
	}
	if update.Activity().Type != event {
		found("payload.activity.type", "must be the event")
	}
	if event == caseupdate.EventCreateCase && update.Case().Details == nil {
		found("payload.case", "must be the full case")
	}
	return event, faults
}

// brokenAt returns where a text stops to be JSON.
func brokenAt(text []byte, err error) int {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return max(0, int(syntax.Offset)-1)
	}
	return len(text)
}

// invalidUTF8 returns where a text has a byte that is not of UTF-8, or -1.
func invalidUTF8(text []byte) int {
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}
