// What an audit event says, in a sentence. The parts are data, so that a screen may link them and an export may join them.
import type { AuditEvent } from "../api";
import { plural } from "../ui/format";

export type AuditEventType = AuditEvent["type"];
export type TargetKind = AuditEvent["target"]["kind"];

/** A piece of a sentence: our words, a text that somebody typed, or a thing with an id. */
export type Part = string | { text: string } | { kind: TargetKind; id: string; text: string };

/** What is known of things beside the event itself. An event names its accounts, keys and roles by their ids. */
export interface Names {
  /** The handle of an account. */
  account?: (id: string) => string | undefined;
  /** The name of a key. */
  accessKey?: (id: string) => string | undefined;
  /** The name of a role. */
  role?: (id: string) => string | undefined;
}

/** "ada revoked the key of grace", in parts. */
export function sentence(event: AuditEvent, names: Names = {}): Part[] {
  const say: Say = sentences[event.type] ?? ((t) => [t.actor, `: ${event.type.replaceAll("_", " ")}`]); // of a newer service
  return say(new Teller(event, names)).filter((part) => part !== "");
}

/** The same as a text. */
export const plainSentence = (event: AuditEvent, names: Names = {}): string =>
  sentence(event, names)
    .map((part) => (typeof part === "string" ? part : part.text))
    .join("");

/** What is told by an event's old and new values: one row for each member, in words where there are some. */
export interface Change {
  member: string;
  title: string;
  old: unknown;
  new: unknown;
}

export function changes(event: AuditEvent): Change[] {
  const members = new Set([...Object.keys(event.old ?? {}), ...Object.keys(event.new ?? {})]);
  return [...members].map((member) => ({ member, title: titles[member] ?? member, old: event.old?.[member], new: event.new?.[member] }));
}

const titles: Record<string, string> = {
  name: "Name",
  handle: "Handle",
  colour: "Colour",
  permissions: "Permissions",
  hint: "Hint",
  limits: "Caps",
  expires_at: "Expires",
  disabled_at: "Disabled",
  rotated_at: "New secret",
  previous_expires_at: "Old secret works until",
  revoked_at: "Revoked",
  revoked_because: "Why",
  role: "Role",
  role_id: "Role's id",
  count: "Keys",
  scope: "Scope",
  reason: "Reason",
  source: "Found at",
  version: "Version",
  resources: "Resources",
  routes: "Routes",
  flat: "Flat permissions",
  query: "Queries per window",
  mutation: "Mutations per window",
  window: "Window",
  balance: "Balance",
  amount: "Amount",
  type: "Kind",
  entry_id: "Ledger entry",
};

/** What each type is called in a list to choose from. */
export const typeNames: Record<AuditEventType, string> = {
  setup_completed: "Set-up completed",
  account_created: "Account created",
  account_signed_up: "Account signed up",
  account_suspended: "Account suspended",
  account_restored: "Account restored",
  account_role_added: "Role given",
  account_role_removed: "Role taken away",
  account_limits_updated: "Limits changed",
  account_credits_added: "Credits booked",
  password_changed: "Password changed",
  password_reset: "Password reset",
  session_started: "Signed in",
  session_ended: "Session ended",
  role_created: "Role created",
  role_updated: "Role changed",
  role_deleted: "Role deleted",
  access_key_created: "Key created",
  access_key_updated: "Key changed",
  access_key_revoked: "Key revoked",
  access_keys_revoked: "Many keys revoked",
  access_key_regenerated: "Key regenerated",
  access_key_previous_secret_ended: "Old secret ended",
  access_key_retired_secret_used: "Replaced secret used",
  access_key_expiring: "Key expires soon",
  catalogue_updated: "Catalogue changed",
};

type Say = (t: Teller) => Part[];

// One for each type of the contract: a new type does not compile without its sentence.
const sentences: Record<AuditEventType, Say> = {
  setup_completed: (t) => [t.actor, " set up this instance"],
  account_created: (t) => [t.actor, " created the account ", t.about],
  account_signed_up: (t) => [t.about, " signed up"],
  account_suspended: (t) => [t.actor, " suspended ", t.about],
  account_restored: (t) => [t.actor, " restored ", t.about],
  account_role_added: (t) => [t.actor, " gave ", t.about, " the role ", t.roleOf("new")],
  account_role_removed: (t) => [t.actor, " took the role ", t.roleOf("old"), " from ", t.about],
  account_limits_updated: (t) => [t.actor, " changed the limits of ", t.about],
  account_credits_added: (t) => [t.actor, ...t.credits(), t.about],
  password_changed: (t) => [t.actor, " changed ", ...(t.own ? ["the own password"] : ["the password of ", t.about])],
  password_reset: (t) => [t.actor, " set a new password for ", t.about],
  session_started: (t) => [t.actor, " signed in"],
  session_ended: (t) => [t.actor, ...(t.own ? [t.event.actor.credential_id === t.event.target.id ? " signed out" : " ended another own session"] : [" ended a session of ", t.about])],
  role_created: (t) => [t.actor, " created the role ", t.role],
  role_updated: (t) => [t.actor, " changed the role ", t.role],
  role_deleted: (t) => [t.actor, " deleted the role ", t.role],
  access_key_created: (t) => [t.actor, " created ", ...t.key()],
  access_key_updated: (t) => [t.actor, ...t.changeOfKey()],
  access_key_revoked: (t) => [t.actor, " revoked ", ...t.key(), t.because()],
  access_keys_revoked: (t) => [t.actor, ` revoked ${t.count()}`, ...t.ofMany(), " in an ", t.incident],
  access_key_regenerated: (t) => [t.actor, " gave a new secret to ", ...t.key()],
  access_key_previous_secret_ended: (t) => [t.actor, " ended the old secret of ", ...t.key()],
  access_key_retired_secret_used: (t) => ["Somebody used a replaced secret of ", ...t.key()],
  access_key_expiring: (t) => [...capital(t.key()), " expires within 14 days"],
  catalogue_updated: (t) => [t.actor, " changed the permission catalogue", t.event.new?.version === undefined ? "" : ` to version ${String(t.event.new.version)}`],
};

