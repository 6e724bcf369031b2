import { fromNow, moment } from "./format";

/** A moment as one says it; exactly, in the reader's time zone, on hover. */
export function When({ at }: { at: string }) {
  return (
    <time dateTime={at} title={moment(at)}>
      {fromNow(at)}
    </time>
  );
}

/** A moment exactly, in the reader's time zone. */
export function Moment({ at }: { at: string }) {
  return (
    <time dateTime={at} title={fromNow(at)}>
      {moment(at)}
    </time>
  );
}
