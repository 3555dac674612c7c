package explain

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxText bounds what Find looks at.
const maxText = 1000

// Find explains every code at the beginning of a reply, in the order in which
// they stand there. The reply may be a code alone ("550", "5.7.1",
// "OVERQUOTA"), several, or a whole line of a dialogue; nil means that there
// is nothing in it that looks like a code.
func Find(reply string) []Note {
	reply = clean(reply)
	first, rest, _ := strings.Cut(reply, " ")
	switch {
	case reply == "":
		return nil
	case isDigits(first) || isEnhanced(first):
		return smtp(reply)
	case first == "+OK" || first == "-ERR":
		return bracketed("POP3", pop3Statuses[first], first, rest, pop3Codes)
	case first == "+":
		return []Note{entry("POP3", "+", pop3Statuses["+"]), entry("IMAP", "+", imapStatuses["+"])}
	}
	if found := imap(reply); found != nil {
		return found
	}
	return bare(first)
}

// clean takes off what stands around a reply in a trace or a multi-line reply.
func clean(reply string) string {
	reply = strings.TrimSpace(reply[:min(len(reply), maxText)])
	for _, lead := range []string{"Server :", "S:"} {
		reply = strings.TrimSpace(strings.TrimPrefix(reply, lead))
	}
	if len(reply) > 3 && reply[3] == '-' && isDigits(reply[:3]) {
		reply = reply[:3] + " " + reply[4:] // RFC 5321 §4.2.1
	}
	fields := strings.Fields(reply)
	if len(fields) > 0 && !strings.HasPrefix(fields[0], "[") {
		fields[0] = strings.ToUpper(fields[0])
	}
	return strings.Join(fields, " ")
}

// smtp explains the basic and enhanced codes that begin a reply.
func smtp(reply string) (found []Note) {
	for word := range strings.SplitSeq(reply, " ") {
		switch {
		case isDigits(word):
			found = append(found, basic(word))
		case isEnhanced(word):
			found = append(found, enhanced(word))
		default:
			return found
		}
	}
	return found
}

// basic explains a three-digit code, an unknown one by its digits.
func basic(code string) Note {
	e, ok := basicCode(code)
	if ok {
		if e.Class == Unclear {
			e.Class = digitClass(code[0])
		}
		e.Reference = cmp.Or(e.Reference, "RFC 5321 §4.2.3")
		return entry("SMTP", code, e)
	}
	e = Note{Class: digitClass(code[0]), Reference: "RFC 5321 §4.2.1"}
	e.Meaning = join(smtpFirst[code[0]], smtpSecond[code[1]])
	e.Turn = turnOf(e.Class)
	return unknown("SMTP", code, e)
}

// enhanced explains a code of RFC 3463, an unknown one by its numbers.
func enhanced(code string) Note {
	class, rest, _ := strings.Cut(code, ".")
	e, ok := enhancedCodes[rest]
	e.Class = enhancedClasses[class]
	switch {
	case e.Class == Success:
		e.Turn, e.Next = Nobody, Text{}
	case e.Class == Temporary && e.Turn != Client:
		e.Turn = Wait
	}
	subject, detail, _ := strings.Cut(rest, ".")
	if e.Class == Success && detail == "0" { // the tables speak of trouble
		e.Meaning = join(smtpFirst['2'], enhancedSubjects[subject])
	}
	if ok {
		e.Reference = cmp.Or(e.Reference, "RFC 3463 §3")
		return entry("SMTP", code, e)
	}
	e.Meaning = join(smtpFirst[code[0]], enhancedSubjects[subject])
	e.Turn = turnOf(e.Class)
	e.Reference = "RFC 3463 §2"
	return unknown("SMTP", code, e)
}

// bracketed explains a status and the response code behind it, if there is one.
func bracketed(protocol string, status Note, word, rest string, codes map[string]Note) []Note {
	inner, ok := strings.CutPrefix(rest, "[")
	if !ok {
		return []Note{entry(protocol, word, status)}
	}
	inner, _, _ = strings.Cut(inner, "]")
	name, _, _ := strings.Cut(inner, " ")
	name = strings.ToUpper(name)
	e, ok := codes[name]
	if !ok {
		return []Note{entry(protocol, word, status), unknown(protocol, word+" ["+name+"]", Note{
			Class: status.Class, Turn: status.Turn, Reference: status.Reference,
			Meaning: Text{"A response code that is not in the catalogue.", "Mã phản hồi không có trong danh mục."}})}
	}
	e.Class = cmp.Or(e.Class, status.Class)
	if status.Class == Success { // as in * OK [ALERT]
		e.Class = Success
	}
	return []Note{entry(protocol, word+" ["+name+"]", e)}
}

