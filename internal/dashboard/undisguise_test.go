package dashboard

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatTurnsTextsRoundIsSeen(t *testing.T) {
	for page, want := range map[string]string{
		"plain, שלום\t\r\n":                        "plain, שלום\t\r\n",
		"<b>photo\u202egpj.exe</b>":                "<b>photo[U+202E]gpj.exe</b>",
		"<a title=\"\u2066a\u2069\">\u200f</a>":    "<a title=\"[U+2066]a[U+2069]\">[U+200F]</a>",
		"\u061c\u200e\u202a\u2068\x1b[31m\u0085":   "[U+061C][U+200E][U+202A][U+2068][U+001B][31m[U+0085]",
		"نام\u200cها 👩\u200d🔬 \u00ad":              "نام\u200cها 👩\u200d🔬 \u00ad",
		"<input value=\"\u200f\"> \u200f":          "<input value=\"\u200f\"> [U+200F]",
		"<button data-copy=\"\u202e\">\u202e":      "<button data-copy=\"\u202e\">[U+202E]",
		"<textarea id=\"a\">\u202e</textarea>\x7f": "<textarea id=\"a\">\u202e</textarea>[U+007F]",
	} {
		require.Equal(t, want, string(undisguise([]byte(page))))
	}
}
