package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// layout is the version of the table. A newer one is refused.
const layout = 1

// Advisory locks: a partition's number for the partition, a negative number for
// a committer, this one for making the table.
const schemaLock = -1

// serverFloor is the oldest server that is known to do, as server_version_num.
const serverFloor = 140000

// errLayout says that the table is newer than this program.
var errLayout = errors.New("kv: newer layout")

// createTable makes the table where it is missing; several nodes may try at once.
func createTable(ctx context.Context, conf *pgx.ConnConfig) error {
	conn, err := pgx.ConnectConfig(ctx, conf)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if err := checkServer(conn); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, schemaLock); err != nil {
			return err
		}
		var there bool
		if err := tx.QueryRow(ctx, `SELECT to_regclass('tem_kv') IS NOT NULL`).Scan(&there); err != nil || there {
			return err
		}
		_, err := tx.Exec(ctx, tableSQL)
		return err
	})
}

// tableSQL stores values as they are, since mail has been compressed or does not
// repay it, and leaves room in each page for new versions of rows that are
// written again and again.
var tableSQL = fmt.Sprintf(`
CREATE TABLE tem_kv (part bigint, key bytea, val bytea NOT NULL, PRIMARY KEY (part, key)) WITH (fillfactor = 90);
ALTER TABLE tem_kv ALTER val SET STORAGE EXTERNAL;
INSERT INTO tem_kv VALUES (-1, 'layout', '%d')`, layout)

func checkServer(conn *pgx.Conn) error {
	text := conn.PgConn().ParameterStatus("server_version")
	major, _ := strconv.Atoi(text[:min(2, len(text))])
	if major*10000 < serverFloor {
		return fmt.Errorf("the server is PostgreSQL %s: version %d or newer is needed", text, serverFloor/10000)
	}
	return nil
}

// sessionSQL makes every statement go by the primary key, whatever the
// statistics of a young table say, and waits for the log where the server's
// default is not to.
const sessionSQL = `
SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
SET enable_material = off; SET plan_cache_mode = force_generic_plan; SET jit = off;
SET statement_timeout = 0; SET lock_timeout = 0;
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`

// prepareSession applies sessionSQL and checks the layout.
func prepareSession(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.PgConn().Exec(ctx, sessionSQL).ReadAll(); err != nil {
		return fmt.Errorf("prepare a session: %w", err)
	}
	var val []byte
	if err := conn.QueryRow(ctx, `SELECT val FROM tem_kv WHERE part = -1 AND key = 'layout'`).Scan(&val); err != nil {
		return fmt.Errorf("read the layout of the table tem_kv: %w", err)
	}
	if n, err := strconv.Atoi(string(val)); err != nil || n > layout {
		return fmt.Errorf("%w: the table tem_kv has layout %q, this program knows up to %d: use a newer program", errLayout, val, layout)
	}
	return nil
}
