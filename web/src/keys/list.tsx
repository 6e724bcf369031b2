import { Page } from "../ui/page";

export function AccessKeys() {
  return <Page title="Access keys">{null}</Page>;
}
