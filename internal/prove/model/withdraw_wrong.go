package main

// counting tells whether the call's own clock runs.
func (c *withdrawal) counting(w *world) bool {
	return c.stage == waiting || w.mutant == waitFromBefore && (c.stage == prepared || c.stage == committed)
}

// prepares tells whether a mutant makes a call do something before its commit.
func (w *world) prepares(i int) bool {
	switch w.mutant {
	case waitFromBefore, waitUnlocked, sequenceClock:
		return true
	case headBeforeRow:
		return i == 1 && w.second == aRetry
	}
	return false
}

func (w *world) prepare(s *state, i int) string {
	c := &s.withdrawal[i]
	c.stage, c.wait = prepared, s.primary.wait
	switch w.mutant {
	case headBeforeRow:
		c.at = s.primary.head()
		return "withdraw: reads the head of the changes, for the case that the key is withdrawn already"
	case sequenceClock:
		c.at = s.primary.append(ofOpen)
		return "withdraw: takes its number from a sequence; its transaction is open"
	case waitUnlocked:
		return "withdraw: reads the wait, before it has the clock's lock"
	}
	return "withdraw: reads its own clock"
}

func (w *world) commitPrepared(s *state, i int) string {
	c := &s.withdrawal[i]
	before := *c
	switch w.mutant {
	case headBeforeRow:
		if s.primary.key != changed {
			return ""
		}
		c.stage = committed
		return "withdraw: the key is withdrawn already; it takes no number of its own"
	case sequenceClock:
		s.commit(false, func(db *database) {
			w.changeRow(s, db, i)
			db.change[c.at.v].kind = w.announced(i)
		})
		c.stage = committed
		return "withdraw: COMMIT"
	}
	w.commitCall(s, i, false)
	if w.mutant == waitUnlocked {
		c.wait = before.wait
	}
	return "withdraw: the row, v + 1, the change; COMMIT"
}
