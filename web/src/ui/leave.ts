import { useEffect } from "react";
import { useBlocker, type Blocker } from "react-router";

/**
 * Holds whoever leaves while something would be lost: by a way within the console, which waits in the Blocker for an answer, and
 * out of it, where the browser asks. `screen`: only who leaves the screen is held, not who changes what its address says of it.
 */
export function useAtStake(atStake: boolean, of: "address" | "screen" = "address"): Blocker {
  useEffect(() => {
    if (!atStake) return;
    const warn = (e: BeforeUnloadEvent) => e.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [atStake]);
  return useBlocker(({ currentLocation, nextLocation }) => atStake && (of === "address" || currentLocation.pathname !== nextLocation.pathname));
}
