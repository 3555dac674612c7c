package interop

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
)

// trust is TLS that trusts the lab's authority and nobody else.
func (l *lab) trust(t *testing.T) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(l.CA)
	must(t, err)
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("no certificate in %s", l.CA)
	}
	return &tls.Config{RootCAs: pool, ServerName: "localhost"}
}

// dial logs in as somebody; the client speaks TLS that it has verified.
func (l *lab) dial(t *testing.T, who person, o imapclient.Options) *imapclient.Client {
	t.Helper()
	o.TLSConfig = l.trust(t)
	c, err := imapclient.DialTLS(l.Servers[0].At("imaps"), &o)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	must(t, c.Login(who.Address, who.Password).Wait())
	return c
}

// bed is what a row works with: five letters in the selected INBOX, of which the
// last two answer the first.
type bed struct {
	*imapclient.Client
	uidValidity uint32
}

func newBed(t *testing.T, l *lab, who person) *bed {
	t.Helper()
	b := &bed{Client: l.dial(t, who, imapclient.Options{})}
	box, err := b.Select("INBOX", nil).Wait()
	must(t, err)
	for n := range 5 {
		_, err := b.put(letter(n + 1))
		must(t, err)
	}
	must(t, b.Noop().Wait())
	b.uidValidity = box.UIDValidity
	return b
}

func (b *bed) put(text string) (*imap.AppendData, error) {
	a := b.Append("INBOX", int64(len(text)), &imap.AppendOptions{Flags: []imap.Flag{"$Work"}})
	if _, err := a.Write([]byte(text)); err != nil {
		return nil, err
	}
	if err := a.Close(); err != nil {
		return nil, err
	}
	return a.Wait()
}

// letter n; 4 and 5 belong to the thread of 1.
func letter(n int) string {
	head := fmt.Sprintf("From: Bob <bob@peer.example>\r\nDate: Mon, 0%d Jan 2024 10:00:00 +0000\r\nMessage-ID: <%d@peer.example>\r\n", 6-n, n)
	if n > 3 {
		return head + fmt.Sprintf("Subject: Re: letter 1\r\nIn-Reply-To: <1@peer.example>\r\nReferences: <1@peer.example>\r\n\r\n%d\r\n", n)
	}
	return head + fmt.Sprintf("Subject: letter %d\r\n\r\n%s\r\n", n, strings.Repeat("x", n*100))
}

// capabilities are what go-imap can use (it has SEARCHRES but never says SAVE). A row must end without an error where
// the server advertises the capability, and with one where it does not: what is
// said and what is done are the same.
var capabilities = []struct {
	name imap.Cap
	try  func(b *bed) error
}{
	{imap.CapID, tryID},
	{imap.CapNamespace, tryNamespace},
	{imap.CapUIDPlus, tryUIDPlus},
	{imap.CapMove, tryMove},
	{imap.CapUnselect, func(b *bed) error { return b.Unselect().Wait() }},
	{imap.CapChildren, tryChildren},
	{imap.CapListExtended, tryListExtended},
	{imap.CapListStatus, tryListStatus},
	{imap.CapStatusSize, tryStatusSize},
	{imap.CapSpecialUse, trySpecialUse},
	{imap.CapCreateSpecialUse, tryCreateSpecialUse},
	{imap.CapESearch, tryESearch},
	{imap.CapBinary, tryBinary},
	{imap.CapEnable, tryEnable},
	{imap.CapIdle, tryIdle},
	{imap.CapCondStore, tryCondStore},
	{imap.CapSort, trySort},
	{"THREAD=REFERENCES", tryThread(imap.ThreadReferences)},
	{"THREAD=ORDEREDSUBJECT", tryThread(imap.ThreadOrderedSubject)},
	{imap.CapQuota, tryQuota},
	{imap.CapACL, tryACL},
	{imap.CapMetadata, tryMetadata},
	{imap.CapAppendLimit, tryAppendLimit},
	{imap.CapUnauthenticate, tryUnauthenticate},
}

