package api

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

// AccessKeyVerifyBatch is AccessKeyVerify for each of its questions, all at the same time, so that those which need the database share its
// reads. The answers go out together, after the last of them.
func (s *Server) AccessKeyVerifyBatch(ctx context.Context, req api.AccessKeyVerifyBatchRequestObject) (api.AccessKeyVerifyBatchResponseObject, error) {
	answers := make([]api.AccessKeyVerifyBatchAnswer, len(req.Body.Questions))
	var judging sync.WaitGroup
	for i := range answers {
		judging.Go(func() { answers[i] = s.answer(ctx, &req.Body.Questions[i]) })
	}
	judging.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return api.AccessKeyVerifyBatch200JSONResponse{Answers: answers}, nil
}

// answer gives the result of one question or its problem; whatever goes wrong with it goes wrong with it alone.
func (s *Server) answer(ctx context.Context, in *api.AccessKeyVerifyInput) api.AccessKeyVerifyBatchAnswer {
	result, err := s.verifySurviving(ctx, in)
	if err == nil {
		return api.AccessKeyVerifyBatchAnswer{Result: &result}
	}
	trace := arrivalOf(ctx).trace
	if isFault(err) {
		s.cfg.Log.ErrorContext(ctx, "a question of a batch has no answer", slog.String("request_id", trace), slog.String("error", err.Error()))
	}
	p := problemOf(err)
	return api.AccessKeyVerifyBatchAnswer{Problem: new(wireProblem(p, problem.Lookup(p.Code).Status, trace))}
}

// verifySurviving is verify in a goroutine of its own, where a panic would end the process. See observer.survive.
func (s *Server) verifySurviving(ctx context.Context, in *api.AccessKeyVerifyInput) (_ api.VerifyResult, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panicked with %T: %s", v, debug.Stack())
		}
	}()
	return s.verify(ctx, in)
}
