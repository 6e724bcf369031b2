import { Page } from "../ui/page";

export default function AdminAccessKeys() {
  return <Page title="All keys">{null}</Page>;
}
