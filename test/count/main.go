// Command count reads the output of go test -json, prints what failed, and
// ends with one line: N passed, N failed, N skipped.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// event is one line of go test -json.
type event struct {
	Action  string
	Package string
	Test    string
	Elapsed float64
	Output  string
}

func main() {
	output := make(map[string]*strings.Builder) // by package and test
	counts := make(map[string]int)
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil {
			fmt.Println(in.Text()) // a build error, in plain text
			continue
		}
		key := e.Package + " " + e.Test
		switch e.Action {
		case "output", "build-output":
			if output[key] == nil {
				output[key] = new(strings.Builder)
			}
			output[key].WriteString(e.Output)
		case "pass", "fail", "skip":
			finish(e, output[key], counts)
			delete(output, key)
		case "build-fail":
			fmt.Print(flatten(output))
			counts["fail"]++
		}
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", counts["pass"], counts["fail"], counts["skip"])
	if counts["fail"] > 0 || counts["pass"] == 0 {
		os.Exit(1)
	}
}

// finish counts one finished test and prints what a reader needs of it.
func finish(e event, text *strings.Builder, counts map[string]int) {
	if e.Test == "" { // the package as a whole
		if e.Action == "fail" {
			counts["fail"]++
		}
		if e.Action != "skip" {
			fmt.Printf("%-4s %s (%.1fs)\n", e.Action, e.Package, e.Elapsed)
		}
	} else {
		counts[e.Action]++
	}
	if e.Action != "pass" && text != nil && (e.Test != "" || e.Action == "fail") {
		fmt.Print(text.String())
	}
}

func flatten(output map[string]*strings.Builder) string {
	var all strings.Builder
	for _, b := range output {
		all.WriteString(b.String())
	}
	return all.String()
}
