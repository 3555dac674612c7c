package postgres

import (
	"errors"
	"strconv"
	"strings"

	"tem/internal/kv"
)

// A payload is the sender's name and the partitions in base 36, with spaces
// between. PostgreSQL takes less than 8000 octets.
const (
	maxPayload = 7900
	maxNode    = 100
)

// errPayload says that a notice was not written by a bus.
var errPayload = errors.New("bus: strange notice")

// payloads writes parts into as few payloads as possible.
func payloads(node string, parts []kv.Part) (list []string) {
	text := []byte(node)
	for _, p := range parts {
		if len(text) > maxPayload-20 {
			list = append(list, string(text))
			text = []byte(node)
		}
		text = strconv.AppendUint(append(text, ' '), uint64(p), 36)
	}
	if len(parts) > 0 {
		list = append(list, string(text))
	}
	return list
}

// parsePayload takes a payload apart.
func parsePayload(text string) (node string, parts []kv.Part, err error) {
	node, rest, ok := strings.Cut(text, " ")
	if !ok || node == "" || len(node) > maxNode {
		return "", nil, errPayload
	}
	for field := range strings.SplitSeq(rest, " ") {
		n, err := strconv.ParseUint(field, 36, 64)
		if err != nil {
			return "", nil, errPayload
		}
		parts = append(parts, kv.Part(n))
	}
	return node, parts, nil
}
