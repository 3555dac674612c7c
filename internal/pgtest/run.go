package pgtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// run is one life of a server process.
type run struct {
	cmd   *exec.Cmd
	ready chan struct{} // closed when it accepts connections
	ended chan struct{} // closed when its log has ended

	mu   sync.Mutex
	last []string // lines of the log
}

// startRun returns when the server accepts connections.
func startRun(program, dir string, args []string) (*run, error) {
	attr, err := credentials()
	if err != nil {
		return nil, err
	}
	dieWithUs(attr)
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.SysProcAttr = dir, attr
	log, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r := &run{cmd: cmd, ready: make(chan struct{}), ended: make(chan struct{})}
	go r.read(log)
	return r, r.awaitReady()
}

// read follows the log to its end.
func (r *run) read(log io.Reader) {
	defer close(r.ended)
	said := false
	for lines := bufio.NewScanner(log); lines.Scan(); {
		r.keep(lines.Text())
		if !said && strings.Contains(lines.Text(), "ready to accept connections") {
			said = true
			close(r.ready)
		}
	}
}

// keep remembers the last 50 lines.
func (r *run) keep(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last = append(r.last, line); len(r.last) > 50 {
		r.last = r.last[1:]
	}
}

func (r *run) log() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.last, "\n")
}

func (r *run) awaitReady() error {
	select {
	case <-r.ready:
		return nil
	case <-r.ended:
		return fmt.Errorf("the server did not start: %w\n%s", r.cmd.Wait(), r.log())
	case <-time.After(patience):
		r.stop(syscall.SIGQUIT)
		return fmt.Errorf("the server was not ready after %v:\n%s", patience, r.log())
	}
}

// stop sends sig and waits for the end of the process.
func (r *run) stop(sig syscall.Signal) error {
	if err := r.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("stop the server: %w", err)
	}
	select {
	case <-r.ended:
	case <-time.After(patience):
		r.cmd.Process.Kill()
		<-r.ended
	}
	err := r.cmd.Wait()
	if exit := new(exec.ExitError); errors.As(err, &exit) { // a stopped server may report anything
		return nil
	}
	return err
}

// credentials makes a child run as the user postgres when we are root: the
// server refuses to be run by root.
func credentials() (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return &syscall.SysProcAttr{}, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL is not run by root: %w (the Debian package postgresql makes that user)", err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}
