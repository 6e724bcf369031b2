package main

// mutant is one mistake in the protocol: a step left out, or out of order.
type mutant uint8

const (
	faithful mutant = iota

	leaseFromEnd
	baseLast
	publishFirst
	longerLease
	lessOrEqual
	clockFirst
	keepEntry
	negativeUnleased
	baseLowered

	noGeneration
	keyGuardsAccount
	noFloor
	floorLate
	dropFirst
	checkApart
	registeredAtInsert
	registrationNotAsked

	cursorFirst
	claimHead
	commitFirst
	replicaSync
	unprovenSync
	ignoreNoRow
	ignoreKind
	leaseSurvives
	syncSurvives
	noFlush
	flushKeepsGeneration
	sharedID
	noNonce
	noTimeline

	sequenceClock
	retryAtOnce
	headBeforeRow
	anyAck
	blindPoll
	pollByNumber
	asyncCommit
	warningIgnored
	suspensionUntold
	enableUntold
	waitFromBefore
	listAtOnce
	settleAtOnce
	settleAny
	settleUnproved

	wallClock
	deleteBlindly
	hastyJanitor

	joinSync
	atLeastLate

	raiseLeaseFirst
	raiseShortens
	lowerWaitFirst
	lowerAtOnce
	lowerByAck
	waitUnlocked
	leaseReadLast
	lengthLast
	lengthAlone
)

// mistake is a mutant that a run must catch.
type mistake struct {
	mutant mutant
	name   string
	run    string
	breaks property
	about  string
}

