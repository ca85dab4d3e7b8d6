/* SPDX-License-Identifier: Apache-2.0 */
/* cli/logs_html: what was found as one HTML file that needs nothing else: no network, no other
 * file. Text of the log stands in it as JSON only and reaches the page through textContent. */
#include <string.h>

#include "base/limits.h"
#include "base/os.h"
#include "cli/logs_show.h"
#include "cli/opts.h"

static const char head[] =
    "<!doctype html><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'\"><title>moat logs</title><style>"
    ":root{--ink:#1c2330;--dim:#667085;--line:#e2e6ec;--bar:#7a8aa6;--bad:#c0392b;--paper:#fff;--"
    "soft:#f6f7f9}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--dim:#98a2b3;--line:#2c3442;--bar:#"
    "7f8fae;"
    "--bad:#ff7b6b;--paper:#12161d;--soft:#1a202a}}"
    "body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:0 "
    "auto;"
    "max-width:72rem;padding:1.5rem}h1{font-size:1.4rem;margin:0 0 .2rem}p{margin:.2rem "
    "0;color:var(--dim)}"
    "svg{display:block;width:100%;height:3rem}.file{margin:.8rem 0 "
    "0;font-size:.9rem}rect{fill:var(--bar)}"
    ".onset{fill:var(--bad)}form{display:flex;flex-wrap:wrap;gap:.6rem 1rem;margin:1.2rem "
    "0;align-items:center}"
    "input[type=search]{flex:1 1 14rem;font:inherit;padding:.35rem .6rem;border:1px solid "
    "var(--line);"
    "border-radius:.4rem;background:var(--paper);color:inherit}label{font-size:.9rem;white-space:"
    "nowrap}"
    "details{border:1px solid var(--line);border-radius:.5rem;margin:.5rem "
    "0;background:var(--paper)}"
    "summary{cursor:pointer;padding:.6rem .8rem;display:grid;grid-template-columns:2rem 1fr "
    "10rem;gap:.6rem;"
    "align-items:center}summary svg{height:1.6rem}summary b{font-weight:600;overflow-wrap:anywhere}"
    "small{color:var(--dim);display:block}.why{color:var(--bad)}pre{margin:0;padding:.6rem .8rem;"
    "background:var(--soft);overflow-x:auto;font:13px/1.5 ui-monospace,monospace;border-radius:0 0 "
    ".5rem .5rem}"
    "pre span{display:block}pre .hit{color:var(--bad);font-weight:600}a{color:inherit}"
    "@media(max-width:40rem){summary{grid-template-columns:1.5rem 1fr}summary svg{grid-column:2}}"
    "</style><h1>moat logs</h1><p id=\"when\"></p><div id=\"files\"></div><form id=\"form\">"
    "<input type=\"search\" id=\"q\"><span id=\"boxes\"></span></form>"
    "<div id=\"list\"></div><div id=\"sessions\"></div><script type=\"application/json\" "
    "id=\"data\">";

