/** The mark and the name. */
export function Brand() {
  return (
    <span className="brand">
      <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
        <rect className="brand-ground" width="32" height="32" rx="7" />
        <circle className="brand-key" cx="12" cy="16" r="5" />
        <path className="brand-key" d="M17 16h9.5M22.5 16v4M26 16v2.6" />
      </svg>
      Latchkey
    </span>
  );
}
