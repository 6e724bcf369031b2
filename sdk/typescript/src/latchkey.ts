import createClient, { type Client } from "openapi-fetch";

import { unreachable } from "./error.js";
import { each } from "./pages.js";
import type { components, operations, paths } from "./schema.js";
import { Draft, send, type Fetch, type Patience } from "./send.js";

/** Where the service is, who is calling, and how long they wait. */
export interface Config extends Patience {
  /** Scheme and host, as https://keys.example.com. In a browser: absent for the page's own origin. */
  baseUrl?: string;
  /** An access key, sent with every request. Without one, a browser sends its session's cookie. */
  key?: string;
  /** In place of the global fetch. */
  fetch?: Fetch;
}

/** What any call takes. */
export interface Options {
  signal?: AbortSignal | undefined;
  /** In place of the one of Config. */
  timeout?: number | false | undefined;
}

/** Leaves a thing alone that changed since it had this version: 412 `version_mismatch`. */
export interface IfMatch {
  ifVersion?: number | undefined;
}

/** What an operation takes in its query. */
export type Query<ID extends keyof operations> = NonNullable<operations[ID]["parameters"]["query"]>;
/** What an operation takes as its body. */
export type Body<ID extends keyof operations> = operations[ID] extends { requestBody: { content: infer C } } ? C[keyof C] : never;
/** A schema of the contract by its name. */
export type Schema<Name extends keyof components["schemas"]> = components["schemas"][Name];

/**
 * One method for each operation of the API, named as there. Each gives what the operation answers, or throws a
 * LatchkeyError with the code of the contract; where `signal` ends it, the signal's reason. For what comes in pages there is one
 * more, named after what it gives, for `for await`.
 */
export class Latchkey {
  private readonly http: Client<paths>;

  /** Calls nobody. */
  constructor({ baseUrl = "", key, fetch, ...patience }: Config = {}) {
    this.http = createClient<paths>({
      baseUrl,
      ...(key !== undefined && { headers: { Authorization: `Bearer ${key}` } }),
      Request: Draft as unknown as typeof Request,
      redirect: "manual", // Latchkey sends none, and a credential must not travel to an address that nobody wrote down
    });
    this.http.use({ onRequest: ({ request, schemaPath }) => send(request as unknown as Draft, schemaPath, fetch, patience) });
  }

  /** Make the first administrator. */
  setupComplete(body: Body<"SetupComplete">, options: Options = {}) {
    return result(this.http.POST("/api/setup", { body, ...init(options) }));
  }

  /** How this instance is set. */
  instanceGet(options: Options = {}) {
    return result(this.http.GET("/api/instance", init(options)));
  }

  /** Sign up with a handle and a password. */
  authPasswordSignup(body: Body<"AuthPasswordSignup">, options: Options = {}) {
    return result(this.http.POST("/api/auth/password/signup", { body, ...init(options) }));
  }

  /** Sign in with a handle and a password. */
  authPasswordSignin(body: Body<"AuthPasswordSignin">, options: Options = {}) {
    return result(this.http.POST("/api/auth/password/signin", { body, ...init(options) }));
  }

  /** Change the own password. */
  authPasswordUpdate(body: Body<"AuthPasswordUpdate">, options: Options = {}) {
    return result(this.http.PATCH("/api/auth/password", { body, ...init(options) }));
  }

  /** Sign out. */
  authLogout(options: Options = {}) {
    return done(this.http.POST("/api/auth/logout", init(options)));
  }

  /** List the own sessions. */
  sessionList(options: Options = {}) {
    return result(this.http.GET("/api/auth/sessions", init(options)));
  }

  /** End one of the own sessions. */
  sessionDelete(sessionId: string, options: Options = {}) {
    return done(this.http.DELETE("/api/auth/sessions/{session_id}", { params: { path: { session_id: sessionId } }, ...init(options) }));
  }

  /** See the own account. */
  accountGet(options: Options = {}) {
    return result(this.http.GET("/api/accounts", init(options)));
  }

  /** Give a role to an account. */
  accountAddRole(handle: string, roleId: string, options: Options = {}) {
    return result(this.http.PUT("/api/accounts/{handle}/roles/{role_id}", { params: { path: { handle, role_id: roleId } }, ...init(options) }));
  }

  /** Take a role from an account. */
  accountRemoveRole(handle: string, roleId: string, options: Options = {}) {
    return result(this.http.DELETE("/api/accounts/{handle}/roles/{role_id}", { params: { path: { handle, role_id: roleId } }, ...init(options) }));
  }

  /** List all roles. */
  roleList(options: Options = {}) {
    return result(this.http.GET("/api/roles", init(options)));
  }