static const char tail[] =
    "</script><script>"
    "'use strict';const D=JSON.parse(document.getElementById('data').textContent),W=D.words,"
    "$=i=>document.getElementById(i),N='http://www.w3.org/2000/svg';"
    "function el(t,x,c){const "
    "e=document.createElement(t);if(x!==undefined)e.textContent=x;if(c)e.className=c;return e}"
    "function bars(b,on){const s=document.createElementNS(N,'svg'),m=Math.max(1,...b);"
    "s.setAttribute('viewBox','0 0 '+b.length*4+' "
    "40');s.setAttribute('preserveAspectRatio','none');"
    "b.forEach((v,i)=>{if(!v&&i!==on)return;const "
    "r=document.createElementNS(N,'rect'),h=v?Math.max(1.5,v/m*38):1.5;"
    "r.setAttribute('x',i*4);r.setAttribute('width',3);r.setAttribute('y',40-h);r.setAttribute('"
    "height',h);"
    "if(i===on)r.setAttribute('class','onset');s.append(r)});return s}"
    "const T=t=>Date.parse(t.replace(' ','T')+'Z'),span=T(D.to)-T(D.from)+1000,"
    "on=D.onset?Math.min(59,Math.floor((T(D.onset)-T(D.from))/span*60)):-1;"
    "$('when').textContent=D.from+' \\u2013 '+D.to+(D.onset?' \\u00b7 '+W.onset+' '+D.onset:'');"
    "for(const f of D.files){$('files').append(el('div',f.name+' \\u00b7 '+f.lines+' '+W.lines+' "
    "\\u00b7 '+f.events+' '+W.events,'file'),"
    "bars(f.bucket,on))}"
    "const boxes={};for(const f of D.files){const "
    "l=el('label'),c=document.createElement('input');c.type='checkbox';c.checked=true;"
    "boxes[f.name]=c;l.append(c,' '+f.name);$('boxes').append(l,' ')}$('q').placeholder=W.search;"
    "$('q').setAttribute('aria-label',W.search);"
    "const items=D.suspects.map(s=>{const "
    "d=document.createElement('details'),u=el('summary'),m=el('span');d.id='s'+s.rank;"
    "m.append(el('b',s.message));const i=el('small',s.file+':'+s.line+(s.time?' \\u00b7 "
    "'+s.time:'')+' \\u00b7 '+s.count+' '+W.lines+' \\u00b7 '+s.level);"
    "m.append(i,el('small',s.why.map(w=>W.why[w]).join('; "
    "'),'why'));u.append(el('span',s.rank),m,bars(s.bucket,on));d.append(u);"
    "const p=el('pre');for(const a of s.around)p.append(el('span',a.line+'  "
    "'+a.text,a.line===s.line?'hit':''));d.append(p);"
    "$('list').append(d);return[d,s]});if(items[0])items[0][0].open=true;"
    "if(D.explanation){const h=el('p',W.model+' '+D.explanation.model),u=el('ul');for(const x of "
    "D.explanation.statements)"
    "u.append(el('li',x.text+' ['+x.lines.join(', ')+']'));$('files').append(h,u)}"
    "function filter(){const q=$('q').value.toLowerCase();for(const[d,s]of items)"
    "d.hidden=!boxes[s.file].checked||!(s.message+' '+s.template+' "
    "'+s.event).toLowerCase().includes(q)}"
    "$('form').addEventListener('input',filter);$('form').addEventListener('submit',e=>e."
    "preventDefault());"
    "for(const t of D.sessions){const b=el('p',t.file+': '+t.count+' '+W.sessions+', "
    "'+t.n_broken+' '+W.broken);$('sessions').append(b);"
    "const p=el('pre');for(const x of t.broken.slice(0,200))p.append(el('span',t.file+':'+x.line+' "
    " '+x.id));if(t.broken.length)$('sessions').append(p)}"
    "</script>\n";

/* The words of the page in the language of the user. */
static json_t *words(void)
{
    json_t *why =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "first", _("the trouble begins here"),
                  "before", _("shortly before the trouble"), "new", _("not in the baseline"),
                  "appeared", _("never before"), "burst", _("far more often than before"),
                  "stopped", _("came all the time, and no longer does"), "rare", _("rare"), "bad",
                  _("bad by its level or words"));
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:o,s:s}", "onset", _("the trouble begins at"),
                     "lines", _("lines"), "events", _("kinds of lines"), "search",
                     _("filter by text"), "sessions", _("sessions"), "broken", _("broken"), "why",
                     why, "model", _("Said by the model"));
}

/* JSON may stand in a script element when it has no "<". */
static void add_safe(struct buf *out, struct str json)
{
    for (size_t i = 0; i < json.n; i++)
        if (json.p[i] == '<')
            buf_cstr(out, "\\u003c");
        else
            buf_byte(out, json.p[i]);
}

bool logs_show_html(const json_t *j, const char *path, struct err *e)
{
    struct buf json, out;
    struct os_atomic_file f;
    json_t *all = json_copy((json_t *)(uintptr_t)j);
    buf_init(&json, LIMIT_JSON_BYTES);
    buf_init(&out, 2 * LIMIT_JSON_BYTES);
    json_object_set_new(all, "words", words());
    bool ok = json_write(all, JSON_COMPACT, &json, e);
    buf_cstr(&out, head);
    add_safe(&out, buf_view(&json));
    buf_cstr(&out, tail);
    ok = ok && buf_ok(&out, "the report", e) && os_atomic_open(&f, path, e);
    if (ok) {
        ok = os_atomic_write(&f, out.p, out.n, e) && os_atomic_commit(&f, e);
        os_atomic_close(&f);
    }
    json_decref(all);
    buf_clear(&json);
    buf_clear(&out);
    return ok;
}
