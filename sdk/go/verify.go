package latchkey

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

// VerifyInput is a key that somebody sent, and what it should be good for.
type VerifyInput struct {
	Key Key
	Ask
	Cost    *int64     // in credits; nil: what the catalogue says
	Address netip.Addr // of the client that sent the key; the zero Addr is not told
	DryRun  bool       // uses and counts nothing
	Strict  bool       // judge by a state of the database that is no older than this call
	AtLeast Revision   // judge by a state that is no older than this; empty: any that may be used
}

// wire is the one place where the key is in the open.
func (in VerifyInput) wire() api.AccessKeyVerifyInput {
	ask := in.Ask.wire()
	out := api.AccessKeyVerifyInput{Key: in.Key.Reveal(), Request: ask.Request, Resource: ask.Resource, Access: ask.Access, Permission: ask.Permission,
		Cost: in.Cost, AtLeast: optional(in.AtLeast)}
	if in.Address.IsValid() {
		out.Address = new(in.Address.WithZone("").String())
	}
	if in.DryRun {
		out.Record = new(false)
	}
	if in.Strict {
		out.Consistency = new(api.AccessKeyVerifyInputConsistencyStrict)
	}
	return out
}

// AccessKeyVerify says whether somebody's key is good. A bad key is a result that is not Valid, and no error: an error means
// that nobody knows, and nobody is to be let in.
func (c *Client) AccessKeyVerify(ctx context.Context, in VerifyInput) (VerifyResult, error) {
	return result[VerifyResult](c.core.AccessKeyVerify(ctx, in.wire()))
}

// VerifyAnswer is what AccessKeyVerify would have given: a Result, or the *Error why there is none.
type VerifyAnswer struct {
	Result VerifyResult
	Err    error
}

// AccessKeyVerifyBatch is AccessKeyVerify for 1 to 100 questions in one call. The answers are in the order of the questions, and as many; an error
// is about the call as a whole, of which nobody is to be let in.
func (c *Client) AccessKeyVerifyBatch(ctx context.Context, questions []VerifyInput) ([]VerifyAnswer, error) {
	in := api.AccessKeyVerifyBatchInput{Questions: make([]api.AccessKeyVerifyInput, len(questions))}
	for i, q := range questions {
		in.Questions[i] = q.wire()
	}
	got, err := result[api.AccessKeyVerifyBatchResult](c.core.AccessKeyVerifyBatch(ctx, in))
	if err != nil {
		return nil, err
	}
	if len(got.Answers) != len(questions) {
		return nil, fmt.Errorf("latchkey: %d answers to %d questions", len(got.Answers), len(questions))
	}
	answers := make([]VerifyAnswer, len(questions))
	for i, a := range got.Answers {
		switch {
		case a.Result != nil && a.Problem == nil:
			answers[i].Result = *a.Result
		case a.Problem != nil && a.Result == nil:
			answers[i].Err = problemError(*a.Problem)
		default:
			answers[i].Err = errors.New("latchkey: neither a result nor a problem")
		}
	}
	return answers, nil
}

// TokenIntrospect is AccessKeyVerify as RFC 7662 has it. It takes a Client that holds a key.
func (c *Client) TokenIntrospect(ctx context.Context, token Key) (IntrospectResult, error) {
	return result[IntrospectResult](c.core.TokenIntrospectWithFormdataBody(ctx, api.IntrospectInput{Token: token.Reveal()}))
}