  /** Create a role. */
  roleCreate(body: Body<"RoleCreate">, options: Options = {}) {
    return result(this.http.POST("/api/roles", { body, ...init(options) }));
  }

  /** See a role. */
  roleGet(roleId: string, options: Options = {}) {
    return result(this.http.GET("/api/roles/{role_id}", { params: { path: { role_id: roleId } }, ...init(options) }));
  }

  /** Change a role. */
  roleUpdate(roleId: string, body: Body<"RoleUpdate">, options: Options = {}) {
    return result(this.http.PATCH("/api/roles/{role_id}", { params: { path: { role_id: roleId } }, body, ...init(options) }));
  }

  /** Delete a role. */
  roleDelete(roleId: string, options: Options = {}) {
    return done(this.http.DELETE("/api/roles/{role_id}", { params: { path: { role_id: roleId } }, ...init(options) }));
  }

  /** List the own keys. */
  accessKeyList(query: Query<"AccessKeyList"> = {}, options: Options = {}) {
    return result(this.http.GET("/api/auth/access-keys", { params: { query }, ...init(options) }));
  }

  /** Each of the own keys, page by page. */
  accessKeys(query: Query<"AccessKeyList"> = {}, options: Options = {}) {
    return each((cursor) => this.accessKeyList({ ...query, ...from(cursor) }, options), ({ keys }) => keys, query.cursor, options.signal);
  }

  /** Create a key. */
  accessKeyCreate(body: Body<"AccessKeyCreate">, options: Options = {}) {
    return result(this.http.POST("/api/auth/access-keys", { body, ...init(options) }));
  }

  /** See one of the own keys. */
  accessKeyGet(accessKeyId: string, options: Options = {}) {
    return result(this.http.GET("/api/auth/access-keys/{access_key_id}", { params: { path: { access_key_id: accessKeyId } }, ...init(options) }));
  }

  /** Rename a key, change its expiry, permissions or limits, disable or enable it. */
  accessKeyUpdate(accessKeyId: string, body: Body<"AccessKeyUpdate">, options: Options & IfMatch = {}) {
    return result(this.http.PATCH("/api/auth/access-keys/{access_key_id}", { params: { path: { access_key_id: accessKeyId }, header: ifMatch(options) }, body, ...init(options) }));
  }

  /** Revoke one of the own keys. */
  accessKeyDelete(accessKeyId: string, options: Options = {}) {
    return revision(this.http.DELETE("/api/auth/access-keys/{access_key_id}", { params: { path: { access_key_id: accessKeyId } }, ...init(options) }));
  }

  /** Give a key a new secret. */
  accessKeyRegenerate(accessKeyId: string, body: Body<"AccessKeyRegenerate">, options: Options & IfMatch = {}) {
    return result(this.http.POST("/api/auth/access-keys/{access_key_id}/regenerate", { params: { path: { access_key_id: accessKeyId }, header: ifMatch(options) }, body, ...init(options) }));
  }

  /** End the overlap of a regenerated key. */
  accessKeyPreviousSecretDelete(accessKeyId: string, options: Options = {}) {
    return revision(this.http.DELETE("/api/auth/access-keys/{access_key_id}/previous-secret", { params: { path: { access_key_id: accessKeyId } }, ...init(options) }));
  }

  /** What could this key do? */
  accessKeyExplain(accessKeyId: string, body: Body<"AccessKeyExplain">, options: Options = {}) {
    return result(this.http.POST("/api/auth/access-keys/{access_key_id}/explain", { params: { path: { access_key_id: accessKeyId } }, body, ...init(options) }));
  }

  /** What a key was used for. */
  accessKeyUsage(accessKeyId: string, query: Query<"AccessKeyUsage"> = {}, options: Options = {}) {
    return result(this.http.GET("/api/auth/access-keys/{access_key_id}/usage", { params: { path: { access_key_id: accessKeyId }, query }, ...init(options) }));
  }

  /** Revoke all own keys, after a security incident. */
  accessKeyRevokeAll(body: Body<"AccessKeyRevokeAll">, options: Options = {}) {
    return result(this.http.POST("/api/auth/access-keys/revoke-all", { body, ...init(options) }));
  }

  /** See the key that is sent. */
  accessKeySelfGet(options: Options = {}) {
    return result(this.http.GET("/api/access-keys/self", init(options)));
  }

  /** Revoke the key that is sent. */
  accessKeySelfRevoke(options: Options = {}) {
    return revision(this.http.DELETE("/api/access-keys/self", init(options)));
  }

  /** Is this key good? */
  accessKeyVerify(body: Body<"AccessKeyVerify">, options: Options = {}) {
    return result(this.http.POST("/api/access-keys/verify", { body, ...init(options) }));
  }

