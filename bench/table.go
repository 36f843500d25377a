package main

import (
	"fmt"
	"io"
	"regexp"
	"text/tabwriter"
	"time"
)

// print writes what was found as one table, a column for each database. Errors of w
// are left to the reader, who sees that something is missing.
func print(w io.Writer, p plan, found []*results) {
	_, _ = fmt.Fprintf(w, "\n%s; bursts of %d messages, %d clients, %d cases; steady loads of %s\n\n", machine(), p.messages, clients, cases, p.steady)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(what, wanted string, of func(*results) string) {
		_, _ = fmt.Fprint(table, what)
		for _, r := range found {
			_, _ = fmt.Fprint(table, "\t", of(r))
		}
		_, _ = fmt.Fprintln(table, "\t", wanted)
	}
	row("", "wanted", func(r *results) string { return r.database.name })
	if p.measured("server") {
		row("raw: a client posts the same body to the same sink", "", func(r *results) string { return fmt.Sprintf("%.0f/s", r.raw) })
		row("REST to received and recorded, burst, of raw", "at least 15 %", func(r *results) string { return percent(r.rest, r.raw) })
		row(fmt.Sprintf("from request to receipt at %d/s, median", rate), "at most 3 ms", func(r *results) string { return milliseconds(r.alone.median) })
		row("the same, 99th percentile", "at most 15 ms", func(r *results) string { return milliseconds(r.alone.p99) })
		row("beside an endpoint that hangs, 99th percentile", "at most 1.2 × alone", func(r *results) string { return times(r.beside.p99, r.alone.p99) })
		row("memory of the server, idle", "at most 64 MB", func(r *results) string { return fmt.Sprintf("%.0f MB", r.idle) })
		row("the same, at most in the burst", "at most 200 MB", func(r *results) string { return fmt.Sprintf("%.0f MB", r.burst) })
		row("processors' time per message over REST, the database's too", "", func(r *results) string { return fmt.Sprintf("%d µs", r.processor.Microseconds()) })
	}
	if p.measured("engine") {
		row("the engine alone, burst, of raw", "at least 35 %", func(r *results) string { return percent(r.engine, r.raw) })
		if p.waiting > 0 {
			row(fmt.Sprintf("with %d messages waiting, of the engine alone", p.waiting), "at least 80 %", func(r *results) string { return percent(r.crowded, r.engine) })
		}
	}
	if p.measured("neighbours") {
		row(fmt.Sprintf("%d endpoints, %d messages/s: median and 99th percentile", neighbours, neighbours*neighbourRate), "", func(r *results) string { return both(r.neighbours["alone"].quantiles) })
		row("the same beside one that hangs, one of 500s, one of resets", "", func(r *results) string { return both(r.neighbours["beside"].quantiles) })
		row("beside them, of alone", "at most 1.2 × for the 99th percentile", func(r *results) string { return r.neighbours["beside"].of(r.neighbours["alone"]) })
		row("what of it is noise: alone, of alone", "", func(r *results) string { return r.neighbours["again"].of(r.neighbours["alone"]) })
	}
	if p.measured("replay") {
		row(fmt.Sprintf("%d changes/s while %d messages are replayed, 99th percentile", rate, p.replayed), "under 50 ms", func(r *results) string { return milliseconds(r.live.p99) })
		row("the same, of without a replay", "", func(r *results) string { return times(r.live.p99, r.undisturbed.p99) })
		row("messages that are replayed meanwhile", "", func(r *results) string { return fmt.Sprintf("%.0f/s", r.again) })
		row("messages out of the order of their lane", "0", func(r *results) string { return fmt.Sprint(r.disordered) })
	}
	if p.measured("told") {
		row(fmt.Sprintf("events told in batches of %d", batch), "at least 12000/s", func(r *results) string { return fmt.Sprintf("%.0f/s", r.told) })
	}
	if p.measured("size") {
		row(fmt.Sprintf("what is pruned at the end of round %d, of round 1", rounds), "at most 1.1 ×", func(r *results) string {
			return fmt.Sprintf("%.2f × (%.1f MB)", r.sizes[len(r.sizes)-1]/r.sizes[0], r.sizes[len(r.sizes)-1])
		})
	}
	if p.measured("document") {
		row(fmt.Sprintf("memory for a document of %d MB in the body, each of %d endpoints", documentSize>>20, documentEndpoints), "under 16 MB", func(r *results) string { return fmt.Sprintf("%.1f MB", r.document) })
	}
	if p.measured("pages") {
		printPages(row, found)
	}
	_ = table.Flush()
}

// printPages writes how long pages take: the median and the worst, and what the median is of
// a request over HTTP that shows nothing.
func printPages(row func(what, wanted string, of func(*results) string), found []*results) {
	row("an answer over HTTP that shows nothing: median and worst", "", func(r *results) string { return both(r.rawPage) })
	if len(found) == 0 {
		return
	}
	for i, page := range found[0].pages {
		row(pathPattern.ReplaceAllString(page.name, "…"), "under 100 ms", func(r *results) string {
			took := r.pages[i].took
			return both(took) + ", " + times(took.median, r.rawPage.median)
		})
	}
}

// pathPattern is what differs in the paths of pages from run to run.
var pathPattern = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|[A-Z]{3}-[0-9A-Z]{5}$`)

func percent(part, whole float64) string {
	return fmt.Sprintf("%.1f %% (%.0f/s)", 100*part/whole, part)
}

// times says how often as long one is as the other.
func times(one, other time.Duration) string {
	return fmt.Sprintf("%.2f ×", float64(one)/float64(other))
}

func both(q quantiles) string { return milliseconds(q.median) + ", " + milliseconds(q.p99) }

// of says how often as long as the others messages take, and how much more it costs.
func (n neighbourly) of(other neighbourly) string {
	return fmt.Sprintf("%s, %s; processor %s", times(n.median, other.median), times(n.p99, other.p99), times(n.processor, other.processor))
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