func TestGoIMAP(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for _, row := range capabilities {
		t.Run(string(row.name), func(t *testing.T) {
			// One after the other, each on a letter-box of its own.
			an := l.fresh(t, strings.ToLower(strings.NewReplacer("=", "-").Replace(string(row.name))))
			b := newBed(t, l, an)
			advertised := b.Caps().Has(row.name) // before: the command may change it
			err := row.try(b)
			if advertised && err != nil {
				t.Errorf("advertised, but: %v", err)
			}
			if !advertised && err == nil {
				t.Error("it works and is not advertised")
			}
		})
	}
}

// TestGoIMAPMechanisms logs in by each mechanism that both ends have.
func TestGoIMAPMechanisms(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	an := l.Servers[0].Accounts[0]
	for name, client := range map[string]sasl.Client{
		"PLAIN": sasl.NewPlainClient("", an.Address, an.Password),
		"LOGIN": sasl.NewLoginClient(an.Address, an.Password),
	} {
		c, err := imapclient.DialStartTLS(l.Servers[0].At("imap"), &imapclient.Options{TLSConfig: l.trust(t)})
		must(t, err)
		if err := c.Authenticate(client); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c.Close()
	}
}

// unlike is an error when the two differ.
func unlike(what string, got, want any) error {
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		return fmt.Errorf("%s: got %s, want %s", what, g, w)
	}
	return nil
}

func tryID(b *bed) error {
	data, err := b.ID(&imap.IDData{Name: "go-imap"}).Wait()
	if err == nil && data.Name == "" {
		return errors.New("no name")
	}
	return err
}

func tryNamespace(b *bed) error {
	data, err := b.Namespace().Wait()
	if err != nil {
		return err
	}
	return unlike("personal", data.Personal, []imap.NamespaceDescriptor{{Delim: '/'}})
}

func tryUIDPlus(b *bed) error {
	appended, err := b.put(letter(6))
	if err != nil {
		return err
	}
	copied, err := b.Copy(imap.SeqSetNum(1, 3), "Archive").Wait()
	if err != nil {
		return err
	}
	if _, err := b.Client.Store(imap.UIDSetNum(1, 2), deleted, nil).Collect(); err != nil {
		return err
	}
	gone, err := b.UIDExpunge(imap.UIDSetNum(2)).Collect()
	return errors.Join(err, unlike("APPENDUID", *appended, imap.AppendData{UID: 6, UIDValidity: b.uidValidity}),
		unlike("COPYUID", copied.SourceUIDs, "1,3"), unlike("COPYUID", copied.DestUIDs, "1:2"), unlike("expunged", gone, "[2]"))
}

var deleted = &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}

func tryMove(b *bed) error {
	moved, err := b.Move(imap.UIDSetNum(2, 4), "Archive").Wait()
	if err != nil {
		return err
	}
	found, err := b.UIDSearch(&imap.SearchCriteria{}, nil).Wait()
	if err != nil {
		return err
	}
	return errors.Join(unlike("COPYUID", moved.SourceUIDs, "2,4"), unlike("left", found.AllUIDs(), "[1 3 5]"))
}

// list gives name → data.
func (b *bed) list(pattern string, o *imap.ListOptions) (map[string]*imap.ListData, error) {
	all, err := b.List("", pattern, o).Collect()
	byName := make(map[string]*imap.ListData)
	for _, d := range all {
		byName[d.Mailbox] = d
	}
	return byName, err
}

func tryChildren(b *bed) error {
	if err := b.Create("up/down", nil).Wait(); err != nil {
		return err
	}
	boxes, err := b.list("*", nil)
	if err != nil || boxes["up"] == nil || boxes["up/down"] == nil {
		return fmt.Errorf("%v: %v", boxes, err)
	}
	if !slices.Contains(boxes["up"].Attrs, imap.MailboxAttrHasChildren) || !slices.Contains(boxes["up/down"].Attrs, imap.MailboxAttrHasNoChildren) {
		return fmt.Errorf("up %v, up/down %v", boxes["up"].Attrs, boxes["up/down"].Attrs)
	}
	return nil
}

