package main

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
)

// advise says what to do about what a check found, by how the webhooks were answered.
func (c check) advise(found []finding) string {
	var advice []string
	for _, f := range found {
		if text := c.adviseOn(f); !slices.Contains(advice, text) {
			advice = append(advice, text)
		}
	}
	return strings.Join(advice, " ")
}

func (c check) adviseOn(f finding) string {
	switch {
	case f.Wanted == wanted4xx && !f.got.taken():
		return "The receiver does not take it, but breaks on it: catch what verifying throws, and answer 401."
	case f.got.status/100 == 3:
		return "Redirects are never followed: give the URL that it leads to."
	case c.name == checks[0].name:
		return c.adviseOnGenuine(f.got)
	}
	return c.advice
}

// adviseOnGenuine says what to do where a receiver does not even take what is genuine and known.
func (c check) adviseOnGenuine(got answer) string {
	switch {
	case got.failed != nil && unreached(got.failed):
		return "The receiver was not reached: does it run, and are the host and the port right?"
	case got.failed != nil:
		return "The receiver was reached and gave no answer: look into its log."
	case got.status == http.StatusNotFound || got.status == http.StatusMethodNotAllowed:
		return "Is it the right path, and does the receiver take POST there?"
	case got.status >= http.StatusInternalServerError:
		return "The receiver breaks on what is genuine: look into its log."
	}
	return c.advice
}

// unreached reports whether there was no connection.
func unreached(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}
