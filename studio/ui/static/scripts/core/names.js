// Names that are free. Pure.

/** `name`, or with the first number behind it that is not taken. */
export function freeName(name, taken) {
  let text = name;
  for (let count = 2; taken.includes(text); count += 1) text = `${name} ${count}`;
  return text;
}