// mistakes are all mutants, each with the smallest run that shows what it breaks.
var mistakes = []mistake{
	// The lease.
	{leaseFromEnd, "leaseFromEnd", "smallest", p1, "the lease begins when its sync ends"},
	{baseLast, "baseLast", "smallest", p1, "a verification reads the lease after the look-up"},
	{publishFirst, "publishFirst", "smallest", p1, "the lease is published before the changes are applied"},
	{longerLease, "longerLease", "smallest", p1, "a node's lease is longer than a revoker's wait"},
	{lessOrEqual, "lessOrEqual", "smallest", p1, "a lease holds at its very end: <= for <"},
	{clockFirst, "clockFirst", "early", p3, "the clock is read before the decision"},
	{keepEntry, "keepEntry", "secondTry", p1, "the second try keeps what the first one looked up"},
	{negativeUnleased, "negativeUnleased", "regenerate", secret, "a negative answer needs no lease"},
	{baseLowered, "baseLowered", "twoSyncs", kept, "a late sync makes the lease older"},

	// Fills.
	{noGeneration, "noGeneration", "smallest", p1, "a fill inserts whatever was dropped meanwhile"},
	{keyGuardsAccount, "keyGuardsAccount", "suspension", p1, "an account is inserted under the generation of its key"},
	{noFloor, "noFloor", "replica", p1, "a fill takes what any server says"},
	{floorLate, "floorLate", "replica", p1, "the floor is raised after the drops"},
	{dropFirst, "dropFirst", "smallest", p1, "drop, then count up the generation: not in one"},
	{checkApart, "checkApart", "smallest", p1, "check the generation, then insert: not in one"},
	{registeredAtInsert, "registeredAtInsert", "smallest", p1, "a fill asks at its insert whether the node is registered"},
	{registrationNotAsked, "registrationNotAsked", "smallest", p1, "a fill never asks whether the node is registered"},

	// Sync and registration.
	{cursorFirst, "cursorFirst", "failures", p1, "the cursor is raised before the drops"},
	{claimHead, "claimHead", "smallest", p1, "applied_v is the head, not what was applied"},
	{commitFirst, "commitFirst", "smallest", p1, "applied_v is committed before the drops"},
	{replicaSync, "replicaSync", "replica", p1, "a sync reads a replica"},
	{unprovenSync, "unprovenSync", "failover", p1, "a sync commits nothing, so that an old primary will do"},
	{ignoreNoRow, "ignoreNoRow", "janitor", p1, "a node whose row is gone goes on"},
	{ignoreKind, "ignoreKind", "unknownKind", p1, "a change of an unknown kind is skipped"},
	{leaseSurvives, "leaseSurvives", "failover", p1, "a node that registers anew keeps its lease"},
	{syncSurvives, "syncSurvives", "replicaTwoSyncs", p1, "a sync from before a registration renews the lease after it"},
	{noFlush, "noFlush", "janitor", p1, "a node registers anew without forgetting"},
	{flushKeepsGeneration, "flushKeepsGeneration", "janitor", p1, "a node registers anew without counting up the generations"},
	{sharedID, "sharedID", "twoNodes", p1, "a restarted process takes over the id of the old one"},
	{noNonce, "noNonce", "noTimeline", p1, "changes of two histories are told apart by number"},
	{noTimeline, "noTimeline", "liveFailover", live, "histories are told apart by nonces alone"},

	// Withdrawing.
	{sequenceClock, "sequenceClock", "otherKey", p1, "v comes from a sequence, so that commits overtake each other"},
	{retryAtOnce, "retryAtOnce", "retry", p1, "a repeated call answers at once"},
	{headBeforeRow, "headBeforeRow", "retry", p1, "a repeated call reads the head before the row and waits for that"},
	{anyAck, "anyAck", "twoNodes", p1, "an answer does not wait for a node that lags"},
	{blindPoll, "blindPoll", "failover", p1, "the poll does not look for its own change"},
	{pollByNumber, "pollByNumber", "failoverRetry", p1, "the poll looks for its own number, not its nonce"},
	{asyncCommit, "asyncCommit", "smallest", p1, "synchronous_commit=off, and a crash"},
	{warningIgnored, "warningIgnored", "failover", p1, "a WARNING at COMMIT counts as success"},
	{suspensionUntold, "suspensionUntold", "suspension", p1, "a suspension is not in the feed"},
	{enableUntold, "enableUntold", "live", live, "an enabled key is not in the feed"},
	{waitFromBefore, "waitFromBefore", "smallest", p1, "the wait is counted from before the commit"},
	{listAtOnce, "listAtOnce", "smallest", p1, "a list says `revoked` from the commit on"},
	{settleAtOnce, "settleAtOnce", "settle", p1, "the job does not wait"},
	{settleAny, "settleAny", "failoverSettle", p1, "the job settles another withdrawal than it saw"},
	{settleUnproved, "settleUnproved", "failoverSettle", p1, "the job settles a withdrawal that may not be replicated"},

	// The janitor.
	{wallClock, "wallClock", "janitor", p1, "the janitor believes the time of day"},
	{deleteBlindly, "deleteBlindly", "janitor", p1, "the janitor deletes without AND seq = what it saw"},
	{hastyJanitor, "hastyJanitor", "janitor", p1, "the janitor waits less than a lease"},

	// Strict and at_least.
	{joinSync, "joinSync", "strict", strict, "strict joins a sync that is under way"},
	{atLeastLate, "atLeastLate", "atLeast", strict, "at_least compares after the look-up"},

	// Changing the lease.
	{raiseLeaseFirst, "raiseLeaseFirst", "raise", p1, "raised: the lease first, then the wait"},
	{raiseShortens, "raiseShortens", "twoOperators", p1, "raised while another lowers: the wait becomes shorter"},
	{lowerWaitFirst, "lowerWaitFirst", "lower", p1, "lowered: the wait first, then the lease"},
	{lowerAtOnce, "lowerAtOnce", "lower", p1, "lowered: the wait at once after the lease"},
	{lowerByAck, "lowerByAck", "lower", p1, "lowered: the wait once every node applied the change of the lease"},
	{waitUnlocked, "waitUnlocked", "raise", p1, "a revoker reads its wait before it has the clock's lock"},
	{leaseReadLast, "leaseReadLast", "raise", p1, "a sync reads the lease after the changes, not with them"},
	{lengthLast, "lengthLast", "raise", p1, "a verification takes the lease's begin first and its length last"},
	{lengthAlone, "lengthAlone", "lowerTwoSyncs", p1, "a late sync sets the length of a lease that is not its own"},
}
