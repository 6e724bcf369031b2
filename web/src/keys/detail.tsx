import { Page } from "../ui/page";

export default function AccessKeyDetail() {
  return <Page title="Access key">{null}</Page>;
}
