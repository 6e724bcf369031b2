import { Latchkey, LatchkeyError, type Schema } from "@latchkey-dev/sdk";
import { notifyManager, QueryClient, queryOptions, type DataTag, type QueryKey } from "@tanstack/react-query";

export type Account = Schema<"Account">;
export type AccessKey = Schema<"AccessKey">;
export type OwnedAccessKey = Schema<"OwnedAccessKey">;
export type AccessKeyStatus = Schema<"AccessKeyStatus">;
export type Catalogue = Schema<"PermissionCatalogue">;
export type Role = Schema<"Role">;
export type AuditEvent = Schema<"AuditEvent">;

/** Asks for a new session and tells whether there is one, of the same account as before. See SignInAgain. */
export type Renew = () => Promise<boolean>;

let renew: Renew | undefined;

/** What is asked when a session has ended in the middle of work. Without it, the refusal goes to whoever called. */
export function onSessionEnd(ask: Renew | undefined) {
  renew = ask;
}

const opensSession = /\/api\/(setup|auth\/password\/(signin|signup))$/;

// A call that is refused because the session has ended waits until its user has signed in again, and is then made once more:
// whoever filled in a form loses nothing.
async function patient(request: Request): Promise<Response> {
  const again = request.clone();
  const response = await fetch(request);
  if (response.status !== 401 || !renew || opensSession.test(request.url)) return response;
  const code = ((await response.clone().json().catch(() => ({}))) as { error?: string }).error;
  if (code !== "credential_invalid" && code !== "credential_required") return response; // as a wrong old password is
  return (await renew()) ? fetch(again) : response;
}

/** The API, as the one who is signed in. Who waits for them has no time-out, and the queries below try again by themselves. */
export const api = new Latchkey({ fetch: patient, timeout: false, retries: false });

// A button is busy before the second click of a double click can come, not in a task after it.
notifyManager.setScheduler(queueMicrotask);

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // Faults of the moment are tried again, refusals are not.
      // Nobody is kept waiting for long without a word, nor is the service asked before it wants to be.
      retry: (failures, error) => failures < 2 && error instanceof LatchkeyError && (error.status === 0 || error.status === 503) && (error.retryAfter ?? 0) <= 2,
      retryDelay: (failures, error) => (error instanceof LatchkeyError && error.retryAfter ? error.retryAfter * 1000 : 2 ** failures * 500),
    },
    mutations: { gcTime: 0 },
  },
});

/** Puts what a change was answered with in the place of what was known before. A question that is still on its way may have the older answer. */
export async function put<T>({ queryKey }: { queryKey: DataTag<QueryKey, T, Error> }, data: T) {
  await queries.cancelQueries({ queryKey, exact: true });
  queries.setQueryData<T>(queryKey, () => data);
}

/** Who is signed in; fails with 401 where nobody is. */
export const me = queryOptions({ queryKey: ["me"], queryFn: ({ signal }) => api.accountGet({ signal }), staleTime: 30_000 });

/** How the instance is set. */
export const instance = queryOptions({ queryKey: ["instance"], queryFn: ({ signal }) => api.instanceGet({ signal }), staleTime: 60_000 });

/** What permissions there are. */
export const catalogue = queryOptions({ queryKey: ["catalogue"], queryFn: ({ signal }) => api.permissionCatalogueGet({ signal }), staleTime: 30_000 });

/** Whether an account holds a permission by name, as the service decides it. */
export function holds(account: Account, permission: string): boolean {
  return account.permissions.includes("ADMINISTRATOR") || account.permissions.includes(permission);
}
