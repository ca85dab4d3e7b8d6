// SPDX-License-Identifier: Apache-2.0
// files: files of the user as text in a message. What is not text is refused with the reason; nothing is cut.
import { t, bytes } from "./words.js";

const MOST = 1 << 20; // bytes of one file

/** {name, text} of a File; an Error says why not. */
export async function read(file) {
  if (file.size > MOST) {
    throw new Error(t("{name} is too large ({size}): {most} is the most. Attach the part that matters.",
      { name: file.name, size: bytes(file.size), most: bytes(MOST) }));
  }
  const data = await file.arrayBuffer();
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(data);
    if (!text.includes("\0")) return { name: file.name, text };
  } catch {
    // not UTF-8
  }
  throw new Error(t("{name} is not text (UTF-8), and only text can be read. Save it as text first.", { name: file.name }));
}

/** What the model gets: the files, each between fences that do not occur in it, then the words. */
export function withFiles(node) {
  const parts = (node.files ?? []).map(({ name, text }) => {
    const fence = fenceFor(text);
    return `${name}:\n${fence}\n${text.replace(/\n$/, "")}\n${fence}\n`;
  });
  return [...parts, node.content].join("\n");
}

function fenceFor(text) {
  const longest = Math.max(2, ...Array.from(text.matchAll(/`{3,}/g), (m) => m[0].length));
  return "`".repeat(longest + 1);
}
