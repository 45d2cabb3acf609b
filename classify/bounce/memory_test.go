package bounce

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// TestMemoryChangesNoReport reads every sample again and again with one Reader,
// whose answers the receiver spoils: each is what a new Reader says.
func TestMemoryChangesNoReport(t *testing.T) {
	names, err := filepath.Glob("../../testdata/bounces/*")
	if err != nil || len(names) < 20 {
		t.Fatal("no samples", err)
	}
	known := Reader{Memory: new(Memory)}
	for round := range 4 {
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var fresh []*Report
			for rep, err := range All(bytes.NewReader(text)) {
				fresh = append(fresh, rep)
				_ = err
			}
			i := 0
			for rep := range known.All(bytes.NewReader(text)) {
				if i >= len(fresh) || !reflect.DeepEqual(rep, fresh[i]) {
					t.Fatalf("%s, read for the %d. time:\n%+v\nby a new reader:\n%+v", name, round+1, rep, fresh[min(i, len(fresh)-1)])
				}
				if i++; rep != nil {
					for j := range rep.Failures {
						rep.Failures[j] = Failure{Recipient: "spoilt@example.com"}
					}
					for j := range rep.Original.Received {
						rep.Original.Received[j] = Received{}
					}
				}
			}
			if i != len(fresh) {
				t.Fatalf("%s: %d reports, %d by a new reader", name, i, len(fresh))
			}
		}
	}
}

// TestSameNoticeToAnotherSender holds what a notice says apart where the address
// that it lists is once a recipient's and once the sender's own.
func TestSameNoticeToAnotherSender(t *testing.T) {
	message := func(to string) string {
		return fmt.Sprintf("From: MAILER-DAEMON@mx.example.com\nTo: %s\nSubject: failure notice\n\n"+
			"I wasn't able to deliver your message:\n\n<ann@example.net>:\n550 5.1.1 no such user\n\n<bob@example.net>:\n552 5.2.2 mailbox full\n", to)
	}
	r := Reader{Memory: new(Memory)}
	for range 3 {
		for _, to := range []string{"list@example.com", "list@example.com", "list@example.com", "ann@example.net", "ann@example.net", "ann@example.net"} {
			want, err := Read(strings.NewReader(message(to)))
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.Read(strings.NewReader(message(to)))
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("to %s: %+v, %v; want %+v", to, got, err, want)
			}
		}
	}
	if one, _ := Read(strings.NewReader(message("ann@example.net"))); len(one.Failures) != 1 {
		t.Errorf("the sender's own address is no recipient: %+v", one.Failures)
	}
}

// TestDamageIsNotedEveryTime is for what a text part that is known was read
// with.
func TestDamageIsNotedEveryTime(t *testing.T) {
	const message = "From: MAILER-DAEMON@mx.example.com\nSubject: failure notice\nMIME-Version: 1.0\n" +
		"Content-Type: text/plain; charset=gb2312\nContent-Transfer-Encoding: quoted-printable\n\n<ann@example.net>: =XY 550 5.1.1 no such user =FF=FF\n"
	r := Reader{Memory: new(Memory)}
	for i := range 4 {
		rep, err := r.Read(strings.NewReader(message))
		if err != nil || len(rep.Notes) != 2 {
			t.Errorf("reading %d: notes %+v, %v", i+1, rep.Notes, err)
		}
	}
}

// TestReadersShareAMemory reads the same messages in several goroutines, for the
// race detector, and holds what they say to what a reader without a memory says.
func TestReadersShareAMemory(t *testing.T) {
	var texts []string
	for i := range 50 {
		texts = append(texts, fmt.Sprintf("From: MAILER-DAEMON@mx.example.com\nSubject: failure notice\n\n<user%d@example.net>:\n550 5.1.1 no such user %d\n", i, i))
	}
	known := new(Memory)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			r := Reader{Memory: known}
			for i := range 40 * len(texts) {
				text := texts[i/7%len(texts)]
				want, _ := Read(strings.NewReader(text))
				if got, err := r.Read(strings.NewReader(text)); err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("%+v, %v; want %+v", got, err, want)
				}
			}
		})
	}
	all.Wait()
}

// TestMemoryIsBounded reads twice as much text, each text three times, as may
// be kept.
func TestMemoryIsBounded(t *testing.T) {
	r := Reader{Memory: new(Memory)}
	filler := strings.Repeat("the quick brown fox jumps over the lazy dog\n", 150)
	for i := range 2 * maxHeld / len(filler) {
		text := fmt.Sprintf("From: MAILER-DAEMON@mx.example.com\nSubject: failure notice\n\n<user%d@example.net>:\n550 5.1.1 no such user\n%s", i, filler)
		for range 3 {
			if rep, err := r.Read(strings.NewReader(text)); err != nil || len(rep.Failures) != 1 {
				t.Fatal(rep, err)
			}
		}
	}
	held := 0
	for i := range r.Memory.texts {
		for _, k := range []interface{ size() int }{r.Memory.texts[i].kept.Load(), r.Memory.notices[i].kept.Load(), r.Memory.replies[i].kept.Load(), r.Memory.reports[i].kept.Load()} {
			held += k.size()
		}
	}
	if told := int(r.Memory.held.Load()); held != told || held > maxHeld || held < maxHeld/2 {
		t.Errorf("%d bytes are kept and %d are told, of at most %d", held, told, maxHeld)
	}
}
func (k *kept[T]) size() int {
	if k == nil {
		return 0
	}
	return len(k.text)
}
