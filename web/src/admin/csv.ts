// Comma-separated values as RFC 4180 has them, safe to open in a spreadsheet.

/**
 * A cell. One that a spreadsheet would take for a formula (it begins with =, +, -, @, a tab or a carriage return) gets an
 * apostrophe before it, which spreadsheets read as "this is text". Whoever reads the file with a program takes it off.
 */
export function cell(value: string): string {
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export const line = (values: readonly string[]) => values.map(cell).join(",") + "\r\n";

/** Spreadsheets take a file without it for one in their own old encoding. */
export const byteOrderMark = "\uFEFF";

/** Has the browser save a file. */
export function save(parts: string[], name: string, type = "text/csv;charset=utf-8") {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // some browsers read it after the click
}