func tryListExtended(b *bed) error {
	if err := errors.Join(b.Create("seen", nil).Wait(), b.Create("unseen", nil).Wait(), b.Subscribe("seen").Wait(), b.Unsubscribe("unseen").Wait()); err != nil {
		return err
	}
	boxes, err := b.list("*", &imap.ListOptions{SelectSubscribed: true, ReturnChildren: true})
	if err != nil {
		return err
	}
	if boxes["seen"] == nil || boxes["unseen"] != nil || !slices.Contains(boxes["seen"].Attrs, imap.MailboxAttrSubscribed) {
		return fmt.Errorf("subscribed: %v", boxes)
	}
	return nil
}

func tryListStatus(b *bed) error {
	boxes, err := b.list("%", &imap.ListOptions{ReturnStatus: &imap.StatusOptions{NumMessages: true, UIDNext: true}})
	if err != nil {
		return err
	}
	s := boxes["INBOX"].Status
	if s == nil || s.NumMessages == nil {
		return errors.New("no STATUS with INBOX")
	}
	return unlike("INBOX", []any{*s.NumMessages, s.UIDNext}, []any{5, 6})
}

func tryStatusSize(b *bed) error {
	s, err := b.Status("INBOX", &imap.StatusOptions{Size: true}).Wait()
	if err != nil {
		return err
	}
	want := 0
	for n := range 5 {
		want += len(letter(n + 1))
	}
	return unlike("SIZE", *s.Size, want)
}

func trySpecialUse(b *bed) error {
	boxes, err := b.list("*", &imap.ListOptions{SelectSpecialUse: true, ReturnSpecialUse: true})
	if err != nil {
		return err
	}
	if boxes["INBOX"] != nil || boxes["Sent"] == nil || !slices.Contains(boxes["Sent"].Attrs, imap.MailboxAttrSent) {
		return fmt.Errorf("special: %v", boxes)
	}
	return nil
}

func tryCreateSpecialUse(b *bed) error {
	if err := b.Create("Kept", &imap.CreateOptions{SpecialUse: []imap.MailboxAttr{imap.MailboxAttrFlagged}}).Wait(); err == nil {
		return errors.New("a use that this server has not was taken")
	}
	if err := b.Delete("Drafts").Wait(); err != nil {
		return err
	}
	return b.Create("Nháp", &imap.CreateOptions{SpecialUse: []imap.MailboxAttr{imap.MailboxAttrDrafts}}).Wait()
}

func tryESearch(b *bed) error {
	got, err := b.UIDSearch(&imap.SearchCriteria{Larger: 10}, &imap.SearchOptions{ReturnMin: true, ReturnMax: true, ReturnCount: true, ReturnAll: true}).Wait()
	if err != nil {
		return err
	}
	return unlike("found", []any{got.Min, got.Max, got.Count, got.AllUIDs()}, []any{1, 5, 5, "[1 2 3 4 5]"})
}

func tryBinary(b *bed) error {
	text := "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\ndOG7qyB0aMawCg==\r\n"
	if _, err := b.put(text); err != nil {
		return err
	}
	got, err := b.Fetch(imap.UIDSetNum(6), &imap.FetchOptions{
		BinarySection:     []*imap.FetchItemBinarySection{{Part: []int{1}, Peek: true}},
		BinarySectionSize: []*imap.FetchItemBinarySectionSize{{Part: []int{1}}},
	}).Collect()
	if err != nil || len(got) != 1 || len(got[0].BinarySection) != 1 || len(got[0].BinarySectionSize) != 1 {
		return fmt.Errorf("fetched %v: %v", got, err)
	}
	return errors.Join(unlike("BINARY", string(got[0].BinarySection[0].Bytes), "từ thư\n"), unlike("BINARY.SIZE", got[0].BinarySectionSize[0].Size, len("từ thư\n")))
}

