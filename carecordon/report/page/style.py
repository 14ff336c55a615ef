"""How the page looks: light and dark, wide and at 320 pixels, on paper. Its hash stands in the page's policy.

Contrast of text is 4.5:1 or more and that of shapes 3:1 or more on every ground that they stand on (WCAG 2.2, 1.4.3
and 1.4.11); tests/report/page/test_style.py reckons it.
"""

from __future__ import annotations

LIGHT = {
    "paper": "#f7f7f4", "card": "#ffffff", "ink": "#17212b", "soft": "#4a5967", "line": "#d9dddf", "edge": "#7c8994",
    "link": "#0b5589", "code": "#f1f2ef", "note": "#eef4f8", "focus": "#0b5589",
    "critical": "#a30d22", "high": "#a54300", "medium": "#735500", "low": "#17608f", "informational": "#4a5967",
}  # fmt: skip
DARK = {
    "paper": "#10161c", "card": "#18212a", "ink": "#e9edf0", "soft": "#acb8c2", "line": "#2f3b46", "edge": "#7d8b97",
    "link": "#8ec9f2", "code": "#10181f", "note": "#1b2b38", "focus": "#ffd166",
    "critical": "#ff8f93", "high": "#ffab6b", "medium": "#f0cd62", "low": "#83c4f0", "informational": "#acb8c2",
}  # fmt: skip


