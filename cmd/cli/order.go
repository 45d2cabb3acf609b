package cli

import (
	"context"
	"iter"
	"sync"
)

// ahead is how many results of one input may wait for the inputs before it.
const ahead = 64

// inOrder works on several inputs at once and hands on what each gives, in
// the order of the inputs. work sends results until it returns; both stop
// early where the context ends or emit fails. Memory is bounded however many
// inputs there are and whatever each gives.
//
// The oldest input at work has the turn: what it sends is emitted at once, by
// its own goroutine. The others' results wait. With the end of its input a
// goroutine emits what waits of the next one, and that has the turn. So emit
// is never called twice at a time, and nobody waits but those too far ahead.
func inOrder[In, Out any](ctx context.Context, jobs int, inputs iter.Seq[In], work func(context.Context, In, func(Out) error), emit func(In, Out) error) error {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next, stop := iter.Pull(inputs)
	defer stop()
	o := &order[In, Out]{ctx: inner, cancel: cancel, taking: make(chan struct{}, 1), next: next, emit: emit, room: 8 * jobs}
	o.moved.L = &o.mu
	defer context.AfterFunc(inner, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.moved.Broadcast()
	})()
	var workers sync.WaitGroup
	for range jobs { // they stay: a new goroutine would have to grow its stack for every input
		workers.Go(func() {
			for j := o.take(); j != nil; j = o.take() {
				work(inner, j.in, j.send)
				j.end()
			}
		})
	}
	workers.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return context.Cause(inner)
}

// order is the state of one inOrder.
type order[In, Out any] struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	emit   func(In, Out) error

	taking chan struct{} // held by whoever calls next, which may wait for an input
	next   func() (In, bool)

	mu    sync.Mutex    // for what follows, and for the jobs; not held while emitting
	moved sync.Cond     // the turn went on, or the context ended
	last  *job[In, Out] // the one taken last, until it has ended with the turn
	room  int           // how many more may be taken before the turn goes on
}

// job is one input at work, or done and waiting for its turn.
type job[In, Out any] struct {
	*order[In, Out]
	in      In
	after   *job[In, Out]
	waiting []Out
	turn    bool
	ended   bool
}

// take gives the next input to work on; nil where there is none.
func (o *order[In, Out]) take() *job[In, Out] {
	select {
	case o.taking <- struct{}{}:
		defer func() { <-o.taking }()
	case <-o.ctx.Done():
		return nil
	}
	if !o.hasRoom() {
		return nil
	}
	in, ok := o.next()
	if !ok {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.room--
	j := &job[In, Out]{order: o, in: in, turn: o.last == nil}
	if o.last != nil {
		o.last.after = j
	}
	o.last = j
	return j
}

// hasRoom waits until one more input may be taken; false where the context
// ends.
func (o *order[In, Out]) hasRoom() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.room == 0 && o.ctx.Err() == nil {
		o.moved.Wait()
	}
	return o.ctx.Err() == nil
}

func (j *job[In, Out]) send(r Out) error {
	j.mu.Lock()
	for !j.turn && len(j.waiting) == ahead && j.ctx.Err() == nil {
		j.moved.Wait()
	}
	turn := j.turn
	if !turn {
		j.waiting = append(j.waiting, r)
	}
	j.mu.Unlock()
	if turn {
		j.tell(r)
	}
	return j.ctx.Err()
}

// tell emits a result where the work goes on.
func (j *job[In, Out]) tell(r Out) {
	if j.ctx.Err() != nil {
		return
	}
	if err := j.emit(j.in, r); err != nil {
		j.cancel(err)
	}
}

// end gives the turn, where j has it, to the first job that has not ended.
func (j *job[In, Out]) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ended = true
	for j.turn && j.ended {
		j.room++
		if j.after == nil {
			j.last = nil
			break
		}
		j = j.after
		for len(j.waiting) > 0 {
			results := j.waiting
			j.waiting = nil
			j.mu.Unlock()
			for _, r := range results {
				j.tell(r)
			}
			j.mu.Lock()
		}
		j.turn = true
	}
	j.moved.Broadcast()
}
