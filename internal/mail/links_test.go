package mail

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"tem/internal/message"
)

func TestLinks(t *testing.T) {
	t.Parallel()
	refs := func(ids ...string) (l []uint64) {
		for _, id := range ids {
			l = append(l, hashOf(id))
		}
		return l
	}
	var many []string
	for i := range 250 {
		many = append(many, fmt.Sprint(i, "@x"))
	}
	for name, c := range map[string]struct{ got, want links }{
		"references":         {newLinks("3@x", []string{"1@x", "2@x"}, []string{"9@x"}), links{true, true, refs("1@x", "2@x")}},
		"only an answer":     {newLinks("", nil, []string{"1@x", "2@x"}), links{true, false, refs("1@x")}},
		"prose":              {newLinks("", nil, []string{"Your"}), links{known: true}},
		"prose and an id":    {newLinks("", nil, []string{"Your", "1@x"}), links{true, false, refs("1@x")}},
		"nothing":            {newLinks("", nil, nil), links{known: true}},
		"quoted":             {newLinks("", []string{`"1"@x`}, nil), links{true, false, refs("1@x")}},
		"many":               {newLinks("", many, nil), links{true, false, refs(append(many[:1:1], many[250-maxLinks+1:]...)...)}},
		"out of a header":    {linksOf(message.Header("Message-ID: <3@x>\r\nReferences: <1@x>\r\n <2@x>\r\n\r\n")), links{true, true, refs("1@x", "2@x")}},
		"an answer's header": {linksOf(message.Header("In-Reply-To: <1@x> from you\r\n\r\n")), links{true, false, refs("1@x")}},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, c.got, c.want)
		}
		var back links
		if back.decode(&decoder{b: c.want.append(nil)}); back.known != c.want.known || back.named != c.want.named || !slices.Equal(back.refs, c.want.refs) {
			t.Errorf("%s: read as %+v", name, back)
		}
	}
}
