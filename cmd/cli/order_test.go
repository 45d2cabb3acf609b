package cli

import (
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// All tests here run in bubbles, which fail where a goroutine is left behind.

func count(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

func TestResultsKeepTheOrderOfTheInputs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		var got []int
		err := inOrder(t.Context(), 4, count(12),
			func(_ context.Context, in int, send func(int) error) {
				time.Sleep(time.Duration(12-in%4) * time.Second) // the later of four is done first
				for i := range in % 3 {
					_ = send(in*10 + i)
				}
			},
			func(_ int, out int) error { got = append(got, out); return nil })
		if err != nil || !slices.IsSorted(got) || len(got) != 12 {
			t.Errorf("%v, %v", got, err)
		}
		if d := time.Since(started); d > 40*time.Second {
			t.Errorf("took %v: not four at once", d)
		}
	})
}

func TestAnInputWithManyResultsDoesNotWaitForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		err := inOrder(t.Context(), 2, count(5),
			func(_ context.Context, _ int, send func(int) error) {
				for i := range 10 * ahead {
					_ = send(i)
				}
			},
			func(_, _ int) error { n++; return nil })
		if err != nil || n != 5*10*ahead {
			t.Errorf("%d results, %v", n, err)
		}
	})
}

func TestAFailedEmitEndsTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("disk full")
		inputs := 0
		endless := func(yield func(int) bool) {
			for yield(inputs) {
				inputs++
			}
		}
		err := inOrder(t.Context(), 3, endless,
			func(_ context.Context, in int, send func(int) error) {
				for send(in) == nil { // until nobody wants more
				}
			},
			func(_, _ int) error { return full })
		if !errors.Is(err, full) || inputs > 20 {
			t.Errorf("%v after %d inputs", err, inputs)
		}
	})
}

func TestAnEndedContextEndsTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		emitted := 0
		err := inOrder(ctx, 2, count(100),
			func(ctx context.Context, in int, send func(int) error) {
				if in > 0 {
					<-ctx.Done()
				}
				_ = send(in)
			},
			func(_, _ int) error { emitted++; return nil })
		if !errors.Is(err, context.DeadlineExceeded) || emitted != 1 {
			t.Errorf("%d results, %v", emitted, err)
		}
	})
}

func TestAReaderThatWaitsIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		terminal, keyboard := io.Pipe()
		defer keyboard.Close()
		if _, err := interruptible(ctx, terminal).Read(make([]byte, 1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestAReaderGivesWhatThereIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		go func() { io.WriteString(out, "550 no"); out.CloseWithError(io.ErrUnexpectedEOF) }()
		text, err := io.ReadAll(interruptible(t.Context(), in))
		if string(text) != "550 no" || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q, %v", text, err)
		}
	})
}

func TestAResultDoesNotWaitForTheNextInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		slow := func(yield func(int) bool) {
			for i := range 4 {
				if !yield(i) {
					return
				}
				time.Sleep(time.Hour)
			}
		}
		err := inOrder(t.Context(), 3, slow,
			func(_ context.Context, in int, send func(int) error) {
				time.Sleep(time.Second)
				_ = send(in)
			},
			func(in, _ int) error {
				if got, want := time.Since(started), time.Duration(in)*time.Hour+time.Second; got != want {
					t.Errorf("%d after %v, want %v", in, got, want)
				}
				return nil
			})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestAResultWaitsOnlyForTheInputsBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		var got []time.Duration
		err := inOrder(t.Context(), 2, count(2),
			func(_ context.Context, in int, send func(int) error) {
				if in == 0 {
					time.Sleep(5 * time.Second)
					return
				}
				for range 3 { // after 4, 8 and 12 seconds
					time.Sleep(4 * time.Second)
					_ = send(in)
				}
			},
			func(_, _ int) error { got = append(got, time.Since(started)); return nil })
		if want := []time.Duration{5 * time.Second, 8 * time.Second, 12 * time.Second}; err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	})
}

func TestFewInputsAreTakenAheadOfASlowOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var taken atomic.Int64
		emitted := 0
		err := inOrder(t.Context(), 2, count(1000),
			func(_ context.Context, in int, send func(int) error) {
				taken.Add(1)
				if in == 0 {
					time.Sleep(time.Hour)
					if n := taken.Load(); n > 20 {
						t.Errorf("%d were taken", n)
					}
				}
				_ = send(in)
			},
			func(_, _ int) error { emitted++; return nil })
		if err != nil || emitted != 1000 {
			t.Errorf("%d emitted, %v", emitted, err)
		}
	})
}

func TestInputsComeInUnitsThatGrow(t *testing.T) {
	var many []string
	for i := range 3000 {
		many = append(many, strconv.Itoa(i))
	}
	named := func(yield func(input) bool) {
		for i, name := range many {
			if !yield(input{name: name, slow: i == 2500}) {
				return
			}
		}
	}
	var got []string
	for u := range units(named, 16) {
		for i, in := range u {
			got = append(got, in.name)
			if in.slow && i != len(u)-1 {
				t.Errorf("%q, which may be long in coming, has others behind it", in.name)
			}
		}
		switch at := len(got); {
		case at <= 60 && len(u) != 1:
			t.Errorf("%d inputs at once at the start, where others may have nothing to do", len(u))
		case at > 1200 && at < 2500 && len(u) != 16, len(u) > 16:
			t.Errorf("%d inputs at once, want 16", len(u))
		}
	}
	if !slices.Equal(got, many) {
		t.Errorf("%d of %d inputs", len(got), len(many))
	}
	for u := range units(named, 1) {
		if len(u) != 1 {
			t.Fatalf("%d inputs at once where each takes long", len(u))
		}
	}
}
