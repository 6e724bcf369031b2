import { Page } from "../ui/page";

export default function Health() {
  return <Page title="Health">{null}</Page>;
}
