package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a setting that is never shown: however it is printed, logged or
// marshaled, it is "set", or "unset" where it is empty. Convert it to a string to
// use it.
type Secret string

// String returns "set" or "unset".
func (s Secret) String() string {
	if s == "" {
		return "unset"
	}
	return "set"
}

// Format is [Secret.String] for every verb of package fmt.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// LogValue is [Secret.String], for log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is [Secret.String], for encoding/json and the like. The error is
// always nil.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
