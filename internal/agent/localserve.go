package agent

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// lab is localserve.json: a running `tem localserve`.
type lab struct {
	CA      string `json:"ca"`
	Servers []struct {
		Hostname string         `json:"hostname"`
		Address  string         `json:"address"`
		Ports    map[string]int `json:"ports"`
		Accounts []struct {
			Address  string `json:"address"`
			Password string `json:"password"`
			Name     string `json:"name"`
		} `json:"accounts"`
	} `json:"servers"`
}

// labFile is where localserve says what it serves.
func (e *Env) labFile() string {
	dir := e.Getenv("TEM_LOCALSERVE")
	if dir == "" {
		dir = filepath.Join(e.home("XDG_DATA_HOME", ".local/share"), "localserve")
	}
	return filepath.Join(dir, "localserve.json")
}

// localAccounts are the people of a localserve; none if there is no such file.
func (e *Env) localAccounts() []*Account {
	raw, err := os.ReadFile(e.labFile())
	if err != nil {
		return nil
	}
	var l lab
	if json.Unmarshal(raw, &l) != nil {
		return nil
	}
	var all []*Account
	for _, s := range l.Servers {
		at := func(name, kind string) Endpoint {
			if s.Ports[name] == 0 {
				return Endpoint{}
			}
			return Endpoint{net.JoinHostPort(s.Address, strconv.Itoa(s.Ports[name])), kind}
		}
		for _, p := range s.Accounts {
			all = append(all, &Account{
				Address: p.Address, Name: p.Name, Provider: "localserve", password: p.Password,
				IMAP: at("imap", "starttls"), POP: at("pop3", "starttls"), SMTP: at("submission", "starttls"),
				CA: l.CA, ServerName: s.Hostname,
			})
		}
	}
	return all
}

// localAccount finds one of them; "" finds the first.
func (e *Env) localAccount(address string) *Account {
	for _, a := range e.localAccounts() {
		if address == "" || strings.EqualFold(a.Address, address) {
			return a
		}
	}
	return nil
}
