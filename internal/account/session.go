package account

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rs/xid"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/internal/audit"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// Session is a browser that has signed in.
type Session struct {
	ID         string // xid
	AccountID  string
	CreatedAt  time.Time
	LastSeenAt time.Time // to the minute
	ExpiresAt  time.Time // the absolute end
	Address    string
	UserAgent  string
}

const (
	sessionBytes = 32
	userAgentMax = 200 // bytes
	touchEvery   = time.Minute
)

// startSession adds a session for an account that has just proved itself, and gives the cookie's value, which is stored
// nowhere. The caller holds the account's lock, or more sessions at once than SessionsMost would be left.
func (s *Store) startSession(ctx context.Context, tx act, caller auth.Caller, a Account) (Session, token.Secret, error) {
	raw := make([]byte, sessionBytes)
	if _, err := io.ReadFull(s.cfg.Rand, raw); err != nil {
		return Session{}, token.Secret{}, fmt.Errorf("mint session: %w", err)
	}
	cookie := base64.RawURLEncoding.EncodeToString(raw)
	digest := sha256.Sum256([]byte(cookie))
	row, err := s.q.SessionInsert(ctx, tx, managedb.SessionInsertParams{ID: xid.NewWithTime(tx.now).String(), AccountID: a.ID, Digest: digest[:],
		Now: tx.now, ExpiresAt: tx.now.Add(s.cfg.SessionLife), Address: caller.Address, UserAgent: cut(caller.UserAgent)})
	if err != nil {
		return Session{}, token.Secret{}, fmt.Errorf("insert session: %w", err)
	}
	oldest, err := s.q.SessionTrim(ctx, tx, managedb.SessionTrimParams{AccountID: a.ID, Keep: int32(s.cfg.SessionsMost)})
	if err != nil {
		return Session{}, token.Secret{}, fmt.Errorf("end the oldest sessions: %w", err)
	}
	tx.Withdraw(changefeed.Session, inHex(oldest)...)
	err = audit.Record(ctx, tx, caller.As(a.ID, a.Handle), tx.now, sessionEvent(audit.SessionStarted, row))
	return sessionFromRow(row), token.NewSecret(cookie), err
}

// SessionList reads the sessions of caller that have not ended, newest first.
func (s *Store) SessionList(ctx context.Context, caller auth.Caller) ([]Session, error) {
	now := s.moment()
	rows, err := s.q.SessionList(ctx, s.cfg.Pool, managedb.SessionListParams{AccountID: caller.AccountID, Now: now, IdleSince: now.Add(-s.cfg.SessionIdle)})
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	list := make([]Session, len(rows))
	for i, r := range rows {
		list[i] = sessionFromRow(r)
	}
	return list, nil
}

// SessionDelete ends one session of caller, on every node.
//
// Errors: problem.NotFound, also for a session of somebody else; problem.RevocationUnconfirmed.
func (s *Store) SessionDelete(ctx context.Context, caller auth.Caller, id string) error {
	return s.goneEverywhere(ctx, s.change(ctx, func(tx act) error {
		row, err := s.q.SessionDelete(ctx, tx, managedb.SessionDeleteParams{ID: id, AccountID: caller.AccountID})
		if err != nil {
			return orNotFound(err, "end session")
		}
		tx.Withdraw(changefeed.Session, hex.EncodeToString(row.Digest))
		return audit.Record(ctx, tx, caller, tx.now, sessionEvent(audit.SessionEnded, row))
	}))
}

// endSessions ends every session of an account.
func (s *Store) endSessions(ctx context.Context, tx act, accountID string) error {
	digests, err := s.q.SessionDeleteAll(ctx, tx, accountID)
	if err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	tx.Withdraw(changefeed.Session, inHex(digests)...)
	return nil
}

func inHex(digests [][]byte) []string {
	list := make([]string, len(digests))
	for i, d := range digests {
		list[i] = hex.EncodeToString(d)
	}
	return list
}

// SignOut ends the session that caller came with. It may have ended meanwhile.
func (s *Store) SignOut(ctx context.Context, caller auth.Caller) error {
	err := s.SessionDelete(ctx, caller, caller.CredentialID)
	if errors.Is(err, problem.New(problem.NotFound)) {
		return nil
	}
	return err
}

// SessionTouch notes that the session of caller is in use, if that was last noted more than a minute before now.
func (s *Store) SessionTouch(ctx context.Context, caller auth.Caller, lastSeen time.Time) error {
	now := s.moment()
	if now.Sub(lastSeen) < touchEvery {
		return nil
	}
	err := s.q.SessionTouch(ctx, s.cfg.Pool, managedb.SessionTouchParams{ID: caller.CredentialID, Now: now, Before: now.Add(-touchEvery)})
	if err != nil {
		return fmt.Errorf("note use of session: %w", err)
	}
	return nil
}

// PurgeSessions removes up to 1000 sessions that have ended; it answers how many there were.
func (s *Store) PurgeSessions(ctx context.Context) (int64, error) {
	now := s.moment()
	return s.q.SessionPurge(ctx, s.cfg.Pool, managedb.SessionPurgeParams{Now: now, IdleSince: now.Add(-s.cfg.SessionIdle), Page: purgePage})
}

func sessionFromRow(r managedb.Session) Session {
	return Session{ID: r.ID, AccountID: r.AccountID, CreatedAt: r.CreatedAt, LastSeenAt: r.LastSeenAt, ExpiresAt: r.ExpiresAt, Address: r.Address, UserAgent: r.UserAgent}
}

func sessionEvent(what audit.Type, r managedb.Session) audit.Event {
	return audit.Event{Type: what, AccountID: r.AccountID, Target: audit.Target{Kind: "session", ID: r.ID}}
}

// cut keeps the beginning of what a browser calls itself, as printable ASCII.
func cut(userAgent string) string {
	b := []byte(userAgent)
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b[:min(len(b), userAgentMax)])
}
