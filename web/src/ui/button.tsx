import type { ButtonHTMLAttributes, Ref } from "react";
import { Link, type LinkProps } from "react-router";

type Kind = "primary" | "plain" | "danger" | "quiet";

/** While busy it cannot be pressed again, and says so to those who do not see it. It keeps the focus. */
export function Button({ kind = "plain", busy = false, type = "button", className = "", onClick, children, ...rest }: ButtonHTMLAttributes<HTMLButtonElement> & { kind?: Kind; busy?: boolean; ref?: Ref<HTMLButtonElement> }) {
  return (
    <button
      type={type}
      className={`button ${kind} ${className}`}
      aria-busy={busy || undefined}
      aria-disabled={busy || undefined}
      onClick={busy ? (e) => e.preventDefault() : onClick}
      {...rest}
    >
      {children}
      {busy && <span className="spinner" aria-hidden="true" />}
    </button>
  );
}

export function LinkButton({ kind = "plain", className = "", ...rest }: LinkProps & { kind?: Kind }) {
  return <Link className={`button ${kind} ${className}`} {...rest} />;
}