  /** Are these keys good? A problem among the answers is thrown by nobody. */
  accessKeyVerifyBatch(body: Body<"AccessKeyVerifyBatch">, options: Options = {}) {
    return result(this.http.POST("/api/access-keys/verify/batch", { body, ...init(options) }));
  }

  /** Report keys that leaked. */
  accessKeyReport(body: Body<"AccessKeyReport">, options: Options = {}) {
    return result(this.http.POST("/api/access-keys/report", { body, ...init(options) }));
  }

  /** What permissions there are. */
  permissionCatalogueGet(options: Options = {}) {
    return result(this.http.GET("/api/permissions", init(options)));
  }

  /** Describe the API. */
  permissionCatalogueUpdate(body: Body<"PermissionCatalogueUpdate">, options: Options & IfMatch = {}) {
    return result(this.http.PUT("/api/permissions", { params: { header: ifMatch(options) }, body, ...init(options) }));
  }

  /** What the own account used in its window. */
  accountUsage(options: Options = {}) {
    return result(this.http.GET("/api/accounts/usage", init(options)));
  }

  /** What each of the own keys was used for, by day. */
  accountUsageDaily(options: Options = {}) {
    return result(this.http.GET("/api/accounts/usage/daily", init(options)));
  }

  /** The own credits, and the ledger. */
  accountCreditsList(query: Query<"AccountCreditsList"> = {}, options: Options = {}) {
    return result(this.http.GET("/api/accounts/credits", { params: { query }, ...init(options) }));
  }

  /** Each entry of the own ledger, page by page. */
  accountCredits(query: Query<"AccountCreditsList"> = {}, options: Options = {}) {
    return each((cursor) => this.accountCreditsList({ ...query, ...from(cursor) }, options), ({ entries }) => entries, query.cursor, options.signal);
  }

  /** Is this token active? (RFC 7662). */
  tokenIntrospect(body: Body<"TokenIntrospect">, options: Options = {}) {
    return result(this.http.POST("/oauth/introspect", { body, bodySerializer: form, headers: { "Content-Type": formType }, ...init(options) }));
  }

  /** List what the own account did, and what was done to it. */
  auditEventList(query: Query<"AuditEventList"> = {}, options: Options = {}) {
    return result(this.http.GET("/api/audit-events", { params: { query }, ...init(options) }));
  }

  /** Each event of the own account, page by page. */
  auditEvents(query: Query<"AuditEventList"> = {}, options: Options = {}) {
    return each((cursor) => this.auditEventList({ ...query, ...from(cursor) }, options), ({ events }) => events, query.cursor, options.signal);
  }

  /** List what anyone did. */
  adminAuditEventList(query: Query<"AdminAuditEventList"> = {}, options: Options = {}) {
    return result(this.http.GET("/api/admin/audit-events", { params: { query }, ...init(options) }));
  }

  /** Each event of anybody, page by page. */
  adminAuditEvents(query: Query<"AdminAuditEventList"> = {}, options: Options = {}) {
    return each((cursor) => this.adminAuditEventList({ ...query, ...from(cursor) }, options), ({ events }) => events, query.cursor, options.signal);
  }

  /** List everybody's keys with who made them. */
  adminAccessKeyList(query: Query<"AdminAccessKeyList"> = {}, options: Options = {}) {
    return result(this.http.GET("/api/admin/access-keys", { params: { query }, ...init(options) }));
  }

  /** Each of everybody's keys, page by page. */
  adminAccessKeys(query: Query<"AdminAccessKeyList"> = {}, options: Options = {}) {
    return each((cursor) => this.adminAccessKeyList({ ...query, ...from(cursor) }, options), ({ keys }) => keys, query.cursor, options.signal);
  }

  /** Revoke anybody's key. */
  adminAccessKeyDelete(accessKeyId: string, options: Options = {}) {
    return revision(this.http.DELETE("/api/admin/access-keys/{access_key_id}", { params: { path: { access_key_id: accessKeyId } }, ...init(options) }));
  }

  /** Revoke many keys, after a security incident. */
  adminAccessKeyRevokeAll(body: Body<"AdminAccessKeyRevokeAll">, options: Options = {}) {
    return result(this.http.POST("/api/admin/access-keys/revoke-all", { body, ...init(options) }));
  }

  /** List all accounts. */
  accountList(query: Query<"AccountList"> = {}, options: Options = {}) {
    return result(this.http.GET("/api/admin/accounts", { params: { query }, ...init(options) }));
  }

  /** Each account, page by page. */
  accounts(query: Query<"AccountList"> = {}, options: Options = {}) {
    return each((cursor) => this.accountList({ ...query, ...from(cursor) }, options), ({ accounts }) => accounts, query.cursor, options.signal);
  }

