package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tem/test/bench/machine"
)

// startRoads starts Tem, which is two roads, and Postfix twice, as it comes and
// tuned. What was started before an error is returned beside it.
func startRoads(o *options, port string) (roads []*road, err error) {
	if roads, err = temRoads(o, port); err != nil || !o.postfix {
		return roads, err
	}
	for _, p := range []struct{ name, settings string }{
		{"Postfix", ""},
		{"Postfix, tuned", "default_process_limit = 300\ndefault_destination_concurrency_limit = 100\n" +
			"initial_destination_concurrency = 100\nin_flow_delay = 0\n"},
	} {
		r, err := postfixRoad(o, p.name, p.settings, port)
		if err != nil {
			return roads, err
		}
		roads = append(roads, r)
	}
	return roads, nil
}

// temRoads are mail of a domain without keys, which is not signed as Postfix
// does not sign, and of one with the two keys that domains have by default.
func temRoads(o *options, port string) ([]*road, error) {
	submission := machine.FreePort()
	server, err := o.serveTem(filepath.Join(o.dir, "tem"), temConfig(
		[]string{fmt.Sprintf("submission = [%q]", submission)},
		"[outbound]", fmt.Sprintf("dns = [%q]\nport = %s", o.names, port)), 1)
	if err != nil {
		return nil, err
	}
	if err := answers(submission); err != nil {
		return nil, server.failed(err)
	}
	if err := server.unsign("tem.example"); err != nil {
		return nil, server.failed(err)
	}
	signed, err := server.signedSender()
	if err != nil {
		return nil, server.failed(err)
	}
	through := func(name, sender string) *road {
		login := base64.StdEncoding.EncodeToString([]byte("\x00" + sender + "\x00" + password))
		return &road{
			name: name, steady: submission, held: submission, sender: sender,
			hello: []string{"", "EHLO " + clientName + "\r\n", "AUTH PLAIN " + login + "\r\n"}, hold: " HOLDFOR=86400",
			release: func() error { _, err := server.command("queue", "retry", "--all"); return err },
			empty:   server.queueEmpty, pids: []int{server.pid}, stop: func() {},
		}
	}
	roads := []*road{through("Tem", "u0@tem.example"), through("Tem, signing", signed)}
	roads[0].stop = server.stop
	return roads, nil
}

// unsign takes the keys of a domain away.
func (t *tem) unsign(domain string) error {
	text, err := t.command("domain", "dkim", "list", domain, "--json")
	if err != nil {
		return err
	}
	var list struct {
		Keys []struct{ Selector string }
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return err
	}
	if len(list.Keys) == 0 {
		return fmt.Errorf("no keys of %s in %s", domain, text)
	}
	for _, k := range list.Keys {
		for _, step := range []string{"retire", "remove"} {
			if _, err := t.command("domain", "dkim", step, domain, k.Selector); err != nil {
				return err
			}
		}
	}
	return nil
}

// signedSender makes an account in a domain with keys.
func (t *tem) signedSender() (string, error) {
	csv := filepath.Join(filepath.Dir(t.file), "signed.csv")
	const address = "u0@signed.example"
	if err := os.WriteFile(csv, []byte(address+","+password+"\n"), 0o600); err != nil {
		return "", err
	}
	for _, args := range [][]string{{"domain", "add", "signed.example"}, {"account", "import", csv}} {
		if _, err := t.command(args...); err != nil {
			return "", err
		}
	}
	return address, nil
}

// queueEmpty reports that nothing waits to leave.
func (t *tem) queueEmpty() (bool, error) {
	text, err := t.command("queue", "stats", "--json")
	if err != nil {
		return false, err
	}
	var stats struct {
		Domains []struct{ Count int }
	}
	err = json.Unmarshal([]byte(text), &stats)
	return len(stats.Domains) == 0, err
}

// postfixRoad is Postfix with the ways to the destinations in a map, so that
// it asks no name server. What comes to a port of its own is held.
func postfixRoad(o *options, name, settings, port string) (*road, error) {
	r := &road{name: name, steady: machine.FreePort(), held: machine.FreePort(), sender: "u0@peer.example",
		hello: []string{"", "EHLO " + clientName + "\r\n"}}
	p := postfix{
		dir:      filepath.Join(o.dir, strings.NewReplacer(" ", "-", ",", "").Replace(name)),
		services: smtpd(r.steady) + smtpd(r.held, "-o", "{ smtpd_client_restrictions = check_client_access static:HOLD }"),
	}
	p.settings = "transport_maps = hash:" + p.dir + "/postfix/ways\n" + settings
	ways := "foreign.example smtp:[" + foreignHost + "]:" + port + "\n"
	for i := range destinations {
		ways += destination(i) + " smtp:[" + host(i) + "]:" + port + "\n"
	}
	if err := p.write(map[string]string{"ways": ways}); err != nil {
		return nil, err
	}
	if err := p.start(); err != nil {
		return nil, err
	}
	r.pids, r.stop, r.empty = []int{p.pid}, p.stop, p.queueEmpty
	r.release = func() error {
		return errors.Join(p.command("postsuper", "-H", "ALL"), p.command("postqueue", "-f"))
	}
	if err := answers(r.steady, r.held); err != nil {
		r.stop()
		return nil, p.failed(err)
	}
	return r, nil
}

// queueEmpty reports that none of the queues has a file.
func (p *postfix) queueEmpty() (bool, error) {
	for _, queue := range []string{"maildrop", "incoming", "active", "deferred", "hold"} {
		found := false
		err := filepath.WalkDir(filepath.Join(p.dir, "queue", queue), func(_ string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) { // it has just left
				return nil
			}
			if err == nil && d.Type().IsRegular() {
				found = true
				return fs.SkipAll
			}
			return err
		})
		if found || err != nil {
			return false, err
		}
	}
	return true, nil
}
