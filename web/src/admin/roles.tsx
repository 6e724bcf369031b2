import { Page } from "../ui/page";

export default function Roles() {
  return <Page title="Roles">{null}</Page>;
}