const capital = ([first, ...rest]: Part[]): Part[] => (typeof first === "string" ? [first[0]!.toUpperCase() + first.slice(1), ...rest] : first ? [first, ...rest] : []);

const becauses: Record<string, string> = {
  holder: ", by presenting it",
  administrator: ", as an administrator",
  reported: ", as it was reported to have leaked",
};

// Gives the words for the parts of one event.
class Teller {
  constructor(
    readonly event: AuditEvent,
    private readonly names: Names,
  ) {}

  /** Whether who did it is whom it is about. */
  get own(): boolean {
    return !this.event.account_id || this.event.account_id === this.event.actor.account_id;
  }

  get actor(): Part {
    const { account_id, handle } = this.event.actor;
    if (account_id) return { kind: "account", id: account_id, text: handle ?? this.handle(account_id) };
    return "Somebody who was not signed in";
  }

  /** The account that it is about. */
  get about(): Part {
    const id = this.event.account_id;
    return id ? { kind: "account", id, text: this.handle(id) } : "an account";
  }

  get role(): Part {
    const { id } = this.event.target;
    return { kind: "role", id, text: this.text("name") ?? this.names.role?.(id) ?? id };
  }

  get incident(): Part {
    return { kind: "incident", id: this.event.incident_id ?? this.event.target.id, text: "incident" };
  }

  roleOf(side: "old" | "new"): Part {
    const values = this.event[side] ?? {};
    const id = String(values.role_id ?? "");
    return { kind: "role", id, text: String(values.role ?? this.names.role?.(id) ?? id) };
  }

  /** The key, and whose it is where somebody else did it. */
  key(): Part[] {
    const { id } = this.event.target;
    const name = this.text("name") ?? this.names.accessKey?.(id);
    const key: Part = { kind: "access_key", id, text: name ?? "key" };
    const whose: Part[] = this.own && this.event.actor.account_id ? [] : [" of ", this.about];
    return name ? ["the key ", key, ...whose] : [whose.length > 0 ? "the " : "an own ", key, ...whose];
  }

  changeOfKey(): Part[] {
    const changed = changes(this.event);
    const only = changed.length === 1 ? changed[0]! : undefined;
    switch (only?.member) {
      case "name":
        return [" renamed ", ...this.renamed(only)];
      case "disabled_at":
        return [only.new ? " disabled " : " enabled ", ...this.key()];
      case "expires_at":
        return [" changed the expiry of ", ...this.key()];
      case "permissions":
        return [" changed the permissions of ", ...this.key()];
      case "limits":
        return [" changed the caps of ", ...this.key()];
    }
    return [" changed ", ...this.key()];
  }

  private renamed(change: Change): Part[] {
    const key: Part = { kind: "access_key", id: this.event.target.id, text: String(change.old) };
    return ["the key ", key, ...(this.own ? [] : [" of ", this.about]), " to ", { text: String(change.new) }];
  }

  because(): string {
    if (this.event.incident_id) return ", in an incident";
    return becauses[String(this.event.new?.revoked_because)] ?? "";
  }

  count(): string {
    return plural(Number(this.event.new?.count ?? 0), "key");
  }

  ofMany(): Part[] {
    if (!this.event.account_id) return [" of everybody"];
    return this.own ? [] : [" of ", this.about];
  }

  credits(): Part[] {
    const amount = Number(this.event.new?.amount ?? 0);
    return amount < 0 ? [` took ${plural(-amount, "credit")} from `] : [` gave ${plural(amount, "credit")} to `];
  }

  private handle(id: string): string {
    if (id === this.event.actor.account_id && this.event.actor.handle) return this.event.actor.handle;
    return (this.event.target.kind === "account" && this.text("handle")) || this.names.account?.(id) || id;
  }

  private text(member: string): string | undefined {
    const value = this.event.new?.[member] ?? this.event.old?.[member];
    return typeof value === "string" && value !== "" ? value : undefined;
  }
}
