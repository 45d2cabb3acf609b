package cli

import (
	"context"
	"io"
	"iter"
	"sync"
)

// ahead is how many results of one input may wait for the inputs before it.
const ahead = 64

// inOrder works on several inputs at once and hands on what each gives, in
// the order of the inputs. work sends results until it returns; both stop
// early where the context ends or emit fails. Memory is bounded however many
// inputs there are and whatever each gives.
func inOrder[In, Out any](ctx context.Context, jobs int, inputs iter.Seq[In], work func(context.Context, In, func(Out) error), emit func(In, Out) error) error {
	type job struct {
		in      In
		results chan Out
	}
	outer := ctx
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	queue := make(chan job, jobs)
	todo := make(chan job)
	for range jobs { // they stay: a new goroutine would have to grow its stack for every input
		workers.Go(func() {
			for j := range todo {
				work(ctx, j.in, func(r Out) error {
					select {
					case j.results <- r:
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				})
				close(j.results)
			}
		})
	}
	workers.Go(func() {
		defer close(queue)
		defer close(todo)
		for in := range inputs {
			j := job{in, make(chan Out, ahead)}
			select {
			case queue <- j:
			case <-ctx.Done():
				return
			}
			todo <- j // a worker ends with the context, so this does too
		}
	})
	for j := range queue {
		for r := range j.results {
			if err := outer.Err(); err != nil {
				return err
			}
			if err := emit(j.in, r); err != nil {
				return err
			}
		}
	}
	return outer.Err()
}

// interruptible gives a reader that fails when the context ends, even while r
// itself waits, as a terminal or a pipe may for ever.
func interruptible(ctx context.Context, r io.Reader) io.ReadCloser {
	in, out := io.Pipe()
	go func() {
		_, err := io.Copy(out, r)
		out.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { out.CloseWithError(ctx.Err()) })
	return in
}
