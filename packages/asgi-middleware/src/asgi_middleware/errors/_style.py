"""The look of the debug page, in light and in dark."""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--bg:#f6f5f2;--card:#fff;--ink:#1d1c1a;--soft:#6b6860;--line:#e2dfd8;--red:#b3261e;
--tint:#fdf0ee;--mark:#ffd9d3;--note:#f4efe0;
--mono:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
@media(prefers-color-scheme:dark){:root{--bg:#16171a;--card:#1f2125;--ink:#e7e6e3;--soft:#9a988f;--line:#32353b;
--red:#ff8a7d;--tint:#36211f;--mark:#6e2c25;--note:#2c2a20}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:72rem;margin:0 auto;padding:2rem 1.25rem 1rem}
header{border-left:5px solid var(--red);padding:.1rem 0 .1rem 1.1rem;margin-bottom:1.75rem}
.request{margin:0;font:13px/1.5 var(--mono);color:var(--soft);overflow-wrap:anywhere}
.name{margin:.15rem 0;font-size:1.7rem;line-height:1.25;letter-spacing:-.01em;color:var(--red);overflow-wrap:anywhere}
h2{font-size:1.05rem;margin:0;display:inline}h2.name{font-size:1.3rem;display:block}
pre{margin:0;font:13px/1.55 var(--mono);white-space:pre-wrap;overflow-wrap:anywhere}
.message{font-size:1.02rem;line-height:1.5;max-height:22rem;overflow:auto}
.note{margin-top:.6rem;padding:.5rem .8rem;background:var(--note);border-radius:6px}
section{margin:0 0 1.25rem}
.origin{border-left:5px solid var(--line);padding:.1rem 0 .1rem 1.1rem;margin:2.25rem 0 1.25rem}
.relation,.order,.omitted{margin:0 0 .4rem;font-size:.8rem;color:var(--soft)}
.omitted{text-align:center;padding:.5rem}
.child{margin-left:1.1rem}
details{background:var(--card);border:1px solid var(--line);border-radius:8px;margin:0 0 .6rem;overflow:hidden}
summary{cursor:pointer;padding:.55rem .9rem;overflow-wrap:anywhere}
summary:hover{background:var(--tint)}
summary:focus-visible{outline:2px solid var(--red);outline-offset:-2px}
.frame>summary b{font:600 13px/1.5 var(--mono);margin-right:.6rem}
.path{font:12.5px/1.5 var(--mono);color:var(--soft)}.path em{font-style:normal;color:var(--ink)}
.library{border-style:dashed;background:none}.library>summary{color:var(--soft);font-size:.9rem}
.library>summary i{font:12.5px/1.5 var(--mono);font-style:normal;opacity:.8;margin-left:.5rem}
.library>.frame{margin:.6rem}
.child>details>:not(summary){margin-left:.9rem;margin-right:.9rem}
.code{overflow-x:auto;border-top:1px solid var(--line);padding:.4rem 0}
ol{list-style:none;margin:0;padding:0;min-width:max-content;font:13px/1.6 var(--mono)}
li{padding-right:1rem;white-space:pre}
li i{display:inline-block;width:4.2rem;padding-right:1.1rem;text-align:right;color:var(--soft);
font-style:normal;user-select:none}
code{font:inherit}
.failed{background:var(--tint);box-shadow:inset 4px 0 var(--red)}.failed i{color:var(--red);font-weight:600}
mark{background:var(--mark);color:inherit;border-radius:3px;padding:.1em 0}
table{width:100%;border-collapse:collapse;border-top:1px solid var(--line);font:12.5px/1.5 var(--mono);
table-layout:fixed}
th,td{text-align:left;vertical-align:top;padding:.3rem .9rem;border-top:1px solid var(--line);overflow-wrap:anywhere}
tr:first-child>*{border-top:0}th{width:min(14rem,33%);font-weight:500;color:var(--soft)}
pre.text{padding:.8rem .9rem;border-top:1px solid var(--line);overflow:auto;max-height:40rem}
footer{max-width:72rem;margin:0 auto;padding:0 1.25rem 2rem;color:var(--soft);font-size:.8rem}
"""
