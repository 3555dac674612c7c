package postgres

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestPlans asks the server how it runs each statement: by the primary key and in
// its order, although the table is empty and nothing is known about it.
func TestPlans(t *testing.T) {
	t.Parallel()
	e := open(t, Options{})
	conn, err := e.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	const keys, ends = `('{1,2}', '{a,b}')`, `(1, 'a', 1, 'b', 10)`
	for name, s := range map[string]struct{ sql, args string }{
		"read":         {readSQL, keys},
		"delete":       {deleteSQL, keys},
		"delete range": {deleteRangeSQL, `(1, 'a', 1, 'b')`},
		"get":          {getSQL, `(1, 'a')`},
		"get many":     {getMultiSQL, `(1, '{a,b}')`},
		"first up":     {firstUpSQL, ends},
		"first down":   {firstDownSQL, ends},
		"next up":      {nextUpSQL, ends},
		"next down":    {nextDownSQL, ends},
	} {
		plan := explain(t, conn, name, s.sql, s.args)
		scan, _, _ := strings.Cut(plan[strings.Index(plan, "tem_kv"):], "\n")
		ok := strings.Contains(plan, "using tem_kv_pkey") && strings.Contains(plan, "Index Cond")
		for _, bad := range []string{"Seq Scan", "Sort", "Hash", "Merge", "Bitmap", "Materialize"} {
			ok = ok && !strings.Contains(plan, bad)
		}
		if !ok {
			t.Errorf("%s (%s):\n%s", name, scan, plan)
		}
	}
}

func explain(t *testing.T, conn *pgx.Conn, name, sql, args string) string {
	t.Helper()
	if _, err := conn.Prepare(t.Context(), name, sql); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	rows, err := conn.Query(t.Context(), `EXPLAIN EXECUTE `+pgx.Identifier{name}.Sanitize()+args, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return strings.Join(lines, "\n")
}
