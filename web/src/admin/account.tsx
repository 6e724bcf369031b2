import { Page } from "../ui/page";

export default function AccountDetail() {
  return <Page title="Account">{null}</Page>;
}
