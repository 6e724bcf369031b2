import { LatchkeyError, type Schema } from "@latchkey-dev/sdk";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";

import { api, queries, type Account } from "../api";
import { Button } from "../ui/button";
import { Actions } from "../ui/dialog";
import { Failure } from "../ui/failure";
import { SelectField, TextField } from "../ui/field";
import { number, plural } from "../ui/format";
import { notify } from "../ui/toast";

type Type = Schema<"CreditInput">["type"];

const types: Record<Type, string> = { grant: "Give", refund: "Give back (refund)", debit: "Take", adjust: "Put right (add, or take with a minus)" };

/** A reference that nobody used before. */
const newReference = () => `console-${crypto.randomUUID?.() ?? [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("")}`;

/** A whole number other than 0, negative only where it puts something right. */
function amountOf(text: string, type: Type): number | undefined {
  const n = Number(text.trim().replace("−", "-"));
  const fits = /^\s*[+\-−]?\d{1,13}\s*$/.test(text) && Number.isSafeInteger(n) && n !== 0 && Math.abs(n) <= 1e12 && (n > 0 || type === "adjust");
  return fits ? n : undefined;
}

/** Gives credits to an account, or takes some. The reference makes it safe to send the same again. */
export function GiveCredits({ account, balance, onClose }: { account: Account; balance: number; onClose: () => void }) {
  const [type, setType] = useState<Type>("grant");
  const [text, setText] = useState("");
  const [reference, setReference] = useState(newReference);
  const [tried, setTried] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => form.current?.querySelector<HTMLElement>("select")?.focus(), []);
  const amount = amountOf(text, type);
  const badReference = !/^[!-~]{1,100}$/.test(reference);
  const book = useMutation({
    mutationFn: () => api.accountCreditsAdd(account.id, { type, amount: amount!, idempotency_key: reference }),
    onSuccess: async ({ balance, entry }) => {
      await queries.invalidateQueries({ queryKey: ["admin", "credits", account.id] });
      notify(entry.amount > 0 ? `${plural(entry.amount, "credit")} given to ${account.handle}` : `${plural(-entry.amount, "credit")} taken from ${account.handle}`, `The balance is ${number(balance)} now.`);
      onClose();
    },
  });
  const lost = book.error instanceof LatchkeyError && (book.error.status === 0 || book.error.status >= 500);
  const after = amount === undefined ? undefined : balance + (type === "debit" ? -amount : amount);
  return (
    <form
      ref={form}
      className="form inner"
      aria-label="Credits"
      noValidate
      onSubmit={(e) => {
        e.preventDefault();
        setTried(true);
        if (amount !== undefined && !badReference && !book.isPending) book.mutate();
      }}
    >
      <div className="row">
        <SelectField label="What to do" value={type} onChange={(e) => setType(e.target.value as Type)}>
          {Object.entries(types).map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </SelectField>
        <TextField label="Amount" inputMode={type === "adjust" ? "text" : "numeric"} autoComplete="off" maxLength={14} required value={text} onChange={(e) => setText(e.target.value)} aria-invalid={tried && amount === undefined ? true : undefined} aria-describedby="amount-error" />
      </div>
      <p id="amount-error" className={tried && amount === undefined ? "wrong" : "hint"} role="status">
        {tried && amount === undefined
          ? type === "adjust"
            ? "A whole number other than 0, at most 1,000,000,000,000; with a minus it is taken."
            : "A whole number from 1 to 1,000,000,000,000."
          : after === undefined
            ? `The balance is ${number(balance)}.`
            : after < 0
              ? `There are only ${number(balance)}: the balance cannot fall below zero.`
              : `The balance becomes ${number(after)}, if nothing is used meanwhile.`}
      </p>
      <TextField
        label="Reference"
        hint="Yours, as the number of an invoice, or this one. The same reference is never booked twice: should the answer be lost, it is safe to send the same again."
        error={tried && badReference && "1 to 100 letters without accents, digits and signs, without blanks."}
        dir="ltr"
        autoComplete="off"
        spellCheck={false}
        maxLength={100}
        required
        value={reference}
        onChange={(e) => setReference(e.target.value)}
      />
      {book.isError && <Failure error={book.error} />}
      {lost && <p className="muted">It is not known whether it was booked. Send it again as it is: with the same reference it is booked once.</p>}
      <Actions>
        <Button disabled={book.isPending} onClick={onClose}>
          Cancel
        </Button>
        <Button kind="primary" type="submit" busy={book.isPending}>
          {book.isPending ? "Booking…" : lost ? "Send it again" : type === "debit" ? "Take credits" : type === "adjust" ? "Put right" : "Give credits"}
        </Button>
      </Actions>
    </form>
  );
}
