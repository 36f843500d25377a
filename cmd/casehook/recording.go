package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/casehook/casehook/webhook"
)

// headersOf names the file with the headers of a webhook, beside that with its body, as a recorder does.
func headersOf(file string) string {
	return strings.TrimSuffix(file, filepath.Ext(file)) + ".headers"
}

// recordings returns the files with the bodies of recorded webhooks: those that are named, and those in
// directories that are named, in the order in which they came. The headers lie beside each.
func recordings(names []string) ([]string, error) {
	var files []string
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, name)
			continue
		}
		within, err := recordingsIn(name)
		if err != nil {
			return nil, err
		}
		files = append(files, within...)
	}
	for _, file := range files {
		if _, err := os.Stat(headersOf(file)); err != nil {
			return nil, misuse{fmt.Errorf("%s has no headers beside it, as casehook listen --record keeps them: %w", file, err)}
		}
	}
	return files, nil
}

func recordingsIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var numbers []string
	for _, entry := range entries {
		number, ok := strings.CutSuffix(entry.Name(), ".json")
		if ok && number != "" && strings.Trim(number, "0123456789") == "" {
			numbers = append(numbers, number)
		}
	}
	if len(numbers) == 0 {
		return nil, misuse{fmt.Errorf("%s has no webhook that casehook listen --record has kept", dir)}
	}
	// 1000000 is later than 999999.
	slices.SortFunc(numbers, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) })
	files := make([]string, len(numbers))
	for i, number := range numbers {
		files[i] = filepath.Join(dir, number+".json")
	}
	return files, nil
}

// readRecording reads a recorded webhook, without the headers of the connection by which it came.
func readRecording(cmd *cobra.Command, file string) (letter, error) {
	body, err := os.ReadFile(file)
	if err != nil {
		return letter{}, err
	}
	header, err := readHeaders(cmd, []string{"@" + headersOf(file)})
	if err != nil {
		return letter{}, fmt.Errorf("%s: %w", headersOf(file), err)
	}
	header = endToEnd(header)
	header.Del("Accept-Encoding") // it is for who reads the answer to say
	return letter{header, body}, nil
}

// signAnew returns l as it is signed at a time by all secrets, in the ways in which it was signed.
func (l letter) signAnew(by secrets, at time.Time) (letter, error) {
	header := l.header.Clone()
	id, symmetric, cv := header.Get(webhook.HeaderID), by.symmetric(), header.Get(webhook.HeaderCV) != "" || by.cv
	header.Del(webhook.HeaderCV)
	if cv && len(symmetric) > 0 {
		header.Set(webhook.HeaderCV, webhook.SignCV(symmetric[len(symmetric)-1], l.body))
	}
	if id == "" || len(by.keys) == 0 {
		header.Del(webhook.HeaderSignature)
		if header.Get(webhook.HeaderCV) == "" {
			return letter{}, errors.New("a webhook without webhook-id cannot be signed")
		}
		return letter{header, l.body}, nil // by a sender, or a secret, that knows nothing of Standard Webhooks
	}
	signer, err := webhook.NewSigner(by.keys, id, at)
	if err != nil {
		return letter{}, misuse{err}
	}
	_, _ = signer.Write(l.body) // it never fails
	signer.SetHeader(header)
	return letter{header, l.body}, nil
}

// String says which webhook it is, in one line, and nothing of what is in its body.
func (l letter) String() string {
	return fmt.Sprintf("%s  %s  sequence %s, attempt %s", eventOf(l.body), shown(l.header, webhook.HeaderID),
		shown(l.header, webhook.HeaderSequence), shown(l.header, webhook.HeaderAttempt))
}
