package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/casehook/casehook/caseupdate"
)

// eventNames lists the events.
func eventNames() string {
	var names []string
	for _, event := range caseupdate.Events() {
		names = append(names, string(event))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// isEvent refuses anything but the name of an event. What is where the name was given.
func isEvent(what, name string) error {
	if caseupdate.Event(name).Known() {
		return nil
	}
	if meant := eventsLike(name); len(meant) > 0 {
		return misuse{errors.New(what + " is none of the events: did you mean " + strings.Join(meant, " or ") + "?")}
	}
	return misuse{errors.New(what + " must be one of " + eventNames())}
}

// eventsLike returns the events of which one may have been meant, by what cobra suggests for commands.
func eventsLike(name string) []string {
	like := &cobra.Command{SuggestionsMinimumDistance: 3}
	for _, event := range caseupdate.Events() {
		like.AddCommand(&cobra.Command{Use: string(event), Run: func(*cobra.Command, []string) {}})
	}
	return like.SuggestionsFor(strings.ReplaceAll(name, "-", "_"))
}
