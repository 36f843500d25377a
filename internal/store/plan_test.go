//go:build unix

package store

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/postgrestest"
)

// A fresh schema has no statistics: PostgreSQL is to find the rows by the right index all the same.
func TestPostgreSQLGoesThroughNothingElseAlsoWhereItKnowsOfNoRowsYet(t *testing.T) {
	c, err := connect(t.Context(), postgrestest.DSN(t))
	require.NoError(t, err)
	defer func() { require.NoError(t, c.close()) }()
	_, _, err = migrate(t.Context(), c)
	require.NoError(t, err)
	now := time.Now()
	type query struct {
		text       string
		parameters int
	}
	entries := func(f AuditFilter) query {
		text, arguments := f.query("", &AuditPosition{}, 10)
		return query{text, len(arguments)}
	}
	for name, test := range map[string]struct {
		query query
		finds []string // conditions of the plan
	}{
		"whose patients an entry showed": {query{(&postgresRunner{texts: make(map[*batch]string)}).text(insertShown), len(insertShown.columns)}, []string{
			"using audit_entries_request", "(organization_id = ", "(request_id >= ", "(request_id <= ", "(status = ",
		}},
		"entries about a case": {entries(AuditFilter{CaseID: "c"}), []string{
			"using audit_entries_case", "(case_id = $", "audit_shown_pkey", "(shown_case_id = $", "using audit_entries_pkey", "(\"position\" = audit_shown.entry_position)",
		}},
		"entries about a case, by key, operation and time": {entries(AuditFilter{CaseID: "c", KeyID: "k", Operation: "o", Since: &now, Until: &now}), []string{
			"using audit_entries_case", "(case_id = $", "audit_shown_pkey", "(shown_case_id = $", "using audit_entries_pkey", "(\"position\" = audit_shown.entry_position)",
		}},
	} {
		plan := genericPlan(t, c.reading, test.query.text, test.query.parameters)
		for _, part := range test.finds {
			require.Contains(t, plan, part, name)
		}
		require.NotContains(t, plan, "audit_entries_organization", name)
	}
}

// genericPlan returns how PostgreSQL finds the rows of a query, whatever its arguments are.
func genericPlan(t *testing.T, db *sql.DB, query string, parameters int) string {
	t.Helper()
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	var plan strings.Builder
	require.NoError(t, conn.Raw(func(driver any) error {
		arguments := strings.TrimSuffix(strings.Repeat("NULL, ", parameters), ", ")
		results, err := driver.(*stdlib.Conn).Conn().PgConn().Exec(t.Context(),
			"PREPARE planned AS "+query+"; EXPLAIN EXECUTE planned ("+arguments+"); DEALLOCATE planned").ReadAll()
		for _, result := range results {
			for _, row := range result.Rows {
				plan.Write(row[0])
				plan.WriteByte('\n')
			}
		}
		return err
	}))
	return plan.String()
}
