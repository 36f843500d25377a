package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

func newDoctor() *cobra.Command {
	var to partnerFlags
	var machine bool
	var within time.Duration
	cmd := &cobra.Command{
		Use:   "doctor --url URL",
		Short: "Check whether a receiver does what a receiver must",
		Long: `Check whether a receiver does what a receiver must: it takes what is genuine, refuses what is
not, takes what it does not know, takes each webhook again, and answers in time. It is sent some
80 webhooks, of made-up patients. The report says what was sent, what was answered and what to
do. The status is 1 where a check failed.`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if within <= 0 {
				return misuse{errors.New("--within must be more than nothing")}
			}
			receiver, err := to.partner(cmd)
			if err != nil {
				return err
			}
			c := &checkup{partner: receiver, cv: to.secret.cv, within: within}
			screen, tell := newScreen(cmd.OutOrStdout()), func(checked) {}
			if !machine {
				screen.examined(receiver.url)
				tell = screen.checked
			}
			r, stopped := c.run(cmd.Context(), tell)
			if machine {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetEscapeHTML(false)
				enc.SetIndent("", "  ")
				if err := enc.Encode(r); err != nil {
					return fmt.Errorf("print the report: %w", err)
				}
			} else {
				screen.verdict(r)
			}
			if stopped != nil {
				return stopped
			}
			if !r.Passed {
				return fmt.Errorf("checks that failed: %d of %d", r.count(failed), len(r.Checks))
			}
			return nil
		},
	}
	to.add(cmd)
	cmd.Flags().DurationVar(&within, "within", 5*time.Second, "how long an answer may take to be fast enough")
	cmd.Flags().BoolVar(&machine, "json", false, "print the report as JSON")
	return cmd
}

// count returns how many checks had an outcome.
func (r report) count(of outcome) int {
	n := 0
	for _, check := range r.Checks {
		if check.Outcome == of {
			n++
		}
	}
	return n
}

// withoutSecrets returns the scheme and the host of a URL: its user, its path and its query
// may each be a secret.
func withoutSecrets(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
}

// examined says which receiver is examined.
func (s *screen) examined(target string) {
	s.line("%s", s.paint(bold, "casehook doctor")+"  "+withoutSecrets(target))
	s.line("")
}

// checked prints what came of a check. Those that are skipped because nothing is taken are left to the verdict.
func (s *screen) checked(check checked) {
	if check.Note == nothingTaken {
		return
	}
	mark := s.mark(check.Outcome == passed)
	if check.Outcome == skipped {
		mark = "-"
	}
	s.line("%s %-24s  %s", mark, check.Name, check.Says)
	for _, f := range check.Findings {
		s.line("      sent      %s", f.Sent)
		s.line("      answered  %s", s.paint(red, f.Answered))
		s.line("      wanted    %s", f.Wanted)
	}
	if check.Advice != "" {
		s.line("      %s", s.paint(bold, check.Advice))
	}
	if check.Note != "" {
		note := "note: "
		if check.Outcome == skipped {
			note = "skipped: "
		}
		s.line("      %s", s.paint(faint, note+check.Note))
	}
}

// verdict prints what came of a conformance run in all.
func (s *screen) verdict(r report) {
	s.line("")
	verdict := green
	if !r.Passed {
		verdict = red
	}
	text := fmt.Sprintf("%d passed, %d failed, %d skipped", r.count(passed), r.count(failed), r.count(skipped))
	if slices.ContainsFunc(r.Checks, func(check checked) bool { return check.Note == nothingTaken }) {
		text += ": " + nothingTaken
	}
	s.line("%s", s.paint(verdict, text))
	if r.Answers.Count > 0 {
		s.line("Answers: median %.1f ms, slowest %.1f ms, of %d", r.Answers.Median, r.Answers.Slowest, r.Answers.Count)
	}
}