func tryEnable(b *bed) error {
	if err := b.Unselect().Wait(); err != nil {
		return err
	}
	got, err := b.Enable(imap.CapIMAP4rev2).Wait()
	if err != nil {
		return err
	}
	return unlike("enabled", got.Caps.Has(imap.CapIMAP4rev2), true)
}

func tryIdle(b *bed) error {
	idle, err := b.Idle()
	if err != nil {
		return err
	}
	return errors.Join(idle.Close(), idle.Wait())
}

func tryCondStore(b *bed) error {
	box, err := b.Select("INBOX", &imap.SelectOptions{CondStore: true}).Wait()
	if err != nil {
		return err
	}
	if box.HighestModSeq == 0 {
		return errors.New("no HIGHESTMODSEQ")
	}
	if _, err := b.Client.Store(imap.UIDSetNum(2), deleted, nil).Collect(); err != nil {
		return err
	}
	changed, err := b.Fetch(imap.SeqSet{imap.SeqRange{Start: 1}}, &imap.FetchOptions{UID: true, ModSeq: true, ChangedSince: box.HighestModSeq}).Collect()
	if err != nil || len(changed) != 1 || changed[0].UID != 2 || changed[0].ModSeq <= box.HighestModSeq {
		return fmt.Errorf("CHANGEDSINCE %d: %v %v", box.HighestModSeq, changed, err)
	}
	// RFC 7162 §3.1.3: what changed since is left alone.
	_, err = b.Client.Store(imap.UIDSetNum(2, 3), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagFlagged}}, &imap.StoreOptions{UnchangedSince: box.HighestModSeq}).Collect()
	if err != nil {
		return err
	}
	flagged, err := b.UIDSearch(&imap.SearchCriteria{Flag: []imap.Flag{imap.FlagFlagged}}, nil).Wait()
	if err != nil {
		return err
	}
	status, err := b.Status("INBOX", &imap.StatusOptions{HighestModSeq: true}).Wait()
	if err != nil {
		return err
	}
	return errors.Join(unlike("UNCHANGEDSINCE", flagged.AllUIDs(), "[3]"),
		unlike("STATUS HIGHESTMODSEQ grew", status.HighestModSeq > changed[0].ModSeq, true))
}

func trySort(b *bed) error {
	for key, want := range map[imapclient.SortKey]string{
		imapclient.SortKeyArrival: "[1 2 3 4 5]", imapclient.SortKeyDate: "[5 4 3 2 1]", imapclient.SortKeySubject: "[1 4 5 2 3]",
	} {
		got, err := b.UIDSort(&imapclient.SortOptions{SearchCriteria: &imap.SearchCriteria{}, SortCriteria: []imapclient.SortCriterion{{Key: key}}}).Wait()
		if err != nil {
			return err
		}
		if err := unlike("SORT "+string(key), got, want); err != nil {
			return err
		}
	}
	got, err := b.Sort(&imapclient.SortOptions{
		SearchCriteria: &imap.SearchCriteria{NotFlag: []imap.Flag{imap.FlagDeleted}},
		SortCriteria:   []imapclient.SortCriterion{{Key: imapclient.SortKeySubject, Reverse: true}, {Key: imapclient.SortKeyDate}},
	}).Wait()
	return errors.Join(err, unlike("SORT REVERSE SUBJECT DATE", got, "[3 2 5 4 1]"))
}

func tryThread(algorithm imap.ThreadAlgorithm) func(b *bed) error {
	return func(b *bed) error {
		got, err := b.UIDThread(&imapclient.ThreadOptions{Algorithm: algorithm, SearchCriteria: &imap.SearchCriteria{}}).Wait()
		if err != nil {
			return err
		}
		for _, thread := range got {
			if all := members(thread); slices.Contains(all, 1) || slices.Contains(all, 4) {
				return unlike("in the thread of 1", members(thread), "[1 4 5]")
			}
		}
		return fmt.Errorf("no thread with 1 in %v", got)
	}
}

// members are all messages of a thread in the order of their numbers.
func members(d imapclient.ThreadData) []uint32 {
	all := slices.Clone(d.Chain)
	for _, sub := range d.SubThreads {
		all = append(all, members(sub)...)
	}
	slices.Sort(all)
	return all
}

