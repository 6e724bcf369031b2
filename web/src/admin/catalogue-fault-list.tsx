import { LatchkeyError } from "@latchkey-dev/sdk";
import { useEffect, useRef } from "react";

import { plural } from "../ui/format";
import type { Placed } from "./catalogue-faults";

const told = new WeakSet<object>(); // a refusal takes the focus once, and not again when the view changes

/** Every fault that the service found, with a way to its place. It takes the focus when it appears. */
export function FaultList({ faults, refusal, place, onGo }: { faults: Placed[]; refusal: unknown; place?: (fault: Placed) => string; onGo: (fault: Placed) => void }) {
  const box = useRef<HTMLElement>(null);
  useEffect(() => {
    if (typeof refusal !== "object" || refusal === null || told.has(refusal)) return;
    // The dialog that closes gives the focus back to what opened it; then it is this list's.
    const later = setTimeout(() => {
      told.add(refusal);
      box.current?.focus();
    }, 50);
    return () => clearTimeout(later);
  }, [refusal]);
  const e = refusal instanceof LatchkeyError ? refusal : undefined;
  return (
    <section ref={box} tabIndex={-1} className="notice bad" aria-label="Faults of the catalogue">
      <p>
        <strong>The catalogue was not saved: {plural(faults.length, "fault")}.</strong> Correct each and save again. Nothing has changed for anybody.
      </p>
      <ul>
        {faults.map((f, i) => (
          <li key={`${i} ${f.place}`}>
            {f.section ? (
              <button type="button" className="link" onClick={() => onGo(f)}>
                <bdi>{place ? `${place(f)}: ${f.place}` : f.place}</bdi>
              </button>
            ) : (
              <code>{f.place}</code>
            )}{" "}
            {f.reason}
          </li>
        ))}
      </ul>
      {e?.traceId && (
        <p className="notice-foot">
          <span>
            Trace <code>{e.traceId}</code>
          </span>
        </p>
      )}
    </section>
  );
}
