//go:build unix

package e2e_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // registers the driver "sqlite"

	"github.com/casehook/casehook/internal/planttest"
	"github.com/casehook/casehook/internal/postgrestest"
)

// elsewhere are the refusals that no test here is answered with, and where they are.
var elsewhere = map[string]string{
	"the body did not come in time": "it takes a minute: internal/app/server_test.go, with less patience",
	"the call cannot be recorded in the audit now: try again, and with the same Idempotency-Key it is done once": "it takes a queue that is full: internal/rest/audit_test.go",
	"the API key of this session has expired or was revoked":                                                     "the dashboard tells it: internal/dashboard/session_test.go",
	"the session has ended":                                                          "the dashboard tells it: internal/dashboard/session_test.go",
	"too many watch already: close a page that does":                                 "it takes many who watch: internal/service/live_test.go",
	"an organisation has at most %d endpoints: delete one that is not used any more": "it takes 2,000 endpoints: internal/rest/endpoint_test.go",
	"the message is withheld: the endpoint is not cleared for what is restricted":    "the dashboard tells it: internal/service/sent_test.go",
	"the client hung up": "nobody is there to be told: the log is searched for its status",
}

// TestNothingThatIsToldLeaks tells casehook of everything with a mark in each place, has it
// fail in every way that is known, at debug level, and searches whatever it says: what it
// writes to its outputs, its metrics, each answer to what failed, and why attempts failed.
// What may be shown where is listed in belongs.
func TestNothingThatIsToldLeaks(t *testing.T) {
	told := map[string]bool{}
	t.Run("SQLite", func(t *testing.T) {
		l := newLeak(t, "sqlite", "sqlite:"+filepath.Join(t.TempDir(), "casehook.db"))
		l.all(t, func() { l.fill(t) })
		maps.Copy(told, l.told)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		cluster := postgrestest.Start(t)
		l := newLeak(t, "pgx", cluster.DSN(t))
		l.all(t, func() {
			l.hangUp(t)
			cluster.Stop(t)
			l.findsNoDatabase(t)
			cluster.Start(t)
		})
		maps.Copy(told, l.told)
	})
	var untold []string
	for _, detail := range refusals(t, "../internal/rest", "../internal/service") {
		pattern := regexp.MustCompile("^" + anything(detail) + "$")
		_, isElsewhere := elsewhere[detail]
		if !isElsewhere && !slices.ContainsFunc(slices.Collect(maps.Keys(told)), pattern.MatchString) {
			untold = append(untold, detail)
		}
	}
	require.Empty(t, untold, "no test here is answered with these: they may repeat what they are told")
}

// belongs are what is searched without being refused, and what begins the names of that
// which it may show.
var belongs = map[string][]string{
	"GET /v1/endpoints?limit=100":  {"endpoint url", "endpoint description", "endpoint header name"},
	"GET /v1/api-keys?limit=100":   {"sent POST /v1/api-keys name"},
	"GET /v1/deliveries?limit=100": nil,
	"GET /v1/deliveries/":          {"receiver answer", "sent"}, // what was answered, which may be what was sent
	"GET /v1/erasures":             nil,
	"GET /v1/replays":              nil,
	"GET /metrics":                 nil,
	"GET /healthz":                 nil,
	"GET /readyz":                  nil,
	"GET /openapi.json":            nil,
	"a command":                    {"organisation name"}, // verify receipts tells the operator whose they are
}

// leak is a casehook that is told of marks.
type leak struct {
	garden         planttest.Garden
	data, database string
	db             *sql.DB // the same, by a connection of the test's own
	s              *server
	c              client
	existing       *strings.Replacer // puts what there is in place of names

	mu   sync.Mutex // protects what follows
	told map[string]bool
	logs []*journal
	out  bytes.Buffer // of commands
}

func newLeak(t *testing.T, driver, database string) *leak {
	t.Helper()
	l := &leak{data: t.TempDir(), database: database, told: map[string]bool{}}
	dsn := database
	if path, ok := strings.CutPrefix(database, "sqlite:"); ok {
		dsn = "file:" + path + "?_pragma=busy_timeout(10000)"
	}
	var err error
	l.db, err = sql.Open(driver, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.db.Close()) })
	l.c.key = adminKey
	l.garden.Watch("admin key", adminKey)
	l.garden.Watch("operator key", operatorKey)
	l.garden.Watch("sent date of birth", bornOn)
	return l
}

const (
	operatorKey = "e2e-operator-key-0b7d52e91c88"
	bornOn      = "1903-02-28"
)

// serve starts the server, with all that it can say.
func (l *leak) serve(t *testing.T, how *exec.Cmd, arguments ...string) {
	t.Helper()
	how.Env = append(how.Env, "CASEHOOK_OPERATOR_KEY="+operatorKey)
	l.s = start(t, how, l.data, append([]string{"--database", l.database, "--log-level", "debug", "--max-document-bytes", "300000"}, arguments...)...)
	l.s.faulty = true
	l.c.url = l.s.url
	l.logs = append(l.logs, &l.s.log)
}

