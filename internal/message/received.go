package message

import (
	"strings"
	"time"
)

// Received is what a Received field says of one hop (RFC 5321 §4.4); what it
// does not say is empty.
type Received struct {
	From string // what the sender called itself
	Peer string // what the server knew of it: the comment behind From, such as "mx.hanoi.example [192.0.2.1]"
	By   string
	With string // protocol: ESMTPS
	ID   string
	For  string // without brackets
	TLS  string // what a comment says of TLS
	Date time.Time
}

// ParseReceived reads the value of a Received field, as others write it: no
// value is an error.
func ParseReceived(value string) (r Received) {
	clauses, date := value, ""
	if i := strings.LastIndexByte(value, ';'); i >= 0 {
		clauses, date = value[:i], value[i+1:]
	}
	r.Date = parseDate(date)
	key := ""
	for word, comment := range receivedWords(clauses) {
		switch {
		case comment:
			r.comment(key, word)
		case r.field(strings.ToLower(word)) != nil && (key == "" || *r.field(key) != ""):
			key = strings.ToLower(word)
		case key != "" && *r.field(key) == "":
			*r.field(key) = strings.Trim(word, "<>")
		}
	}
	return r
}

// field is where the value of a clause belongs; nil if that is not a clause.
func (r *Received) field(clause string) *string {
	switch clause {
	case "from":
		return &r.From
	case "by":
		return &r.By
	case "with":
		return &r.With
	case "id":
		return &r.ID
	case "for":
		return &r.For
	}
	return nil
}

func (r *Received) comment(key, text string) {
	if r.TLS == "" && strings.Contains(strings.ToUpper(text), "TLS") {
		r.TLS = text
	} else if key == "from" && r.Peer == "" {
		r.Peer = text
	}
}

// receivedWords are the words and the comments (without their parentheses) of
// a value, with white space made single.
func receivedWords(value string) func(yield func(word string, comment bool) bool) {
	return func(yield func(string, bool) bool) {
		for value = strings.TrimLeft(value, " \t\r\n"); value != ""; value = strings.TrimLeft(value, " \t\r\n") {
			n, word, comment := 0, "", value[0] == '('
			if comment {
				n = commentLength(value)
				word = strings.Join(strings.Fields(strings.TrimSuffix(value[1:n], ")")), " ")
			} else {
				n = strings.IndexAny(value[1:], " \t\r\n(") + 1
				if n == 0 {
					n = len(value)
				}
				word = value[:n]
			}
			if value = value[n:]; !yield(word, comment) {
				return
			}
		}
	}
}
