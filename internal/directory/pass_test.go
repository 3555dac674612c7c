package directory

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tem/internal/kv"
)

// TestPassEnds: what is done to an account ends its sessions and no others, wherever it is done.
func TestPassEnds(t *testing.T) {
	t.Parallel()
	linh := mailbox(t, "linh@hanoi.example")
	for name, c := range map[string]struct {
		change func(*testing.T, *Directory)
		over   bool
	}{
		"password": {func(t *testing.T, d *Directory) { must(t, d.SetPassword(t.Context(), linh, "another password")) }, true},
		"disabled": {func(t *testing.T, d *Directory) {
			must(t, d.SetAccount(t.Context(), Account{Address: linh, Disabled: true}))
		}, true},
		"removed": {func(t *testing.T, d *Directory) {
			_, err := d.RemoveAccount(t.Context(), linh, nil)
			must(t, err)
		}, true},
		"renamed": {func(t *testing.T, d *Directory) {
			must(t, d.SetAccount(t.Context(), Account{Address: linh, Name: "Linh"}))
		}, false},
		"removed and made again": {func(t *testing.T, d *Directory) {
			_, err := d.RemoveAccount(t.Context(), linh, nil)
			must(t, err)
			addPeople(t, d, "linh@hanoi.example")
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := hanoi(t)
			other, _ := open(t, d.kv)
			var told, toldOther, toldMinh int
			p, q := admitted(t, d, "linh@hanoi.example", &told), admitted(t, other, "linh@hanoi.example", &toldOther)
			minh := admitted(t, d, "minh@hanoi.example", &toldMinh)
			c.change(t, d)
			_, err := other.IsLocal(t.Context(), "hanoi.example") // any look-up there
			must(t, err)
			if p.Over() != c.over || (told == 1) != c.over || minh.Over() || toldMinh > 0 {
				t.Errorf("over: %v, told %d times; of another account: %v, %d", p.Over(), told, minh.Over(), toldMinh)
			}
			if q.Over() != c.over || (toldOther == 1) != c.over {
				t.Errorf("on another node over: %v, told %d times", q.Over(), toldOther)
			}
			p.End()
			minh.End()
			if len(d.passes) > 0 {
				t.Errorf("%d addresses are remembered", len(d.passes))
			}
		})
	}
}

func admitted(t *testing.T, d *Directory, who string, told *int) *Pass {
	t.Helper()
	since, err := d.Version(t.Context())
	must(t, err)
	_, p, err := d.Admit(t.Context(), mailbox(t, who), since, func() { *told++ })
	must(t, err)
	return p
}

// TestPassOfAnotherNode: a node that nobody asks anything hears of a change within seconds.
func TestPassOfAnotherNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := hanoi(t)
		defer d.kv.Close()
		other, _ := open(t, d.kv)
		told := 0
		p := admitted(t, other, "linh@hanoi.example", &told)
		go other.Run(t.Context())
		must(t, d.SetAccount(t.Context(), Account{Address: mailbox(t, "linh@hanoi.example"), Disabled: true}))
		time.Sleep(followEvery)
		synctest.Wait()
		if !p.Over() || told != 1 {
			t.Errorf("over: %v, told %d times", p.Over(), told)
		}
	})
}

// TestChangeDuringALogin: who began to log in before the password was changed is not admitted after it.
func TestChangeDuringALogin(t *testing.T) {
	t.Parallel()
	d := hanoi(t)
	linh := mailbox(t, "linh@hanoi.example")
	since, err := d.Version(t.Context())
	must(t, err)
	must(t, d.SetPassword(t.Context(), linh, "another password"))
	if _, _, err := d.Admit(t.Context(), linh, since, nil); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	told := 0
	admitted(t, d, "linh@hanoi.example", &told)
	restored, err := decodeAccount(encodeAccount(d.index.accounts[key(linh)]))
	if err != nil || restored.ID != kv.FirstAccount || restored.secretSince == 0 {
		t.Errorf("%+v, %v", restored, err)
	}
}
