import { Latchkey } from "@latchkey-dev/sdk";

import type { Instance, Person } from "./instance";

/** Describes an API to the instance: media and people, a search that only reads and costs two credits, and an export. */
export async function describeMedia(admin: Person) {
  await admin.api.permissionCatalogueUpdate({
    resources: [
      { name: "media", title: "Media", paths: ["/media"], access: ["read", "write", "delete"] },
      { name: "people", title: "People", paths: ["/people"], access: ["read", "write"] },
    ],
    routes: [{ method: "POST", path: "/media/search", access: "read", credits: 2 }],
    flat: ["EXPORT"],
  });
}

/** Whether a secret opens anything, as its holder finds out. */
export async function works(instance: Instance, secret: string): Promise<boolean> {
  return new Latchkey({ baseUrl: instance.url, key: secret }).accessKeySelfGet().then(
    () => true,
    () => false,
  );
}

/** Uses a key for requests, as a service that asks Latchkey about each of them. */
export async function use(admin: Person, secret: string, method: string, path: string, times: number) {
  for (let i = 0; i < times; i++) await admin.api.accessKeyVerify({ key: secret, request: { method, path }, record: true });
}
