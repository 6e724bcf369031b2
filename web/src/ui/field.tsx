import { useId, type InputHTMLAttributes, type ReactNode, type Ref, type SelectHTMLAttributes, type TextareaHTMLAttributes } from "react";

interface Around {
  label: ReactNode;
  /** What to know before typing. */
  hint?: ReactNode;
  /** What is wrong with what was typed. */
  error?: ReactNode;
}

// The parts of a field belong together for those who do not see them: the hint and the error describe the control.
function useParts({ label, hint, error }: Around) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return {
    control: { id, "aria-describedby": described || undefined, "aria-invalid": error ? true : undefined },
    before: (
      <label className="label" htmlFor={id}>
        {label}
      </label>
    ),
    after: (
      <>
        {hint && (
          <p className="hint" id={`${id}-hint`}>
            {hint}
          </p>
        )}
        {error && (
          <p className="wrong" id={`${id}-error`}>
            {error}
          </p>
        )}
      </>
    ),
  };
}

export function TextField({ label, hint, error, className = "", ...input }: Around & InputHTMLAttributes<HTMLInputElement> & { ref?: Ref<HTMLInputElement> }) {
  const { control, before, after } = useParts({ label, hint, error });
  return (
    <div className={`field ${className}`}>
      {before}
      <input className="input" dir="auto" {...control} {...input} />
      {after}
    </div>
  );
}

export function TextArea({ label, hint, error, className = "", ...input }: Around & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  const { control, before, after } = useParts({ label, hint, error });
  return (
    <div className={`field ${className}`}>
      {before}
      <textarea className="input" {...control} {...input} />
      {after}
    </div>
  );
}

export function SelectField({ label, hint, error, className = "", children, ...select }: Around & SelectHTMLAttributes<HTMLSelectElement>) {
  const { control, before, after } = useParts({ label, hint, error });
  return (
    <div className={`field ${className}`}>
      {before}
      <select className="input" {...control} {...select}>
        {children}
      </select>
      {after}
    </div>
  );
}

/** A checkbox or a radio button with its words beside it. */
export function Choice({ type = "checkbox", children, hint, ...input }: InputHTMLAttributes<HTMLInputElement> & { type?: "checkbox" | "radio"; hint?: ReactNode }) {
  const id = useId();
  return (
    <div className="choice">
      <input id={id} type={type} aria-describedby={hint ? `${id}-hint` : undefined} {...input} />
      <label htmlFor={id}>{children}</label>
      {hint && (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

export function Fieldset({ legend, children }: { legend: ReactNode; children: ReactNode }) {
  return (
    <fieldset className="fieldset">
      <legend className="label">{legend}</legend>
      {children}
    </fieldset>
  );
}
