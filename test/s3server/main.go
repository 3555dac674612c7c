// Command s3server builds the S3 server that tests run against, once on a
// machine, so that no test has to wait for it. It prints where it is.
package main

import (
	"fmt"
	"os"

	"tem/internal/s3test"
)

func main() {
	path, err := s3test.Build()
	if err != nil {
		fmt.Fprintln(os.Stderr, "s3server:", err)
		os.Exit(1)
	}
	fmt.Println(path)
}
