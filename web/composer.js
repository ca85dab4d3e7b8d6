// SPDX-License-Identifier: Apache-2.0
// composer: where a message is written: text, files (chosen, dropped or pasted), send and stop.
import { h, replace } from "./dom.js";
import { notice } from "./dialog.js";
import { read } from "./files.js";
import { icon, iconButton } from "./icons.js";
import { fileChip } from "./message.js";
import { t } from "./words.js";

/** does: {send(text, files), stop(), editLast()}
 *  {element, focus(), busy(on), fill(text), draft(), put(draft), takeDrops(element), remark(nodes...)} */
export function composer(does) {
  const files = [];
  const field = h("textarea.write", { rows: 1, placeholder: t("Write a message"), ariaLabel: t("Write a message"), autocomplete: "off" });
  const chips = h("div.files", { hidden: true });
  const input = h("input", { type: "file", multiple: true, hidden: true, tabIndex: -1, ariaHidden: "true" });
  const attach = iconButton("clip", t("Attach files as text"), { onclick: () => input.click() });
  const send = h("button.send", { ariaLabel: t("Send"), title: t("Send"), disabled: true }, icon("send"));
  const stop = h("button.send.stop", { type: "button", ariaLabel: t("Stop"), title: t("Stop (Escape)"), hidden: true, onclick: does.stop }, icon("stop"));
  const remark = h("div.composer-remark");
  const element = h("form.composer", null, chips, field, h("div.composer-row", null, attach, input, remark, send, stop));

  const changed = () => {
    send.disabled = !field.value.trim() && files.length === 0;
    field.style.height = "auto";
    field.style.height = Math.min(field.scrollHeight, innerHeight * 0.4) + "px";
    chips.hidden = files.length === 0;
    replace(chips, files.map((f) => fileChip(f, () => (files.splice(files.indexOf(f), 1), changed()))));
  };
  const take = async (list) => {
    for (const file of list) {
      try {
        files.push(await read(file));
      } catch (e) {
        notice(e.message);
      }
    }
    changed();
    field.focus();
  };
  const submit = () => {
    if (send.disabled || !stop.hidden) return;
    does.send(field.value.trim(), files.splice(0));
    field.value = "";
    changed();
  };
  const put = ({ text = "", attached = [] } = {}) => {
    field.value = text;
    files.splice(0, files.length, ...attached);
    changed();
  };
  listen(element, field, input, { changed, take, submit, does });
  return {
    element,
    focus: () => field.focus(),
    busy(on) {
      send.hidden = on;
      stop.hidden = !on;
    },
    fill(text) {
      field.value = text;
      changed();
      field.focus();
    },
    draft: () => ({ text: field.value, attached: [...files] }),
    put,
    takeDrops: (zone) => takeDrops(zone, take),
    remark: (...nodes) => replace(remark, nodes),
  };
}

function listen(element, field, input, { changed, take, submit, does }) {
  field.addEventListener("input", changed);
  field.addEventListener("keydown", (e) => {
    if (e.key === "Enter" && !e.shiftKey && !e.isComposing && matchMedia("(hover: hover)").matches) { // on a phone: a new line
      e.preventDefault();
      submit();
    } else if (e.key === "ArrowUp" && field.value === "") does.editLast();
  });
  field.addEventListener("paste", (e) => {
    if (e.clipboardData.files.length) {
      e.preventDefault();
      take(e.clipboardData.files);
    }
  });
  element.addEventListener("submit", (e) => (e.preventDefault(), submit()));
  input.addEventListener("change", () => take([...input.files]).then(() => (input.value = "")));
}

/** Files that are dropped anywhere on the conversation. */
function takeDrops(zone, take) {
  for (const kind of ["dragover", "dragleave", "drop"]) {
    zone.addEventListener(kind, (e) => {
      e.preventDefault();
      zone.classList.toggle("drop", kind === "dragover");
      if (kind === "drop") take([...e.dataTransfer.files]);
    });
  }
}