  /** Create an account. */
  accountCreate(body: Body<"AccountCreate">, options: Options = {}) {
    return result(this.http.POST("/api/admin/accounts", { body, ...init(options) }));
  }

  /** See an account. */
  adminAccountGet(accountId: string, options: Options = {}) {
    return result(this.http.GET("/api/admin/accounts/{account_id}", { params: { path: { account_id: accountId } }, ...init(options) }));
  }

  /** Set a new password for somebody else's account; ends its sessions. */
  accountPasswordReset(accountId: string, body: Body<"AccountPasswordReset">, options: Options = {}) {
    return result(this.http.PUT("/api/admin/accounts/{account_id}/password", { params: { path: { account_id: accountId } }, body, ...init(options) }));
  }

  /** Suspend an account. */
  accountSuspend(accountId: string, options: Options = {}) {
    return result(this.http.POST("/api/admin/accounts/{account_id}/suspend", { params: { path: { account_id: accountId } }, ...init(options) }));
  }

  /** End the suspension of an account. */
  accountRestore(accountId: string, options: Options = {}) {
    return result(this.http.POST("/api/admin/accounts/{account_id}/restore", { params: { path: { account_id: accountId } }, ...init(options) }));
  }

  /** Limit what the keys of an account may use together. */
  accountLimitsUpdate(accountId: string, body: Body<"AccountLimitsUpdate">, options: Options = {}) {
    return result(this.http.PATCH("/api/admin/accounts/{account_id}/limits", { params: { path: { account_id: accountId } }, body, ...init(options) }));
  }

  /** What an account used in its window. */
  adminAccountUsage(accountId: string, options: Options = {}) {
    return result(this.http.GET("/api/admin/accounts/{account_id}/usage", { params: { path: { account_id: accountId } }, ...init(options) }));
  }

  /** The credits of an account, and its ledger. */
  adminAccountCreditsList(accountId: string, query: Query<"AdminAccountCreditsList"> = {}, options: Options = {}) {
    return result(this.http.GET("/api/admin/accounts/{account_id}/credits", { params: { path: { account_id: accountId }, query }, ...init(options) }));
  }

  /** Each entry of an account's ledger, page by page. */
  adminAccountCredits(accountId: string, query: Query<"AdminAccountCreditsList"> = {}, options: Options = {}) {
    return each((cursor) => this.adminAccountCreditsList(accountId, { ...query, ...from(cursor) }, options), ({ entries }) => entries, query.cursor, options.signal);
  }

  /** Give credits to an account, or take some. */
  accountCreditsAdd(accountId: string, body: Body<"AccountCreditsAdd">, options: Options = {}) {
    return result(this.http.POST("/api/admin/accounts/{account_id}/credits", { params: { path: { account_id: accountId } }, body, ...init(options) }));
  }

  /** How the instances are. */
  instanceHealthGet(options: Options = {}) {
    return result(this.http.GET("/api/admin/health", init(options)));
  }

  /** Is the process alive? */
  livez(options: Options = {}) {
    return result(this.http.GET("/livez", init(options)));
  }

  /** Can this instance serve requests? */
  readyz(options: Options = {}) {
    return result(this.http.GET("/readyz", init(options)));
  }
}

const formType = "application/x-www-form-urlencoded";

type Answer<T> = Promise<{ data?: T; response: Response }>;

/** What was answered. */
async function result<T>(answer: Answer<T>): Promise<T> {
  const { data } = await whole(answer);
  return data as T; // every refusal was thrown
}

async function done(answer: Answer<unknown>): Promise<void> {
  await whole(answer);
}

/** The state from which on the key is dead, for `at_least`. */
async function revision(answer: Answer<unknown>): Promise<string> {
  return (await whole(answer)).response.headers.get("Latchkey-Revision") ?? "";
}

/** Half an answer is none. The parser's own error may quote it, and with it a secret. */
async function whole<T>(answer: Answer<T>): Promise<Awaited<Answer<T>>> {
  try {
    return await answer;
  } catch (error) {
    throw error instanceof SyntaxError ? unreachable() : error;
  }
}

function init({ signal, timeout }: Options): { signal?: AbortSignal; timeout?: number | false } {
  return { ...(signal && { signal }), ...(timeout !== undefined && { timeout }) };
}

function from(cursor: string | undefined): { cursor?: string } {
  return cursor === undefined ? {} : { cursor };
}

function ifMatch({ ifVersion }: IfMatch): { "If-Match"?: string } {
  return ifVersion === undefined ? {} : { "If-Match": `"${ifVersion}"` };
}

function form(body: object): URLSearchParams {
  return new URLSearchParams(Object.entries(body));
}
