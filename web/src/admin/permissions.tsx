import { Page } from "../ui/page";

export default function Permissions() {
  return <Page title="Permissions">{null}</Page>;
}