// all goes through everything. Outage has the database fail while the server runs.
func (l *leak) all(t *testing.T, outage func()) {
	l.serve(t, exec.Command(binary), "--dev")
	master, err := os.ReadFile(filepath.Join(l.data, "master.key"))
	require.NoError(t, err)
	l.watchKey(t, "master key", string(master))
	l.existing = furnish(t, l.c)

	l.tellEverything(t)
	receivers := l.subscribeAll(t)
	sent := l.tellEverything(t)
	receivers.wait(t, l)
	l.requireDisabled(t, receivers)
	l.requireWithheld(t)
	l.refuseAll(t)
	l.search(t)
	require.Zero(t, l.s.terminate(t))

	l.serve(t, exec.Command(binary)) // without --dev, so that nobody on loopback may be sent anything
	l.requireRefusedAddresses(t, receivers)
	outage()
	l.search(t)
	l.s.terminate(t)

	l.damage(t, sent)
	l.serve(t, exec.Command(binary), "--dev")
	l.requireDamaged(t, sent)
	l.search(t)
	l.s.terminate(t)

	l.misuse(t, master)
	l.requireNothing(t)
}

// watchKey has the bytes of a key found, in base64 on its own line, and its text.
func (l *leak) watchKey(t *testing.T, name, text string) {
	t.Helper()
	text = strings.TrimSpace(text)
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
	require.NoError(t, err)
	l.garden.Watch(name, text)
	l.garden.Watch(name, string(raw))
}

// do makes a request. Of an answer that it failed, nothing that was planted may be in it but
// the names of fields: those it is told.
func (l *leak) do(t *testing.T, call string, body []byte, header ...string) answer {
	t.Helper()
	a, err := l.c.do(call, body, header...)
	require.NoError(t, err)
	l.hear(t, call, a)
	return a
}

func (l *leak) hear(t *testing.T, call string, a answer) {
	t.Helper()
	if a.status < 400 {
		return
	}
	var problem struct {
		Type, Title, Detail string
		Status              int
		Errors              []struct{ Field, Message string }
	}
	require.NoError(t, json.Unmarshal(a.body, &problem), "%s: %s", call, a.body)
	l.mu.Lock()
	l.told[problem.Detail] = true
	l.mu.Unlock()
	for i, fault := range problem.Errors {
		for _, name := range l.garden.Find([]byte(fault.Field)) {
			require.True(t, strings.HasPrefix(name, "field name"), "%s: the field %s holds %s", call, fault.Field, name)
		}
		problem.Errors[i].Field = ""
	}
	require.Empty(t, l.garden.Find([]byte(fmt.Sprint(problem, a.header))), "%s: %s", call, a.body)
}

// mark returns body with a mark in each text that has a slot, and documents of marks.
func (l *leak) mark(t *testing.T, call, body string) []byte {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal([]byte(body), &value))
	value = eachText("", value, func(field, was string) string {
		if strings.HasSuffix(field, "content") {
			return base64.StdEncoding.EncodeToString([]byte("x" + l.garden.Plant("sent "+call+" "+field)))
		}
		if strings.HasSuffix(field, "dob") {
			return bornOn
		}
		if !strings.Contains(was, slot) {
			return was
		}
		return strings.Replace(was, slot, l.garden.Plant("sent "+call+" "+field), 1)
	})
	encoded, err := json.Marshal(value)
	require.NoError(t, err)
	return encoded
}

// tellEverything makes each call that takes text, and returns what puts its ids in place of
// their names in calls.
func (l *leak) tellEverything(t *testing.T) *strings.Replacer {
	t.Helper()
	var ids []string
	for _, w := range wordings {
		if w.call == "POST /v1/endpoints" { // the receivers are made by subscribeAll
			continue
		}
		call := strings.NewReplacer(ids...).Replace(w.call)
		if w.call == "PUT /v1/users/{id}" {
			call = "PUT /v1/users/" + l.garden.Plant("user id")
		}
		var header []string
		if strings.HasPrefix(call, "POST") {
			header = []string{"Idempotency-Key", l.garden.Plant("idempotency key")}
		}
		body := l.mark(t, w.call, w.body)
		a := l.do(t, call, body, header...)
		require.Equal(t, 2, a.status/100, "%s: %s", call, a.body)
		if w.made != "" {
			ids = append(ids, w.made, a.text("id"))
		}
		if key := a.text("key"); key != "" {
			l.garden.Watch("api key", key)
		}
		if header != nil { // the same key, and another body
			l.do(t, call, bytes.Replace(body, []byte("{"), []byte(`{ "`+l.garden.Plant("field name")+`":1,`), 1), header...)
		}
		if strings.HasPrefix(w.call, "POST /v1/cases/{id}/archive") {
			l.do(t, "POST /v1/cases/"+ids[1]+"/comments", l.mark(t, w.call, `{"text":"§"}`)) // it is archived
			require.Equal(t, 200, l.do(t, "POST /v1/cases/"+ids[1]+"/reopen", nil).status)
		}
	}
	return strings.NewReplacer(ids...)
}

