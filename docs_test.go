package casehook_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// link is a Markdown link: what is in parentheses behind brackets.
var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestEveryLinkOfThePagesLeadsSomewhere(t *testing.T) {
	for _, page := range pages(t) {
		for _, match := range link.FindAllStringSubmatch(prose(t, page), -1) {
			target := match[1]
			if strings.Contains(target, "://") {
				continue
			}
			name, anchor, _ := strings.Cut(target, "#")
			file := page
			if name != "" {
				file = filepath.Join(filepath.Dir(page), name)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s links to %s, which is not there", page, target)
				continue
			}
			if anchor != "" && !slices.Contains(anchors(t, file), anchor) {
				t.Errorf("%s links to %s, which has no such heading", page, target)
			}
		}
	}
}

func TestTheReadmeListsEveryPageOfTheDocs(t *testing.T) {
	readme := prose(t, "README.md")
	docs, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	for _, page := range docs {
		require.Contains(t, readme, "\n| ["+page+"]("+page+") |")
	}
}

// pages are the Markdown files of this repository.
func pages(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules" || entry.Name() == "testdata"):
			return filepath.SkipDir
		case filepath.Ext(path) == ".md":
			found = append(found, path)
		}
		return nil
	})
	require.NoError(t, err)
	return found
}

// prose returns the lines of a page that are not in a block of code.
func prose(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	var lines []string
	fenced := false
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		} else if !fenced {
			lines = append(lines, line)
		}
	}
	require.False(t, fenced, "%s ends within a block of code", page)
	return strings.Join(lines, "")
}

// anchors returns the anchors that a page's headings have, as GitHub makes them.
func anchors(t *testing.T, page string) []string {
	t.Helper()
	var all []string
	for line := range strings.Lines(prose(t, page)) {
		marks, title, isHeading := strings.Cut(line, " ")
		if isHeading && marks != "" && strings.Trim(marks, "#") == "" {
			all = append(all, anchor(title))
		}
	}
	return all
}

// anchor is a heading in small letters, with hyphens for spaces and without punctuation.
func anchor(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(title))
}
