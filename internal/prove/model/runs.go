package main

// setup bounds a world: who is in it and what may go wrong. Every run has one key that is withdrawn once, and one
// verification under test at a time, on any node.
type setup struct {
	name, about string

	nodes int
	syncs int  // of one node at once; 0 means 1
	fills int  // of one node at once, beside that of the verification under test; 0 means 1
	warm  bool // nodes begin with everything in memory, and only the verification under test fills

	lease  ticks
	change [2]ticks // what two operators change the lease to; 0: nobody does

	second     second
	accounts   bool // keys are remembered apart from their accounts, and joined
	unknown    bool // the withdrawal is of a kind that the node does not know
	regenerate bool // the withdrawal replaces the secret, and the new one is verified
	enable     bool // the key is enabled again
	settle     bool // a job settles withdrawals whose own call ended too early
	janitor    bool

	failures bool // every exchange with the database may fail, or its answer be lost
	fullPage bool // a sync may find more changes than it reads at once
	abandon  bool // a commit that a sync gave up may still happen
	warnings bool // a commit may come with a WARNING: it is not replicated
	failover bool
	timeless bool // the database does not tell its timeline
	replica  bool // a read may meet a replica that lags

	secondTry bool // a verification whose lease has ended waits for a sync and tries again
	mode      mode
	early     bool // verifications begin at any time, for P2 and P3; else after somebody was told
	alive     bool // LIVE is checked from every state
}

// second is what the second withdrawal of a run is.
type second uint8

const (
	noSecond    second = iota
	aRetry             // the first call again
	anAccount          // the suspension of the key's owner
	anotherKeys        // a withdrawal of another key
)

// runs are the worlds in which the protocol must hold.
var runs = []setup{
	{name: "smallest", about: "one node, one revocation, nothing goes wrong",
		nodes: 1, lease: 2},
	{name: "janitor", about: "a row that stands still is deleted, its node alive or not",
		nodes: 1, lease: 2, janitor: true},
	{name: "failures", about: "every exchange with the database may fail, or its answer be lost",
		nodes: 1, lease: 2, failures: true},
	{name: "everyday", about: "failures, janitor, and a node that must register anew at any time",
		nodes: 1, lease: 2, failures: true, janitor: true, fullPage: true},
	{name: "longLease", about: "the same with a longer lease",
		nodes: 1, lease: 3, failures: true, janitor: true, fullPage: true},
	{name: "abandoned", about: "the same, and a commit may happen after its sync was given up",
		nodes: 1, lease: 2, failures: true, janitor: true, fullPage: true, abandon: true},
	{name: "unknownKind", about: "a change of a kind that came with a later version",
		nodes: 1, lease: 2, failures: true, unknown: true},
	{name: "secondTry", about: "a verification whose lease has ended waits for a sync",
		nodes: 1, lease: 2, failures: true, secondTry: true},
	{name: "twoFills", about: "two verifications fill at once",
		nodes: 1, lease: 2, failures: true, fills: 2},
	{name: "twoSyncs", about: "a new sync begins while the old one goes on",
		nodes: 1, lease: 2, failures: true, syncs: 2},
	{name: "twoNodes", about: "two nodes, which meet in the poll",
		nodes: 2, lease: 2, failures: true, fullPage: true, warm: true},
	{name: "retry", about: "the call is repeated, because it failed or for no reason",
		nodes: 1, lease: 2, failures: true, fullPage: true, janitor: true, second: aRetry},
	{name: "otherKey", about: "another key is withdrawn meanwhile",
		nodes: 1, lease: 2, failures: true, second: anotherKeys},
	{name: "suspension", about: "the owner is suspended meanwhile",
		nodes: 1, lease: 2, accounts: true, second: anAccount},
	{name: "settle", about: "a job settles what a dead process left `revoking`",
		nodes: 1, lease: 2, failures: true, settle: true},
	{name: "early", about: "P2 and P3: verifications before, during and after the withdrawal",
		nodes: 1, lease: 2, failures: true, early: true},
	{name: "regenerate", about: "the new secret of a key, once regenerate answered",
		nodes: 1, lease: 2, failures: true, janitor: true, regenerate: true},
	{name: "strict", about: "consistency: strict, once the commit returned",
		nodes: 1, lease: 2, failures: true, janitor: true, mode: isStrict},
	{name: "atLeast", about: "at_least, once the commit returned",
		nodes: 1, lease: 2, failures: true, janitor: true, mode: isAtLeast},
	{name: "raise", about: "an operator raises the lease",
		nodes: 1, lease: 2, change: [2]ticks{3}, failures: true},
	{name: "lower", about: "an operator lowers the lease",
		nodes: 1, lease: 3, change: [2]ticks{2}, failures: true},
	{name: "lowerTwoSyncs", about: "an operator lowers the lease while two syncs are under way",
		nodes: 1, lease: 2, change: [2]ticks{1}, syncs: 2, warm: true},
	{name: "twoOperators", about: "one operator lowers the lease, the other raises it",
		nodes: 1, lease: 3, change: [2]ticks{1, 2}, warm: true},
	{name: "replica", about: "a read may meet a replica that lags",
		nodes: 1, lease: 2, failures: true, fullPage: true, janitor: true, replica: true},
	{name: "replicaTwoSyncs", about: "the same with two syncs at once",
		nodes: 1, lease: 2, replica: true, syncs: 2},
	{name: "failover", about: "a failover, and commits that were not replicated",
		nodes: 1, lease: 2, failures: true, failover: true, warnings: true},
	{name: "failoverRetry", about: "the same, and the call is repeated",
		nodes: 1, lease: 2, failover: true, warnings: true, second: aRetry},
	{name: "failoverSettle", about: "the same, and the job settles what is left `revoking`",
		nodes: 1, lease: 1, failover: true, warnings: true, second: aRetry, settle: true},
	{name: "failoverEarly", about: "P2 and P3 across a failover",
		nodes: 1, lease: 2, failures: true, failover: true, warnings: true, early: true},
	{name: "failoverStrict", about: "consistency: strict across a failover",
		nodes: 1, lease: 2, failures: true, failover: true, warnings: true, mode: isStrict},
	{name: "failoverAtLeast", about: "at_least across a failover",
		nodes: 1, lease: 2, failures: true, failover: true, warnings: true, mode: isAtLeast},
	{name: "noTimeline", about: "a failover of a database that does not tell its timeline: the nonces have to do",
		nodes: 1, lease: 2, failover: true, warnings: true, second: anotherKeys, timeless: true},
	{name: "live", about: "LIVE, with a key that is enabled again",
		nodes: 1, lease: 2, failures: true, janitor: true, fullPage: true, enable: true, alive: true},
	{name: "liveSuspension", about: "LIVE, with accounts",
		nodes: 1, lease: 2, accounts: true, second: anAccount, alive: true},
	{name: "liveFailover", about: "LIVE, across a failover",
		nodes: 1, lease: 2, failures: true, failover: true, warnings: true, enable: true, alive: true},
}
