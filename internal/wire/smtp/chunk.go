package smtp

import (
	"math"
	"strconv"
	"strings"
)

// Chunk is the argument of BDAT (RFC 3030 §2).
type Chunk struct {
	Size int64 // octets that follow the command; -1: it does not say, so nobody can tell where the next command is
	Last bool
}

// ParseChunk reads the argument of BDAT. Beside an error the Size is right, too, if it was given.
func ParseChunk(arg string) (Chunk, error) {
	usage := NewReply(501, "5.5.4", "Syntax: BDAT octets [LAST]")
	words := strings.FieldsFunc(arg, isBlank)
	if len(words) == 0 || !isDigits(words[0]) {
		return Chunk{Size: -1}, usage
	}
	n, err := strconv.ParseInt(words[0], 10, 64)
	if err != nil {
		n = math.MaxInt64 // it was too many octets, whatever the number
	}
	c := Chunk{Size: n, Last: len(words) == 2 && upper(words[1]) == "LAST"}
	if len(words) > 1 && !c.Last {
		return c, usage
	}
	return c, nil
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
