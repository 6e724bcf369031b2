package guard

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
)

const (
	alone    = 2                // calls that are on their way before questions wait for each other
	patience = time.Millisecond // how long a question waits for one of them to come back
	most     = 100              // questions in a call, as the contract has it
)

// gatherer asks about several requests in one call where they come faster than answers do: what a call costs, on both sides, is then paid once
// for all of them. A question that comes while there is little to do is asked at once. Each has its own answer, given after it was asked.
type gatherer struct {
	client  *latchkey.Client
	timeout time.Duration

	mu      sync.Mutex
	away    int // calls that have not come back
	waiting []*question
	timer   *time.Timer // ends the patience of those that wait
}

type question struct {
	ctx    context.Context
	in     latchkey.VerifyInput
	answer chan latchkey.VerifyAnswer // has room for the one that it gets
}

// ask is latchkey.Client.AccessKeyVerify.
func (g *gatherer) ask(ctx context.Context, in latchkey.VerifyInput) (latchkey.VerifyResult, error) {
	q, call := g.join(ctx, in)
	if q == nil {
		defer g.back()
		return g.client.AccessKeyVerify(ctx, in)
	}
	if call != nil {
		go g.send(call)
	}
	select {
	case a := <-q.answer:
		return a.Result, a.Err
	case <-ctx.Done():
		return latchkey.VerifyResult{}, ctx.Err()
	}
}

// join gives nil if the question shall be asked at once, or the question that waits, and with it the call that is full.
func (g *gatherer) join(ctx context.Context, in latchkey.VerifyInput) (*question, []*question) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.away < alone {
		g.away++
		return nil, nil
	}
	q := &question{ctx: ctx, in: in, answer: make(chan latchkey.VerifyAnswer, 1)}
	g.waiting = append(g.waiting, q)
	switch len(g.waiting) {
	case 1:
		if g.timer == nil {
			g.timer = time.AfterFunc(patience, g.impatient)
		} else {
			g.timer.Reset(patience)
		}
	case most:
		g.away++
		return q, g.take()
	}
	return q, nil
}

// take gives those that wait. The caller holds the lock.
func (g *gatherer) take() []*question {
	call := g.waiting
	g.waiting = nil
	return call
}

// back is for a call that has come back: those that wait have its place.
func (g *gatherer) back() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if call := g.take(); call != nil {
		go g.send(call)
		return
	}
	g.away--
}

// impatient is for a call that takes long, so that nobody waits for it who could be answered.
func (g *gatherer) impatient() {
	g.mu.Lock()
	call := g.take()
	if call != nil {
		g.away++
	}
	g.mu.Unlock()
	if call != nil {
		g.send(call)
	}
}

// send asks the questions of those that are still there.
func (g *gatherer) send(call []*question) {
	defer g.back()
	asking := call[:0]
	for _, q := range call {
		if q.ctx.Err() == nil {
			asking = append(asking, q)
		}
	}
	if len(asking) < 2 {
		g.each(asking)
		return
	}
	in := make([]latchkey.VerifyInput, len(asking))
	for i, q := range asking {
		in[i] = q.in
	}
	ctx, cancel := context.WithTimeout(context.Background(), g.timeout) // none of them ends it for the others
	defer cancel()
	answers, err := g.client.AccessKeyVerifyBatch(ctx, in)
	if spoiled(err) {
		g.each(asking)
		return
	}
	for i, q := range asking {
		if err != nil {
			q.answer <- latchkey.VerifyAnswer{Err: err}
			continue
		}
		q.answer <- answers[i]
	}
}

// each asks one by one, all at the same time.
func (g *gatherer) each(asking []*question) {
	var calls sync.WaitGroup
	for _, q := range asking {
		calls.Go(func() {
			result, err := g.client.AccessKeyVerify(q.ctx, q.in)
			q.answer <- latchkey.VerifyAnswer{Result: result, Err: err}
		})
	}
	calls.Wait()
}

// spoiled tells whether a batch was refused as a whole and unjudged: one of its questions is none, all are too much together, or the service
// is older than the operation.
func spoiled(err error) bool {
	e, ok := errors.AsType[*latchkey.Error](err)
	if !ok {
		return false
	}
	switch e.Status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge:
		return true
	}
	return false
}