def _tokens(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


_SHAPE = """
*,*::before,*::after{box-sizing:border-box}
html{color-scheme:light dark;-webkit-text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.55 "Segoe UI Variable Text","Segoe UI",system-ui,
-apple-system,"Helvetica Neue","Noto Sans","Liberation Sans",Arial,sans-serif;overflow-wrap:anywhere;
font-variant-numeric:tabular-nums}
h1,h2,h3,h4,p,ul,ol,dl,figure{margin:0}
h1{font-size:clamp(1.6rem,1.1rem + 2.2vw,2.5rem);line-height:1.15;letter-spacing:-.02em;font-weight:650;
text-wrap:balance}
h2{font-size:clamp(1.25rem,1.05rem + .8vw,1.6rem);line-height:1.25;letter-spacing:-.01em;font-weight:650;
text-wrap:balance}
h3{font-size:1.06rem;line-height:1.35;font-weight:650;margin-bottom:.6rem}
h4{font-size:.95rem;font-weight:650}
a{color:var(--link);text-underline-offset:.18em;text-decoration-thickness:.06em}
a:hover{text-decoration-thickness:.14em}
:focus-visible{outline:3px solid var(--focus);outline-offset:2px;border-radius:3px}
h2:focus{outline:none}
code,.line{font:.86em/1.5 ui-monospace,"Cascadia Mono","SF Mono",Menlo,Consolas,"Liberation Mono",monospace}
.chip,.whole{overflow-wrap:break-word}
.matches summary{white-space:nowrap}
.links{list-style:none;padding:0}
p code,li>code,.links code,td code,dd code{background:var(--code);border-radius:3px;padding:.05em .25em}
.soft{color:var(--soft)}
.name{display:inline-block;max-width:100%}
.lead{font-size:1.12rem;line-height:1.5;max-width:62ch}
.sprite{position:absolute}
.pair,.about>div,.fields>div,.lane,.story>li,.incident>h2,.body{grid-template-columns:minmax(0,1fr)}
.skip{position:absolute;left:1rem;top:-6rem;padding:.7rem 1rem;background:var(--card);color:var(--link);z-index:2;
border:2px solid var(--focus);border-radius:6px}
.skip:focus{top:1rem}
.frame{max-width:88rem;margin:0 auto;padding:0 clamp(.9rem,3vw,2.5rem)}
.top{border-top:6px solid var(--edge);padding-top:1.6rem;padding-bottom:1.8rem}
.top.l-critical,.top.l-high,.top.l-medium,.top.l-low{border-top-color:var(--level)}
.brand{font-size:.9rem;color:var(--soft);margin-bottom:1.1rem;display:flex;flex-wrap:wrap;gap:.2rem 1rem}
.brand strong{color:var(--ink);letter-spacing:.01em}
.top .badge{font-size:1rem;margin-bottom:.6rem}
.top .lead{margin-top:.6rem}
.warning{border:2px solid var(--critical);color:var(--critical);border-radius:8px;padding:.7rem 1rem;
margin-bottom:1.2rem;
font-weight:600}
.l-critical{--level:var(--critical)}.l-high{--level:var(--high)}.l-medium{--level:var(--medium)}
.l-low{--level:var(--low)}.l-informational{--level:var(--informational)}
.badge{display:inline-flex;align-items:center;gap:.38em;font-size:.82rem;font-weight:650;line-height:1.2;
color:var(--level);
border:1.5px solid var(--level);border-radius:99px;padding:.2em .65em .2em .5em;white-space:nowrap;
vertical-align:.1em;
letter-spacing:0}
.badge.l-critical{background:var(--critical);color:var(--card)}
.shape{width:.95em;height:.95em;fill:currentColor;flex:none}
.chip{display:inline-block;font-size:.8rem;line-height:1.5;font-weight:550;padding:0 .45em;border-radius:4px;
background:var(--code);border:1px solid var(--line);color:var(--ink);max-width:100%}
.contents{font-size:.94rem}
.contents ul{list-style:none;padding:0}
.contents a{display:block;padding:.3rem .6rem;min-height:1.75rem;border-radius:5px;text-decoration:none;
color:var(--ink)}
.contents a:hover{background:var(--line)}
.contents .within a{display:grid;grid-template-columns:auto 1fr;gap:.5rem;align-items:baseline;color:var(--soft);
line-height:1.35}
.contents .within .shape{color:var(--level);align-self:start;margin-top:.25em}
.contents .alike>summary{padding:.3rem .6rem;color:var(--soft);line-height:1.35}
.contents .within .within{padding-left:.9rem}.contents .within .within a{display:block}
.contents .within .more{padding:.3rem .6rem}
.alike .shape{color:var(--level)}.incidents .alike>summary .shape{display:none}
.incidents .within{list-style:none;padding:.2rem 0 0 1rem;font-weight:400}
.contents .soft{padding:.3rem .6rem}
.incident:nth-of-type(n+4){content-visibility:auto;contain-intrinsic-block-size:auto 60rem}
main>section,.incident{background:var(--card);border:1px solid var(--line);border-radius:12px;
padding:clamp(1rem,2.4vw,2rem);margin-bottom:1.6rem}
main>section>h2{margin-bottom:.9rem}
section>p+*,section>table+*,.part>*+*{margin-top:.9rem}
.part>h3+*{margin-top:0}
.incident{border-top:5px solid var(--level)}
.incident>h2{display:grid;gap:.55rem;justify-items:start}
.incident>.lead{margin-top:.6rem}
.part{border-top:1px solid var(--line);margin-top:1.7rem;padding-top:1.4rem}
.pair+.about{margin-top:.6rem;border-top:1px solid var(--line)}
.pair{display:grid;gap:1.4rem 2.4rem;margin-top:1.4rem}
.next{background:var(--note);border-left:4px solid var(--link);border-radius:0 8px 8px 0;padding:1.1rem 1.2rem;
align-self:start}
.next ol{padding-left:1.4rem}.next li+li{margin-top:.55rem}.next li::marker{font-weight:650}
.about>div{display:grid;gap:0 1rem;padding:.42rem 0;border-bottom:1px solid var(--line)}
.about>div:last-child{border-bottom:0}
.about dt{color:var(--soft);font-size:.9rem}.about dd{margin:0;min-width:0}
.chips{display:inline-flex;flex-wrap:wrap;gap:.3rem}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.2rem,1fr));gap:1px;margin:1.3rem 0 .4rem;
border:1px solid var(--line);border-radius:8px;overflow:hidden}
.figures>div{display:flex;flex-direction:column;padding:.75rem .9rem;outline:1px solid var(--line)}
.figures dt{font-size:.86rem;color:var(--soft)}
.figures dd{margin:0;font-size:1.5rem;line-height:1.3;font-weight:600;letter-spacing:-.01em}
.figures a{display:inline-block;min-height:24px}
table{border-collapse:collapse;width:100%;font-size:.93rem}
caption{text-align:left;font-size:.9rem;color:var(--soft);padding:0 0 .45rem}
th,td{text-align:left;vertical-align:top;padding:.5rem .8rem .5rem 0;border-bottom:1px solid var(--line)}
thead th{overflow-wrap:normal;font-size:.84rem;font-weight:600;color:var(--soft);border-bottom:1.5px solid var(--edge)}
tbody th{font-weight:400}
tbody tr:last-child>*{border-bottom:0}
.incidents tbody th{font-weight:600;line-height:1.35}.incidents a{display:inline-block;min-height:24px}
time,.count{white-space:nowrap}
.count+.count{margin-left:.8rem}
details>summary{cursor:pointer;min-height:28px;padding:.2rem 0;color:var(--link)}
details>summary:hover{text-decoration:underline;text-underline-offset:.18em}
.more{color:var(--soft);font-style:italic}
.lanes figcaption{color:var(--soft);font-size:.93rem;margin-bottom:.7rem}
.legend{display:inline-flex;flex-wrap:wrap;gap:.3rem;vertical-align:middle}
.tools{display:flex;flex-wrap:wrap;gap:.4rem;align-items:center;margin-bottom:.7rem}
.tools[hidden]{display:none}
.tools button{font:inherit;font-size:.9rem;min-height:2.1rem;padding:.2rem .8rem;border:1px solid var(--edge);
border-radius:6px;
background:var(--card);color:var(--link);cursor:pointer}
.tools button:hover{background:var(--note)}
.tools button[aria-disabled=true]{color:var(--soft);cursor:default;background:var(--paper)}
.state{color:var(--soft);font-size:.9rem;margin-left:.4rem}
.plot{border-top:1px solid var(--line)}
.lane{display:grid;padding:.15rem 0 .2rem;border-bottom:1px solid var(--line)}
.lane-name{font-size:.86rem;line-height:1.3;align-self:center}
.track{display:block;overflow:visible}
.density{padding-top:.4rem}
.bar{fill:var(--edge)}
.mark{fill:var(--level)}
.mark line{stroke:var(--level);stroke-width:4;stroke-linecap:round;stroke-opacity:.55}
.mark use{stroke:var(--card);stroke-width:1.6;paint-order:stroke}
.ruler text{font-size:.8rem;fill:var(--soft)}
.plot .lane:last-child{border-bottom:0}
.phase{margin-top:1.1rem;padding:.1rem 0 .1rem .7rem;border-left:4px solid var(--edge)}
.day{color:var(--soft);font-size:.9rem;margin:.7rem 0 .2rem}
.story{list-style:none;padding:0}
.story>li{display:grid;gap:0 1rem;padding:.5rem 0;border-bottom:1px solid var(--line)}
.story>li:last-child{border-bottom:0}
.when{font-weight:600}
.proof{font-size:.86rem}
.proof b{font-weight:550}
.tree>ul{margin-top:.3rem}
.tree ul{list-style:none;padding-left:0}
.tree ul ul{margin-left:.45rem;padding-left:clamp(.45rem,1.6vw,1.2rem);border-left:1.5px solid var(--line)}
.tree ul.deep{margin-left:0;padding-left:.3rem}
.process{padding:.4rem 0}
.process .line{display:block;background:var(--code);border-radius:5px;padding:.3rem .55rem;margin-top:.2rem;
white-space:pre-wrap}
.context .image{font-weight:500;color:var(--soft)}
.alerts{list-style:none;padding:0}
.alerts>li{padding:.7rem 0;border-bottom:1px solid var(--line)}
.alerts>li:last-child{border-bottom:0}
.places{list-style:none;padding:0;margin:.35rem 0 .2rem;font-size:.94rem}
.alert-title{line-height:1.6}
.alerts details>*{margin-bottom:.5rem}
.fields{font-size:.9rem}
.fields>div{display:grid;gap:0 1rem;padding:.18rem 0;border-bottom:1px dotted var(--line)}
.fields dt{color:var(--soft)}.fields dd{margin:0;min-width:0}
.events{list-style:none;padding:0 0 0 .2rem}
.score-bar{display:block;fill:var(--link);margin-top:.3rem}
.topics{list-style:none;padding:0}.topics>li+li{margin-top:1rem}
.topics ul{padding-left:1.2rem;margin-top:.2rem;color:var(--soft)}
footer{color:var(--soft);font-size:.9rem;padding-bottom:2.5rem}
"""

_WIDE = """
@media (min-width:40rem){
.about>div{grid-template-columns:9.5rem minmax(0,1fr)}
.fields>div{grid-template-columns:11rem minmax(0,1fr)}
.matches .fields>div{grid-template-columns:minmax(0,1fr)}
.lane{grid-template-columns:10.5rem minmax(0,1fr);gap:0 1rem}
.story>li{grid-template-columns:5rem minmax(0,1fr)}
.plot{padding-right:.5rem}
}
@media screen and (min-width:56rem){.incidents tbody th{min-width:15rem}}
@media (min-width:56rem){.pair{grid-template-columns:minmax(0,1.15fr) minmax(0,1fr)}}
@media (min-width:72rem){
.body{display:grid;grid-template-columns:15rem minmax(0,1fr);gap:2.4rem;align-items:start}
.contents{position:sticky;top:1rem;max-height:calc(100vh - 2rem);overflow-y:auto}
}
@media (max-width:71.99rem){
.contents{margin-bottom:1.4rem}
.contents ul:not(.within){display:flex;flex-wrap:wrap;gap:0 .3rem}
.contents .within{display:none}
.contents a{background:none;color:var(--link);text-decoration:underline}
}
@media screen and (max-width:55.99rem){
.stack,.stack tbody,.stack tr,.stack td,.stack tbody th{display:block}
.stack thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.stack caption{display:block}
.stack tr{border-bottom:1px solid var(--line);padding:.6rem 0}
.stack td,.stack tbody th{border:0;padding:.12rem 0}
.stack td::before{content:attr(data-label) ": ";color:var(--soft)}
}
@media screen and (max-width:39.99rem){
.ruler .minor{display:none}
.lane-name{padding:.2rem 0}
.plot{padding:0 .5rem}
}
"""

_CARE = """
@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}.skip{transition:top .12s}}
@media (forced-colors:active){.badge{border:1px solid}.mark,.bar,.score-bar{fill:CanvasText}
.mark line{stroke:CanvasText}}
@media print{
@page{margin:14mm}
body{background:#fff;font-size:10pt}
.contents,.skip,.tools,footer a{display:none}
.frame{max-width:none;padding:0}
main>section,.incident{border:0;border-top:1.5pt solid var(--edge);border-radius:0;padding:10pt 0;margin:0}
.incident:nth-of-type(n+4){content-visibility:visible}
.incident{border-top-width:3pt;break-before:page}
.incident:first-of-type{break-before:auto}
table{font-size:8.5pt}
table time{white-space:normal}
h2,h3,h4,.day,caption,thead{break-after:avoid}
.story>li,.alerts>li,tr,.next,.lanes,.process{break-inside:avoid}
.badge,.chip,.next,.mark,.bar,.score-bar{-webkit-print-color-adjust:exact;print-color-adjust:exact}
.figures{grid-template-columns:repeat(6,1fr)}
details:not(.quiet,.events *,.matches *)::details-content{content-visibility:visible;display:block;height:auto}
a{color:inherit;text-decoration:none}
}
"""

STYLE = (
    f":root{{{_tokens(LIGHT)}}}\n"
    f"@media screen and (prefers-color-scheme:dark){{:root{{{_tokens(DARK)}}}}}"
    f"{_SHAPE}{_WIDE}{_CARE}"
)
