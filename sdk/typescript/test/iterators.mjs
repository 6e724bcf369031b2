/** What gives the items of the pages of an operation: the operation, the member of its answer, and what goes before the query. */
export const iterators = {
  accessKeys: ["AccessKeyList", "keys", []],
  accountCredits: ["AccountCreditsList", "entries", []],
  auditEvents: ["AuditEventList", "events", []],
  adminAuditEvents: ["AdminAuditEventList", "events", []],
  adminAccessKeys: ["AdminAccessKeyList", "keys", []],
  accounts: ["AccountList", "accounts", []],
  adminAccountCredits: ["AdminAccountCreditsList", "entries", ["a"]],
};
