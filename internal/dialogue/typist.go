package dialogue

// typist reads the input in a goroutine of its own, one line for each ask, so
// that the server can be heard while a person thinks.
type typist struct {
	asks    chan bool
	answers chan typedLine
	asked   *bool
}

type typedLine struct {
	text string
	err  error
}

// newTypist starts to read input; wake is called behind each line. The
// goroutine ends at the input's end, or with the program while it waits for a
// person who types nothing more.
func newTypist(input func(secret bool) (string, error), wake func()) typist {
	t := typist{asks: make(chan bool, 1), answers: make(chan typedLine, 1), asked: new(bool)}
	go func() {
		for secret := range t.asks {
			text, err := input(secret)
			t.answers <- typedLine{text, err}
			wake()
		}
	}()
	return t
}

// ask wants the next line, once.
func (t typist) ask(secret bool) {
	if !*t.asked {
		*t.asked = true
		t.asks <- secret
	}
}

// get is the line asked for, if it has been typed.
func (t typist) get() (string, error, bool) {
	select {
	case l := <-t.answers:
		*t.asked = false
		return l.text, l.err, true
	default:
		return "", nil, false
	}
}

// stop ends the goroutine, at the latest when the line it waits for comes.
func (t typist) stop() { close(t.asks) }
