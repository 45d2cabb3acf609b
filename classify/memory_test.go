package classify

import (
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"diagnose/classify/bounce"

	"github.com/google/go-cmp/cmp"
)

func TestARepeatedQuestionHasTheSameAnswer(t *testing.T) {
	c := shipped(t)
	for _, r := range c.Rules() {
		f := r.failure(r.Example[0])
		q := ask(&f)
		want := c.classify(&q)
		for range 3 {
			got := c.Classify(f)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", r.ID, diff)
			}
			got.Evidence[0] = Evidence{} // the answer is the caller's
		}
	}
}

func TestQuestionsThatDifferAreNotTakenForEachOther(t *testing.T) {
	base := bounce.Failure{Reply: bounce.Reply{Code: 550, Status: "5.7.1", Text: "550 5.7.1 no"}, Text: "a", Stage: bounce.StageRcpt,
		Sender: "a@example.org", Recipient: "a@example.net", Remote: bounce.Host{Name: "mx.example.net"}}
	asked := ask(&base)
	for i, change := range []func(*bounce.Failure){
		func(f *bounce.Failure) { f.Reply.Code = 450 },
		func(f *bounce.Failure) { f.Reply.Status = "5.1.1" },
		func(f *bounce.Failure) { f.Reply.Text = "550 5.7.1 go" },
		func(f *bounce.Failure) { f.Text = "b" },
		func(f *bounce.Failure) { f.Stage = bounce.StageMail },
		func(f *bounce.Failure) { f.Sender = "a@example.com" },
		func(f *bounce.Failure) { f.Recipient = "a@example.com" },
		func(f *bounce.Failure) { f.Remote.Name = "mx.example.com" },
	} {
		f := base
		change(&f)
		if q := ask(&f); q == asked {
			t.Errorf("change %d makes no other question", i)
		}
	}
}

func TestLongTextsAreNotRemembered(t *testing.T) {
	c := shipped(t)
	q := ask(&bounce.Failure{Text: "user unknown " + strings.Repeat("x", maxQuestion)})
	for range 3 {
		if known, again := c.memory.recall(&q); known != nil || again {
			t.Error("it is")
		}
	}
}

func TestMemoryHoldsNoMail(t *testing.T) {
	c := shipped(t)
	mail := "From: a@example.org\n\n550 5.1.1 user unknown"
	f := bounce.Failure{Text: mail[len(mail)-22:]}
	for range 2 {
		c.Classify(f)
	}
	q := ask(&f)
	known, _ := c.memory.recall(&q)
	if known == nil {
		t.Fatal("what was asked twice is not known")
	}
	for _, s := range []string{known.text, known.Evidence[0].Quote} {
		from, at := uintptr(unsafe.Pointer(unsafe.StringData(mail))), uintptr(unsafe.Pointer(unsafe.StringData(s)))
		if at >= from && at < from+uintptr(len(mail)) {
			t.Errorf("%q is a part of the mail", s)
		}
	}
}

func TestTwoQuestionsOfOnePlaceAreBothRemembered(t *testing.T) {
	c := shipped(t)
	failure := func(i int) bounce.Failure { return bounce.Failure{Text: "user unknown " + strconv.Itoa(i)} }
	place := func(i int) *place {
		f := failure(i)
		q := ask(&f)
		p, _ := c.memory.place(&q)
		return p
	}
	other := 1
	for place(other) != place(0) {
		other++
	}
	for range 2 {
		c.Classify(failure(0))
		c.Classify(failure(other))
	}
	for _, i := range []int{0, other} {
		f := failure(i)
		q := ask(&f)
		if known, _ := c.memory.recall(&q); known == nil {
			t.Errorf("%d is not known", i)
		}
	}
}
