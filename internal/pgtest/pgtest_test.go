package pgtest

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestRestart crashes a server: what was committed is there, what was not is
// gone, and the settings make it so.
func TestRestart(t *testing.T) {
	t.Parallel()
	s := New(t)
	url, err := s.Create(t.Context(), "it's")
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, url)
	execute(t, conn, "CREATE TABLE kept (n int)")
	execute(t, conn, "INSERT INTO kept VALUES (7)")
	execute(t, conn, "BEGIN")
	execute(t, conn, "INSERT INTO kept VALUES (8)")
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("a connection outlived the crash")
	}
	conn = connect(t, url)
	var rows int
	var fsync, commit string
	err = conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM kept),
		current_setting('fsync'), current_setting('synchronous_commit')`).Scan(&rows, &fsync, &commit)
	if err != nil || rows != 1 || fsync != "on" || commit != "on" {
		t.Errorf("%d rows, fsync %s, synchronous_commit %s, %v", rows, fsync, commit, err)
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(t.Context()) })
	return conn
}

func execute(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}
