import type { Account, Catalogue } from "../src/api";
import { inShort, inWords, mayGive } from "../src/permissions";
import { Instance } from "./instance";
import { expect, newMember, test } from "./test";

// The catalogue is the whole instance's: this has one of its own.
test.describe.configure({ mode: "serial" });
let instance: Instance;
let admin: Awaited<ReturnType<Instance["setUp"]>>;
let catalogue: Catalogue;

test.beforeAll(async () => {
  instance = await Instance.start();
  admin = await instance.setUp();
  catalogue = await admin.api.permissionCatalogueUpdate({
    resources: [
      { name: "media", title: "Media", access: ["read", "write", "delete"], paths: ["/media"] },
      { name: "members", title: "Members", access: ["read", "write"], paths: ["/members"] },
      { name: "reports", access: ["read"], paths: ["/reports"] },
    ],
    flat: ["EXPORT_EVERYTHING"],
  });
});
test.afterAll(() => instance.stop());

const holders: string[][] = [
  [],
  ["*:*"],
  ["*:read"],
  ["*:write"],
  ["*:write", "*:delete"],
  ["media:*", "EXPORT_EVERYTHING"],
  ["members:write", "reports:read"],
  ["media:read", "*:delete", "VIEW_AUDIT_LOG"],
  ["MANAGE_ACCOUNTS", "members:*"],
];

test("what the console lets one tick is what the service lets one give to a key", async () => {
  test.slow(); // each holder asks for each permission there is
  for (const [i, held] of holders.entries()) {
    const holder = await newMember(instance, admin, `holder${i}`, ["USE_PERSONAL_ACCESS_KEYS", ...held]);
    await agree(await holder.api.accountGet(), async (permission) => {
      const { id } = await holder.api.accessKeyCreate({ name: permission, permissions: [permission] });
      await holder.api.accessKeyDelete(id);
    }, "key");
  }
  await agree(await admin.api.accountGet(), async (permission) => void (await admin.api.accessKeyCreate({ name: permission, permissions: [permission] })), "key");
});

test("and what it lets one give to a role", async () => {
  test.slow();
  for (const [i, held] of holders.entries()) {
    const holder = await newMember(instance, admin, `giver${i}`, ["MANAGE_ROLES", ...held]);
    await agree(await holder.api.accountGet(), async (permission) => {
      const { id } = await holder.api.roleCreate({ name: `By giver ${i}`, permissions: [permission] });
      await holder.api.roleDelete(id);
    }, "role");
  }
});

async function agree(account: Account, give: (permission: string) => Promise<void>, to: "key" | "role") {
  const service: string[] = [];
  for (const permission of catalogue.permissions) {
    await give(permission).then(
      () => service.push(permission),
      (e: { code?: string }) => expect(["permission_not_held", "permission_not_for_keys", "privilege_exceeded"]).toContain(e.code),
    );
  }
  expect(catalogue.permissions.filter((p) => mayGive(account, p, to)), `who holds ${account.permissions.join(" ")} may give to a ${to}`).toEqual(service);
}

test("permissions in words", () => {
  expect(inWords(null, catalogue)).toBe("do whatever your account may do, now and later");
  expect(inWords([], catalogue)).toBe("do nothing yet: choose at least one permission");
  expect(inWords(["media:read"], catalogue)).toBe("read Media, and nothing else");
  expect(inWords(["media:read", "reports:read", "media:delete"], catalogue)).toBe("read and delete Media; read reports, and nothing else");
  expect(inWords(["*:read", "media:read", "media:write"], catalogue)).toBe("read everything; write Media, and nothing else");
  // Members know no level for deletions: whoever writes them deletes them.
  expect(inWords(["members:write"], catalogue)).toBe("write and delete Members, and nothing else");
  expect(inWords(["*:write"], catalogue)).toBe("write everything, and nothing else");
  expect(inWords(["media:*", "EXPORT_EVERYTHING"], catalogue)).toMatch(/^read, write,? and delete Media; use EXPORT_EVERYTHING, and nothing else$/);
  expect(inWords(["GONE"], catalogue)).toBe("do nothing: the catalogue knows none of its permissions");
  expect(inShort(undefined, catalogue)).toBe("Same as owner");
  expect(inShort(["media:read", "members:read", "reports:read"], catalogue)).toBe("Read 3 resources");
  expect(inShort(["media:read", "members:write"], catalogue)).toBe("Read Media, and 1 more");
});

// The words are a claim about the service: what they say is what it decides.
test("what the words say a key may do is what the service lets it do", async () => {
  for (const permissions of [["members:write"], ["*:write"], ["media:*"], ["media:write"], ["*:read", "members:write"], ["*:delete"]]) {
    const { secret } = await admin.api.accessKeyCreate({ name: permissions.join(" "), permissions });
    for (const resource of catalogue.resources) {
      const alone: Catalogue = { ...catalogue, resources: [resource] };
      const words = inWords(permissions, alone);
      for (const [method, deed] of [["GET", "read"], ["POST", "write"], ["DELETE", "delete"]] as const) {
        const { valid } = await admin.api.accessKeyVerify({ key: secret, record: true, request: { method, path: `/${resource.name}/1` } });
        expect(words.includes(deed), `${permissions.join(" ")} on ${method} /${resource.name}: ${words}`).toBe(valid);
      }
    }
  }
});