func tryQuota(b *bed) error {
	roots, err := b.GetQuotaRoot("INBOX").Wait()
	if err != nil {
		return err
	}
	if len(roots) == 0 {
		return errors.New("INBOX has no quota root")
	}
	_, err = b.GetQuota(roots[0].Root).Wait()
	return err
}

func tryACL(b *bed) error {
	mine, err := b.MyRights("INBOX").Wait()
	if err != nil {
		return err
	}
	if !strings.Contains(mine.Rights.String(), "lrs") || !strings.Contains(mine.Rights.String(), "a") {
		return fmt.Errorf("my rights to INBOX are %q", mine.Rights)
	}
	acl, err := b.GetACL("INBOX").Wait()
	if err == nil && len(acl.Rights) == 0 {
		return errors.New("nobody has rights to INBOX")
	}
	return err
}

func tryMetadata(b *bed) error {
	value := []byte("từ go-imap")
	if err := b.SetMetadata("INBOX", map[string]*[]byte{"/private/comment": &value}).Wait(); err != nil {
		return err
	}
	got, err := b.GetMetadata("INBOX", []string{"/private/comment"}, nil).Wait()
	if err != nil {
		return err
	}
	if v := got.Entries["/private/comment"]; v == nil || string(*v) != string(value) {
		return fmt.Errorf("entries %v", got.Entries)
	}
	return b.SetMetadata("INBOX", map[string]*[]byte{"/private/comment": nil}).Wait()
}

func tryAppendLimit(b *bed) error {
	s, err := b.Status("INBOX", &imap.StatusOptions{AppendLimit: true}).Wait()
	if err == nil && s.AppendLimit == nil {
		return errors.New("STATUS says no APPENDLIMIT")
	}
	return err
}

func tryUnauthenticate(b *bed) error {
	if err := b.Unauthenticate().Wait(); err != nil {
		return err
	}
	if _, err := b.Select("INBOX", nil).Wait(); err == nil {
		return errors.New("INBOX after UNAUTHENTICATE")
	}
	return nil
}

// TestGoIMAPIdle tells one session what another does, in IDLE.
func TestGoIMAPIdle(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	an := l.Servers[0].Accounts[0]
	told := make(chan string, 10)
	watcher := l.dial(t, an, imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Expunge: func(n uint32) { told <- fmt.Sprint("expunge ", n) },
		Mailbox: func(d *imapclient.UnilateralDataMailbox) {
			if d.NumMessages != nil {
				told <- fmt.Sprint("exists ", *d.NumMessages)
			}
		},
		Fetch: func(m *imapclient.FetchMessageData) {
			b, err := m.Collect()
			told <- fmt.Sprint("flags ", b.SeqNum, slices.Contains(b.Flags, imap.FlagDeleted), err)
		},
	}})
	_, err := watcher.Select("INBOX", nil).Wait()
	must(t, err)
	idle, err := watcher.Idle()
	must(t, err)
	hears := func() string {
		t.Helper()
		select {
		case got := <-told:
			return got
		case <-time.After(time.Minute):
			t.Fatal("nothing more is told")
			return ""
		}
	}
	expect := func(want string) {
		t.Helper()
		if got := hears(); got != want {
			t.Errorf("told %q, want %q", got, want)
		}
	}
	b := newBed(t, l, an)
	for n, before := 0, 0; n < 5; before = n { // a server that is busy may tell of several at once
		got := hears()
		if k, _ := fmt.Sscanf(got, "exists %d", &n); k != 1 || n <= before || n > 5 {
			t.Fatalf("told %q after %d", got, before)
		}
	}
	_, err = b.Client.Store(imap.SeqSetNum(2), deleted, nil).Collect()
	must(t, err)
	expect("flags 2 true <nil>")
	_, err = b.Expunge().Collect()
	must(t, err)
	expect("expunge 2")
	must(t, idle.Close())
	must(t, idle.Wait())
}
