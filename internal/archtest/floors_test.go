// Package archtest holds the imports to the floors drawn in floors.txt.
package archtest

import (
	_ "embed"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

//go:embed floors.txt
var floors string

// exceptions are imports against the grain, each with its reason.
var exceptions = map[string]string{
	"bus -> kv":        "a topic is a partition",
	"line -> throttle": "which addresses are those of one customer",
}

type floor struct {
	name     string
	packages []string
	below    []string // names of floors
}

func parse(text string) (list []floor) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, rest, _ := strings.Cut(line, ":")
		packages, below, _ := strings.Cut(rest, "<")
		list = append(list, floor{name, strings.Fields(packages), strings.Fields(below)})
	}
	return list
}

// room is the top directory of an internal package: "kv" for tem/internal/kv/pebble.
func room(path string) string {
	rest, ok := strings.CutPrefix(path, "tem/internal/")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

func TestImportsFollowTheFloors(t *testing.T) {
	t.Parallel()
	list := parse(floors)
	floorOf := make(map[string]floor)
	for _, f := range list {
		for _, p := range f.packages {
			floorOf[p] = f
		}
	}
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "tem/internal/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		from := room(fields[0])
		if from == "archtest" {
			continue
		}
		f, ok := floorOf[from]
		if !ok {
			t.Errorf("%s stands on no floor: add it to floors.txt", fields[0])
			continue
		}
		for _, imported := range fields[1:] {
			to := room(imported)
			if to == "" || to == from {
				continue
			}
			if _, allowed := exceptions[from+" -> "+to]; allowed {
				continue
			}
			if g := floorOf[to]; !slices.Contains(f.below, g.name) {
				t.Errorf("%s (%s) imports %s (%s): not below it", fields[0], f.name, imported, g.name)
			}
		}
	}
}