// search looks through what is not refused, and shows nothing but what belongs there.
func (l *leak) search(t *testing.T) {
	t.Helper()
	for call, may := range belongs {
		if !strings.HasPrefix(call, "GET ") || strings.HasSuffix(call, "/") {
			continue
		}
		a := l.do(t, call, nil)
		l.look(t, call, may, []byte(fmt.Sprint(a.header, string(a.body))))
		if call != "GET /v1/deliveries?limit=100" || a.status != 200 {
			continue
		}
		var list struct{ Data []struct{ ID string } }
		require.NoError(t, json.Unmarshal(a.body, &list))
		for _, d := range list.Data {
			a := l.do(t, "GET /v1/deliveries/"+d.ID, nil)
			l.look(t, "a delivery", belongs["GET /v1/deliveries/"], a.body)
			var delivery struct{ Attempts []struct{ Error string } }
			require.NoError(t, json.Unmarshal(a.body, &delivery))
			for _, attempt := range delivery.Attempts {
				l.look(t, "why an attempt failed", nil, []byte(attempt.Error))
			}
		}
	}
}

// look requires that a text shows nothing but what it may.
func (l *leak) look(t *testing.T, where string, may []string, text []byte) {
	t.Helper()
	for _, name := range l.garden.Find(text) {
		allowed := slices.ContainsFunc(may, func(allowed string) bool { return strings.HasPrefix(name, allowed) })
		require.True(t, allowed, "%s shows %s", where, name)
	}
}

// requireNothing searches all that was written to the outputs of the server and of commands.
func (l *leak) requireNothing(t *testing.T) {
	t.Helper()
	require.Greater(t, len(l.garden.Names()), 200)
	for _, log := range l.logs {
		for line := range strings.Lines(log.String()) {
			assert.Empty(t, l.garden.Find([]byte(line)), "it is in the log: %s", line)
		}
	}
	l.look(t, "a command", belongs["a command"], l.out.Bytes())
}

// run runs a command that fails, and keeps what it says.
func (l *leak) run(t *testing.T, environment []string, arguments ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience/3)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, arguments...)
	cmd.Env = append(casehook().Env, environment...)
	said, err := cmd.CombinedOutput()
	require.NoError(t, ctx.Err(), "%v goes on", arguments)
	require.Error(t, err, "%v succeeded", arguments)
	require.NotEmpty(t, said)
	l.out.Write(said)
}

// refusals returns what the packages in those folders refuse by: the texts that newProblem
// and refusal.Of are given, with % where something is put in.
func refusals(t *testing.T, folders ...string) []string {
	t.Helper()
	var found []string
	for _, folder := range folders {
		names, err := filepath.Glob(filepath.Join(folder, "*.go"))
		require.NoError(t, err)
		var files []*ast.File
		constants := map[string]ast.Expr{}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			require.NoError(t, err)
			files = append(files, file)
			ast.Inspect(file, func(node ast.Node) bool {
				if spec, ok := node.(*ast.ValueSpec); ok && len(spec.Values) == len(spec.Names) {
					for i, name := range spec.Names {
						constants[name.Name] = spec.Values[i]
					}
				}
				return true
			})
		}
		for _, file := range files {
			ast.Inspect(file, func(node ast.Node) bool {
				call, ok := node.(*ast.CallExpr)
				if !ok || len(call.Args) < 2 {
					return true
				}
				name := ""
				switch function := call.Fun.(type) {
				case *ast.Ident:
					name = function.Name
				case *ast.SelectorExpr:
					name = function.Sel.Name
				}
				if name == "newProblem" || name == "Of" {
					if text := textOf(call.Args[1], constants); strings.Trim(text, "%") != "" {
						found = append(found, text)
					}
				}
				return true
			})
		}
	}
	require.Greater(t, len(found), 30)
	slices.Sort(found)
	return slices.Compact(found)
}

// textOf returns the text of an expression, with % for what is known only when it runs.
func textOf(e ast.Expr, constants map[string]ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(e.Value)
		return text
	case *ast.Ident:
		if of, ok := constants[e.Name]; ok {
			return textOf(of, nil)
		}
	case *ast.BinaryExpr:
		return textOf(e.X, constants) + textOf(e.Y, constants)
	case *ast.CallExpr:
		if function, ok := e.Fun.(*ast.SelectorExpr); ok && function.Sel.Name == "Sprintf" {
			return textOf(e.Args[0], constants)
		}
	}
	return "%"
}

// anything returns a regular expression in which % and its verb stand for anything.
func anything(text string) string {
	return regexp.MustCompile(`%[ds]?`).ReplaceAllString(regexp.QuoteMeta(text), ".*")
}
