package main

import (
	"fmt"
	"io"
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
	row("raw: a client posts the same body to the same sink", "", func(r *results) string { return fmt.Sprintf("%.0f/s", r.raw) })
	row("REST to received and recorded, burst, of raw", "at least 15 %", func(r *results) string { return percent(r.rest, r.raw) })
	row("the engine alone, burst, of raw", "at least 35 %", func(r *results) string { return percent(r.engine, r.raw) })
	if p.waiting > 0 {
		row(fmt.Sprintf("with %d messages waiting, of the engine alone", p.waiting), "at least 80 %", func(r *results) string { return percent(r.crowded, r.engine) })
	}
	row(fmt.Sprintf("from request to receipt at %d/s, median", rate), "at most 3 ms", func(r *results) string { return milliseconds(r.alone.median) })
	row("the same, 99th percentile", "at most 15 ms", func(r *results) string { return milliseconds(r.alone.p99) })
	row("beside an endpoint that hangs, 99th percentile", "at most 1.2 × alone", func(r *results) string { return fmt.Sprintf("%.2f ×", float64(r.beside.p99)/float64(r.alone.p99)) })
	row("memory of the server, idle", "at most 64 MB", func(r *results) string { return fmt.Sprintf("%.0f MB", r.idle) })
	row("the same, at most in the burst", "at most 200 MB", func(r *results) string { return fmt.Sprintf("%.0f MB", r.burst) })
	row("processors' time per message over REST, the database's too", "", func(r *results) string { return fmt.Sprintf("%d µs", r.processor.Microseconds()) })
	_ = table.Flush()
}

func percent(part, whole float64) string {
	return fmt.Sprintf("%.1f %% (%.0f/s)", 100*part/whole, part)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
