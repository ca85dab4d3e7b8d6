// SPDX-License-Identifier: Apache-2.0
// sanitize: the one way from HTML to DOM. A short list of elements and attributes, links only to the web and to mail
// addresses, classes only those of ours; everything else is dropped. What comes back is a fragment.
import DOMPurify from "./lib/purify.js";
import { h } from "./dom.js";

// The security fix that Debian put into its DOMPurify 2.4.1 reads a variable that it does not declare, and fails; it is
// meant to be the node before the first, which has no depth. Nothing else reads it.
globalThis.shadowNode ??= {};

const OUR_CLASS = /^(image|language-[\w+#.-]{1,30}|hljs-[\w-]{1,30})$/;

const ALLOWED = {
  ALLOWED_TAGS: ("p br hr h1 h2 h3 h4 h5 h6 strong em del code pre ul ol li blockquote table thead tbody tr th td a span " +
    "sub sup").split(" "),
  ALLOWED_ATTR: ["href", "class", "align", "start"],
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:)/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

/** Only classes of ours, whatever the text asked for. */
DOMPurify.addHook("uponSanitizeAttribute", (node, data) => {
  if (data.attrName === "class" && !OUR_CLASS.test(data.attrValue)) data.keepAttr = false;
});
DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.nodeName === "A") secureLink(node);
});

function secureLink(a) {
  const href = a.getAttribute("href");
  if (!href) return;
  a.setAttribute("target", "_blank");
  a.setAttribute("rel", "noopener noreferrer nofollow");
  a.setAttribute("title", href);
  const host = hostOf(href);
  if (host && !a.textContent.includes(host)) a.append(h("span.host", null, ` (${host})`));
}

function hostOf(href) {
  try {
    return new URL(href).host;
  } catch {
    return "";
  }
}

/** A fragment of what DOMPurify lets pass of this HTML. */
export function sanitized(html) {
  return DOMPurify.sanitize(html, ALLOWED);
}
