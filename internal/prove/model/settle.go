package main

// settler is the job that tells lists of withdrawals whose own call ended before it could.
type settler struct {
	stage  settling
	seen   revision // the withdrawal
	wait   ticks
	waited ticks // since it was seen
}

type settling uint8

const (
	settlerIdle settling = iota
	settlerSaw
	settlerProved // a commit without a WARNING shows that what it saw is replicated
	settlerWaits
	settlerDone
)

func (j *settler) waiting() bool { return j.stage != settlerIdle && j.stage != settlerDone }

// settling lists what the job does next. Its last COMMIT may come with a WARNING, and lists show it all the same: hence the
// one before.
func (w *world) settling(s *state) {
	if !w.settle {
		return
	}
	w.try(s, "job", func(next *state) string {
		j, db := &next.settler, &next.primary
		switch {
		case j.stage == settlerIdle && db.key == changed && !db.effective && next.withdrawal[0].stage == lost:
			j.stage, j.seen = settlerSaw, db.revoked
			return "sees a key that is `revoking`"
		case j.stage == settlerSaw:
			j.stage = settlerProved
			if w.mutant == settleUnproved {
				return "goes on"
			}
			next.commit(false, func(*database) {})
			return "commits something, without a WARNING"
		case j.stage == settlerProved:
			j.stage, j.wait = settlerWaits, db.wait
			return "reads the wait"
		case j.stage == settlerWaits && (j.waited >= j.wait || w.mutant == settleAtOnce):
			db.effective = db.effective || db.key == changed && (db.revoked == j.seen || w.mutant == settleAny)
			*j = settler{stage: settlerDone}
			return "every older lease has ended; revocation_effective_at is set"
		}
		return ""
	})
}