// imap explains "[tag] STATUS [CODE …] text".
func imap(reply string) []Note {
	words := strings.SplitN(reply, " ", 3)
	for i, word := range words[:min(2, len(words))] {
		word = strings.ToUpper(word)
		if status, ok := imapStatuses[word]; ok && word != "+" {
			return bracketed("IMAP", status, word, strings.Join(words[i+1:], " "), imapCodes)
		}
	}
	return nil
}

// bare explains a response code that stands alone, in both protocols.
func bare(word string) (found []Note) {
	name := strings.ToUpper(strings.Trim(word, "[]"))
	if e, ok := pop3Codes[name]; ok {
		found = append(found, entry("POP3", "["+name+"]", e))
	}
	if e, ok := imapCodes[name]; ok {
		e.Reference = cmp.Or(e.Reference, "RFC 9051 §7.1")
		if e.Class == Unclear {
			e.Class = Permanent
			if e.Turn == Nobody || name == "ALERT" {
				e.Class = Success
			}
		}
		found = append(found, entry("IMAP", "["+name+"]", e))
	}
	return found
}

// entry completes what the tables leave to be understood.
func entry(protocol, code string, e Note) Note {
	e.Protocol, e.Code, e.Known = protocol, code, true
	e.Reference = cmp.Or(e.Reference, "RFC 9051 §7.1")
	return finish(e)
}

func unknown(protocol, code string, e Note) Note {
	e.Protocol, e.Code = protocol, code
	return finish(e)
}

func finish(e Note) Note {
	if e.Next == (Text{}) {
		e.Next = advice[e.Turn]
	}
	return e
}

func join(a, b Text) Text {
	return Text{strings.TrimSpace(a.EN + " " + b.EN), strings.TrimSpace(a.VI + " " + b.VI)}
}

func digitClass(d byte) Class {
	return map[byte]Class{'2': Success, '3': Continue, '4': Temporary, '5': Permanent}[d]
}

// turnOf is whose move it is after a code of which only the class is known.
func turnOf(c Class) Turn {
	switch c {
	case Temporary:
		return Wait
	case Permanent:
		return Sender
	case Continue, Unclear:
		return Client
	}
	return Nobody
}

// isDigits says whether a word looks like a basic code.
func isDigits(s string) bool {
	return len(s) == 3 && s[0] >= '1' && s[0] <= '5' && isNumber(s)
}

// isEnhanced: RFC 2034 §4, class "." subject "." detail.
func isEnhanced(s string) bool {
	parts := strings.Split(s, ".")
	return len(parts) == 3 && enhancedClasses[parts[0]] != Unclear && isNumber(parts[1]) && isNumber(parts[2])
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil && len(s) <= 3 && s[0] != '+'
}

// All is the whole catalogue: SMTP, then POP3, then IMAP.
func All() (list []Note) {
	for _, code := range slices.Sorted(maps.Keys(basicCodes())) {
		list = append(list, basic(code))
	}
	for _, code := range slices.SortedFunc(maps.Keys(enhancedCodes), numbered) {
		class := "5."
		if t := enhancedCodes[code].Turn; t == Nobody {
			class = "2."
		} else if t == Wait {
			class = "4."
		}
		list = append(list, enhanced(class+code))
	}
	for _, status := range []string{"+OK", "-ERR"} {
		list = append(list, Find(status)...)
	}
	for _, code := range slices.Sorted(maps.Keys(pop3Codes)) {
		list = append(list, Find("-ERR ["+code+"]")...)
	}
	for _, status := range []string{"OK", "NO", "BAD", "PREAUTH", "BYE", "+"} {
		list = append(list, entry("IMAP", status, imapStatuses[status]))
	}
	for _, code := range slices.Sorted(maps.Keys(imapCodes)) {
		list = append(list, slices.DeleteFunc(bare(code), func(e Note) bool { return e.Protocol != "IMAP" })...)
	}
	return list
}

// numbered orders "1.2" before "1.10".
func numbered(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// Classify is what a reply asks of the client; the last code in it decides
// when it says more than the first, as in -ERR [SYS/TEMP].
func Classify(reply string) Class {
	found := Find(reply)
	if len(found) == 0 {
		return Unclear
	}
	return found[0].Class
}
