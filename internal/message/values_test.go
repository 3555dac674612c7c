package message

import (
	"reflect"
	"testing"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]Mailbox{
		`"Doe, J." <j@x.example>, k@y (Kay)`:        {{Name: "Doe, J.", Address: "j@x.example"}, {Name: "Kay", Address: "k@y"}},
		`G: a@b;, =?utf-8?q?Nguy=E1=BB=85n?= <n@v>`: {{Address: "a@b", Group: "G"}, {Name: "Nguyễn", Address: "n@v"}},
		`<@r1,@r2:u@h>; John Doe jd@h`:              {{Address: "u@h"}, {Name: "John Doe", Address: "jd@h"}},
		`"a b"@c, x . y @ z . w, root, <>`:          {{Address: `"a b"@c`}, {Address: "x.y@z.w"}, {Address: "root"}},
		`undisclosed-recipients:;`:                  {{Group: "undisclosed-recipients"}},
	} {
		if got := Addresses(in); !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %q\nwant %q", in, got, want)
		}
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{DecodeWords("=?utf-8?B?4bs=?= =?UTF-8?B?hQ==?= x =?iso-8859-1*fr?Q?caf=E9_1?="), "ễ x café 1"},
		{DecodeWords("=?bad?x?y?="), "=?bad?x?y?="},
		{DecodeWords(EncodeWords("Tiếng Việt =?")), "Tiếng Việt =?"},
		{BaseSubject("Re: [list] RE[2]: Fwd: [tag] Hello (fwd) "), "Hello"},
		{BaseSubject("[fwd: re: x]"), "x"},
		{BaseSubject("[only]"), "[only]"},
		{BaseSubject("[a] [b]"), "[b]"},
		{BaseSubject("[a][b] Re : [c] x"), "x"},
		{BaseSubject("[a][b] x"), "x"},
		{BaseSubject("[a][b re: x"), "[b re: x"},
		{BaseSubject("re:"), ""},
		{HTMLText("a&nbsp;<b>b</b> c<i> d</i>e"), "a b c de"},
		{DecodeWords("a =?utf-8?q?b"), "a =?utf-8?q?b"},
		{DecodeWords("=?utf-8?q?=1B[1m?=\x1b[0m"), "[1m[0m"},
		{HTMLText("<p>One&amp;two <a href='http://a/'>link</a></p><script>x</script><ul><li>i<li>j</ul><table><tr><td>a<td>b</table>"), "One&two link [1]\n\n- i\n- j\n\na | b\n\n[1] http://a/"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
