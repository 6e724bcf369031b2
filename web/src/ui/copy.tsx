import { useEffect, useState } from "react";

import { Button } from "./button";

/** Puts a text on the clipboard and says so. */
export function CopyButton({ text, label, kind = "plain" }: { text: string; label: string; kind?: "plain" | "primary" | "quiet" }) {
  const [state, setState] = useState<"idle" | "copied" | "failed">("idle");
  useEffect(() => {
    if (state === "idle") return;
    const back = setTimeout(() => setState("idle"), 2500);
    return () => clearTimeout(back);
  }, [state]);
  return (
    <>
      <Button
        kind={kind}
        className="copy"
        onClick={() => {
          navigator.clipboard.writeText(text).then(
            () => setState("copied"),
            () => setState("failed"),
          );
        }}
      >
        {state === "copied" ? "Copied" : label}
      </Button>
      <span role="status" className={state === "failed" ? "wrong" : "sr-only"}>
        {state === "copied" && "Copied to the clipboard."}
        {state === "failed" && "The browser does not allow it: select the text and copy it by hand."}
      </span>
    </>
  );
}
