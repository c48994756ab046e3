"""The page's looks: light and dark, wide and narrow, screen and paper; nothing is loaded."""

from __future__ import annotations

from fairseq_xling.report.colours import BLUE, DARK, LIGHT, ORANGE, STEPS, rules, scale

# Steps of a difference on either side of zero.
HALF = 11

_LIGHT = """--ground:#f6f6f4;--card:#ffffff;--ink:#16181d;--soft:#565a64;--line:#d9dade;--grid:#e8e8ea;
--one:#1f6fce;--two:#b8450f;--base:#71757f;--right:#3b82d6;--wrong:#e0a184;--cut:#16181d;--warn:#8a4a00;"""
_DARK = """--ground:#15171b;--card:#1d2025;--ink:#eceef2;--soft:#a9aeb9;--line:#3a3e46;--grid:#2b2e35;
--one:#6aa9f4;--two:#f08a56;--base:#9ba1ad;--right:#4a8fe2;--wrong:#9a5a3c;--cut:#eceef2;--warn:#f3b562;"""

_RULES = """
:root{color-scheme:light dark}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:3rem}
body{margin:0;background:var(--ground);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
header,main,footer{max-width:76rem;margin:0 auto;padding:0 1rem}
header{padding-top:1.5rem}
.lead{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:.5rem 3rem}
footer{padding:1rem 1rem 3rem;color:var(--soft);font-size:.85rem}
h1{font-size:1.65rem;line-height:1.2;margin:0 0 .3rem;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:0 0 .4rem}h3{font-size:1rem;margin:1.2rem 0 .4rem}
p{margin:.4rem 0 .8rem;max-width:50rem}.soft,.quiet,figcaption,caption{color:var(--soft)}
.warn{color:var(--warn);border-left:3px solid var(--warn);padding-left:.7rem}
a{color:var(--one)}a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:2px solid var(--one);
outline-offset:2px}
nav{position:sticky;top:0;z-index:2;background:var(--ground);border-bottom:1px solid var(--line)}
nav ul{max-width:76rem;margin:0 auto;padding:.45rem 1rem;display:flex;gap:1.1rem;list-style:none;overflow-x:auto;
white-space:nowrap;font-size:.9rem}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1rem 1.1rem;margin:1rem 0}
dl.facts{display:grid;grid-template-columns:max-content 1fr;gap:.1rem .9rem;margin:.6rem 0;font-size:.95rem}
dl.facts dt{color:var(--soft)}dl.facts dd{margin:0;overflow-wrap:anywhere;min-width:0}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(10.5rem,1fr));gap:.8rem;margin:1rem 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.7rem .9rem}
.tile b{display:block;font-size:1.7rem;line-height:1.2;font-weight:650}
.tile span{display:block;font-size:.83rem;color:var(--soft);line-height:1.35}
.scroll{overflow-x:auto;max-width:100%;-webkit-overflow-scrolling:touch}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-size:.85rem;padding-bottom:.3rem}
th,td{padding:.28rem .6rem;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap}
th{font-weight:600}thead th{color:var(--soft);border-bottom-color:var(--line);vertical-align:bottom}
th[scope=row],th.left,td.left{text-align:left}td.wrap{white-space:normal;min-width:14rem;max-width:32rem}
tr.total th,tr.total td{border-top:1px solid var(--line);font-weight:600}
th[scope=row] small{display:block;font-weight:400;color:var(--soft);white-space:normal;min-width:11rem;
max-width:22rem}
.grid{display:grid;gap:1.1rem 1.4rem;margin:.8rem 0;align-items:start}
.grid.charts{grid-template-columns:repeat(auto-fill,minmax(min(100%,20rem),1fr))}
.grid.bars{grid-template-columns:repeat(auto-fill,minmax(min(100%,14rem),1fr))}
.grid.maps{display:flex;flex-wrap:wrap}
figure{margin:0;min-width:0;max-width:100%}figcaption{font-size:.85rem;margin-bottom:.25rem}
figcaption b{color:var(--ink)}
svg{display:block;width:100%;height:auto;overflow:visible}svg.chart{max-width:30rem}svg.bars{max-width:20rem}
svg text{fill:var(--soft);font:11px system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
svg .tick{stroke:var(--grid)}svg .axis{stroke:var(--line)}svg .cut{stroke:var(--cut)}

svg .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.one{--c:var(--one)}.two{--c:var(--two)}.base{--c:var(--base)}svg .dash{stroke-dasharray:5 4}
svg .line,.swatch{stroke:var(--c)}svg .dot{fill:var(--c);stroke:var(--card);stroke-width:1}
svg .right{fill:var(--right)}svg .wrong{fill:var(--wrong)}svg .plain{fill:var(--base)}
svg .whisker{stroke:var(--soft)}svg .box{fill:var(--soft)}
ul.legend{list-style:none;margin:.2rem 0 0;padding:0;font-size:.83rem;display:flex;flex-wrap:wrap;
gap:.1rem 1rem;color:var(--soft)}
ul.legend svg{display:inline-block;width:26px;height:10px;vertical-align:middle;margin-right:.35rem}
ul.legend b{color:var(--ink);font-weight:600}
ul.legend i{display:inline-block;width:.8rem;height:.8rem;border-radius:2px;vertical-align:-.1rem;margin-right:.35rem}
table.map{border-collapse:separate;border-spacing:2px}
table.map th{border:0;padding:.1rem .35rem;font-weight:500;color:var(--soft);font-size:.82rem}
table.map thead th{text-align:center}
table.map td{border:0;border-radius:3px;padding:0;text-align:center;width:3.1rem;min-width:3.1rem;height:2rem;
font-size:.88rem}
table.map.mid td{width:2.3rem;min-width:2.3rem;height:1.7rem;font-size:.78rem}
table.map.many{border-spacing:1px}table.map.many th{font-size:.68rem;padding:0 .2rem}
table.map.many td{width:1.55rem;min-width:1.55rem;height:1.45rem;font-size:.66rem;border-radius:0}
table.map.crowd{border-spacing:0}table.map.crowd th{font-size:.5rem;padding:0 .15rem;line-height:1}
table.map.crowd td{width:.72rem;min-width:.72rem;height:.72rem;font-size:0;border-radius:0}
table.map.many thead th,table.map.crowd thead th{writing-mode:vertical-rl;padding:.2rem 0;vertical-align:bottom}
table.map td.self{background:repeating-linear-gradient(135deg,transparent 0 4px,var(--grid) 4px 5px)}
table.map td.none{background:var(--grid);color:var(--soft)}
.ramp{display:flex;align-items:center;gap:.5rem;font-size:.82rem;color:var(--soft);margin:.4rem 0}
.ramp span{display:inline-flex;border-radius:3px;overflow:hidden}.ramp i{width:.7rem;height:.75rem}
details{margin:.6rem 0}summary{cursor:pointer;font-weight:600;padding:.25rem 0}
details>summary+*{margin-top:.4rem}
table.samples td{vertical-align:top}
.said{display:flex;gap:.7rem;margin-bottom:.2rem}.said small{color:var(--soft);min-width:2.2rem;padding-top:.1rem}
.said bdi{flex:1;min-width:0;overflow-wrap:anywhere}table.samples th small{min-width:0}
table.samples th[scope=row]{vertical-align:top}
.inner{border-left:2px solid var(--grid);padding-left:.8rem}.inner details{margin:.15rem 0}
table.samples td.wrap{width:100%;min-width:16rem;max-width:none;text-align:left}
.mark{font-weight:600}.mark.no{color:var(--two)}.mark.yes{color:var(--one)}
.share{display:inline-block;height:.7rem;background:var(--one);border-radius:2px;vertical-align:-.05rem;min-width:1px}
td.bar{text-align:left;min-width:7rem}
pre{overflow-x:auto;background:var(--ground);border:1px solid var(--line);border-radius:6px;padding:.7rem;
font-size:.82rem;margin:.5rem 0}
code{font-size:.85em;overflow-wrap:anywhere}td code{white-space:normal}
td.changed{background:color-mix(in srgb,var(--one) 12%,transparent)}
@media (max-width:40rem){body{font-size:15px}header,main,footer{padding-left:.6rem;padding-right:.6rem}
section{padding:.8rem .75rem;border-radius:8px}.tiles{grid-template-columns:1fr 1fr;gap:.5rem}.tile b{font-size:1.35rem}
th,td{padding:.28rem .4rem}table.map td{width:2.35rem;min-width:2.35rem}
th[scope=row] small{display:none}.samples th[scope=row] small{display:inline;margin-left:.4rem}
tbody th[scope=row]{white-space:normal;max-width:7.5rem;position:sticky;left:0;background:var(--card);z-index:1}
table.samples,.samples tbody{display:block}.samples thead{display:none}
.samples tr{display:grid;grid-template-columns:1fr auto auto;border-bottom:1px solid var(--grid)}
.samples th,.samples td{border:0}.samples td.wrap,table.samples td.wrap{grid-column:1/-1;min-width:0}
.inner{padding-left:.4rem}thead th.left{white-space:normal}}
@media print{nav{display:none}body{background:#fff;font-size:11px}section,.tile{border:0;padding:0;background:none}
header,main,footer{max-width:none}
table.map td,.ramp i,.share,ul.legend i{print-color-adjust:exact;-webkit-print-color-adjust:exact}
figure,tr{break-inside:avoid}h2,h3{break-after:avoid}.scroll{overflow:visible}}
"""


def stylesheet() -> str:
    """One sheet; the dark scheme is for screens only, paper is always light."""
    cells = "".join(f".q{i}{{background:var(--q{i});color:var(--qi{i})}}" for i in range(STEPS))
    for letter in "pn":
        cells += "".join(
            f".{letter}{i}{{background:var(--{letter}{i});color:var(--{letter}i{i})}}" for i in range(HALF)
        )
    dark = f"@media screen and (prefers-color-scheme:dark){{:root{{{_DARK}{_scales(DARK)}}}}}"
    return f":root{{{_LIGHT}{_scales(LIGHT)}}}\n{dark}{_RULES}{cells}"


def _scales(ends: tuple[float, float]) -> str:
    middle = (ends[0], ends[0] + 0.72 * (ends[1] - ends[0]))
    halves = [rules("p", scale(middle, BLUE, HALF)), rules("n", scale(middle, ORANGE, HALF))]
    return rules("q", scale(ends)) + "".join(halves)
