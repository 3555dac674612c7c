package app

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tem/internal/config"
)

// password is in the addresses here; nothing may show it.
const password = "hush-hush"

// deaf takes connections and says nothing.
func deaf(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// closed is an address where nobody listens.
func closed(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func postgresAt(address string) config.Place {
	return config.Place(fmt.Sprintf("postgres://tem:%s@%s/tem?sslmode=disable", password, address))
}

func s3At(address string) config.Place {
	return config.Place(fmt.Sprintf("s3://KEY:%s@%s/bucket?tls=off", password, address))
}

// What can't be opened is told in one line that names the key and no secret.
func TestStoresThatCantBeOpened(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		store, bodies config.Place
		want          string
	}{
		"no PostgreSQL":     {postgresAt(closed(t)), s3At(closed(t)), `store = "postgres://127.0.0.1:`},
		"silent PostgreSQL": {postgresAt(deaf(t)), s3At(closed(t)), "no answer within"},
		"malformed":         {postgresAt(closed(t)) + "&sslrootcert=/nowhere/ca.pem&sslmode=" + password, s3At(closed(t)), "the address can't be read"},
		"no S3":             {"", s3At(closed(t)), `bodies = "s3://127.0.0.1:`},
		"silent S3":         {"", s3At(deaf(t)), "no answer within"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := config.Default()
			file.Data, file.Store, file.Bodies = t.TempDir(), c.store, c.bodies
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			_, err := OpenStores(ctx, file, slog.New(slog.DiscardHandler), nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q in it", err, c.want)
			}
			if text := err.Error(); strings.Contains(text, password) || strings.Contains(text, "\n") {
				t.Errorf("it shows the password or is more than a line: %s", text)
			}
		})
	}
}

// One process at a time has a directory of bodies that others could name too.
func TestBodiesElsewhereAreLocked(t *testing.T) {
	t.Parallel()
	bodies := t.TempDir()
	open := func() error {
		c := config.Default()
		c.Data, c.Bodies = t.TempDir(), config.Place("file://"+bodies)
		s, err := OpenStores(t.Context(), c, slog.New(slog.DiscardHandler), nil)
		if err == nil {
			t.Cleanup(func() { s.Close() })
		}
		return err
	}
	if err := open(); err != nil {
		t.Fatal(err)
	}
	if err := open(); err == nil || !strings.Contains(err.Error(), bodies+" is in use") {
		t.Errorf("a second one: %v", err)
	}
}

// Without its configuration the store of a node of a cluster can't be found,
// and none must be made in its data directory.
func TestNoStoreIsMadeBesideACluster(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, nodeLock), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := Service(t.Context(), "", data)
	if err == nil || !strings.Contains(err.Error(), "give --config FILE") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(data, rowsDir)); err == nil {
		t.Error("a store was made")
	}
}

// A password that was changed is noticed, and not logged.
func TestReloadTellsOfChangesWithoutSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "tem.toml")
	write := func(secret string) config.Config {
		text := fmt.Sprintf("hostname = \"a.b\"\ndata = %q\nstore = \"postgres://tem:%s@db.example/tem\"\nbodies = \"s3://K:%s@s3.example/bucket\"\n"+
			"listen = { submissions = [], pop3s = [], imaps = [] }\n", dir, secret, secret)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	log := new(bytes.Buffer)
	s := &Server{config: write(password), options: Options{File: file}, log: slog.New(slog.NewTextHandler(log, nil))}
	for _, secret := range []string{password, password + "-2"} {
		write(secret)
		log.Reset()
		if err := s.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if told := strings.Contains(log.String(), "restart the server"); told != (secret != password) {
			t.Errorf("with %q: %s", secret, log)
		}
		if strings.Contains(log.String(), password) {
			t.Errorf("the log has the password: %s", log)
		}
	}
}
