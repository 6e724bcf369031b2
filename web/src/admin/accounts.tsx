import { Page } from "../ui/page";

export default function Accounts() {
  return <Page title="Accounts">{null}</Page>;
}
